"""Collectors: rows that a query has stored, asked from within another."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from tapiary.query.catalog import Range, Stream
from tapiary.query.coercion import NOTHING
from tapiary.query.functions.lookups import constant_keys, constant_text, otherwise
from tapiary.query.functions.registry import Context, Options, Registry
from tapiary.query.functions.searching import Search, Table
from tapiary.query.types import BOOLEAN, Value


def declare(functions: Registry) -> None:
    """Add these functions."""
    add = functions.add
    add("collectors", "valInColl(x, collector, field, maxCacheSize=)", "Whether a row of the collector has the value "
        "in the field")(_value_in)
    add("collectors", "collExists(collector)", "Whether there is such a collector")(_exists)
    add("collectors", "valColl(collector, field, keys, default=)", "The field's value in the first row of a collector "
        "whose fields equal the keys {field: value, …}")(_value_of)


def _table(stream: Stream) -> Table:
    number = exp.Window(this=exp.RowNumber())
    return Table(stream.select(Range()).subquery(), stream.fields, number)


def _value_in(args: Sequence[Value], options: Options, context: Context) -> Value:
    """maxCacheSize has no effect: a collector is searched at once for all rows."""
    stream = context.collector(constant_text("valInColl", args[1], 1))
    field = constant_text("valInColl", args[2], 2)
    if stream is None or field not in stream.fields:
        return NOTHING
    return Value(Search(_table(stream), {field: args[0]}).exists(), BOOLEAN)


def _exists(args: Sequence[Value], options: Options, context: Context) -> Value:
    return Value(exp.Boolean(this=context.collector(constant_text("collExists", args[0], 0)) is not None), BOOLEAN)


def _value_of(args: Sequence[Value], options: Options, context: Context) -> Value:
    stream = context.collector(constant_text("valColl", args[0], 0))
    field, keys = constant_text("valColl", args[1], 1), constant_keys("valColl", args[2], 2)
    found = NOTHING
    if stream is not None and field in stream.fields and all(key in stream.fields for key in keys):
        found = Search(_table(stream), keys).first(field)
    return otherwise(found, options, next(iter(keys.values())))
