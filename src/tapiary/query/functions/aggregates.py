"""Aggregates: one value of a group's rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from tapiary.query import sql
from tapiary.query.coercion import NOTHING, as_double, as_text, literal
from tapiary.query.function_error import FunctionError
from tapiary.query.functions.registry import Context, Options, Registry
from tapiary.query.functions.texts import joined
from tapiary.query.types import DOUBLE, LONG, MAP, NUMBERS, STRING, Value

_DEFAULT_PERCENTILE = 95.0


def declare(functions: Registry) -> None:
    """Add these functions."""
    add = functions.add
    add("aggregates", "count([x])", "The number of rows in which x has a value")(_count)
    add("aggregates", "sum(x)", "The sum of numbers, 0 of none")(_sum)
    add("aggregates", "avg(x)", "The mean of numbers")(_mean)
    add("aggregates", "min(x)", "The least value")(_extreme("min"))
    add("aggregates", "max(x)", "The greatest value")(_extreme("max"))
    add("aggregates", "first(x)", "The first row's value")(_end("first"))
    add("aggregates", "last(x)", "The last row's value")(_end("last"))
    add("aggregates", "dc(x, normalSetPrecision=, sparseSetPrecision=)", "The number of different values")(_distinct)
    add("aggregates", "join(x, delimiter=, distinct=, limit=)", "The values' texts in a row, nulls left out; the "
        "default delimiter is a comma")(_join)
    add("aggregates", "prc(x, k=, percentile=)", "The k-th of 100-quantiles, 95 by default")(_percentile)
    add("aggregates", "prc95(x)", "The 95th of 100-quantiles")(_percentile)


def _count(args: Sequence[Value], options: Options, context: Context) -> Value:
    return Value(exp.Count(this=args[0].sql if args else exp.Star()), LONG)


def _sum(args: Sequence[Value], options: Options, context: Context) -> Value:
    kind = DOUBLE if args[0].type == DOUBLE else LONG
    number = args[0].sql if args[0].type in NUMBERS else sql.cast(exp.Null(), "BIGINT")
    total = sql.coalesce(sql.call("sum", number), literal(0 if kind == LONG else 0.0).sql)
    return Value(sql.try_cast(total, "BIGINT") if kind == LONG else total, kind)


def _mean(args: Sequence[Value], options: Options, context: Context) -> Value:
    return Value(sql.call("avg", as_double(args[0]) or sql.cast(exp.Null(), "DOUBLE")), DOUBLE)


def _extreme(name: str) -> Callable[[Sequence[Value], Options, Context], Value]:
    def build(args: Sequence[Value], options: Options, context: Context) -> Value:
        value = args[0] if args[0].type != MAP else NOTHING
        return Value(sql.call(name, value.sql), value.type)

    return build


def _end(name: str) -> Callable[[Sequence[Value], Options, Context], Value]:
    def build(args: Sequence[Value], options: Options, context: Context) -> Value:
        return Value(sql.call(name, _in_order(args[0].sql, context)), args[0].type)

    return build


def _in_order(item: exp.Expression, context: Context) -> exp.Expression:
    order = list(context.order())
    return exp.Order(this=item, expressions=[by.copy() for by in order]) if order else item


def _distinct(args: Sequence[Value], options: Options, context: Context) -> Value:
    """Counted, not estimated: DuckDB's estimate is off by some per cent even for a hundred values."""
    return Value(exp.Count(this=exp.Distinct(expressions=[args[0].sql])), LONG)


def _join(args: Sequence[Value], options: Options, context: Context) -> Value:
    text = as_text(args[0])
    if text is None:
        return Value(sql.call("any_value", sql.cast(exp.Null(), "VARCHAR")), STRING)
    there = exp.Where(this=sql.negation(sql.is_null(text)))
    items = exp.Filter(this=sql.call("list", _in_order(text, context)), expression=there)
    delimiter = options.text("delimiter")
    return Value(joined(items, "," if delimiter is None else delimiter, options), STRING)


def _percentile(args: Sequence[Value], options: Options, context: Context) -> Value:
    """The value below which k per cent lie, as in Sycope's examples: of n sorted ones that at k / 100 × n from 0."""
    wanted = options.number("k")
    if wanted is None:
        wanted = options.number("percentile")
    k = _DEFAULT_PERCENTILE if wanted is None else float(wanted)
    if not 0 <= k <= 100:
        raise FunctionError("prc: k is a number from 0 to 100.")
    number = as_double(args[0]) or sql.cast(exp.Null(), "DOUBLE")
    # A negative quantile counts from the greatest value: rounding up from there is rounding down from the least.
    quantile = (k - 100) / 100 or 1.0
    return Value(sql.call("quantile_disc", number, sql.double(quantile)), DOUBLE)
