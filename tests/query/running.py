"""Functions and operators as the engine computes them: once over constants, once over columns of a table."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import duckdb
from sqlglot import exp

from tapiary.query import sql
from tapiary.query.catalog import Lookup, Range, Stream
from tapiary.query.coercion import literal
from tapiary.query.constants import address, interface, mac, network
from tapiary.query.engine import ENGINE_FUNCTIONS
from tapiary.query.functions import aggregate, call
from tapiary.query.rendering import readable
from tapiary.query.types import IFC, IP, LONG, MAC, MAP, NULL, SUBNET, Type, Value

NOW_MS = 1_622_653_803_000
_LOCAL = threading.local()


def connect() -> duckdb.DuckDBPyConnection:
    """A DuckDB with NQL's functions."""
    connection = duckdb.connect(config={"threads": 1})
    for name, (function, kinds, result) in ENGINE_FUNCTIONS.items():
        connection.create_function(name, function, list(kinds), result, type="arrow", null_handling="special")
    return connection


def database() -> duckdb.DuckDBPyConnection:
    """One such DuckDB for all tests of a thread."""
    if not hasattr(_LOCAL, "connection"):
        _LOCAL.connection = connect()
    connection: duckdb.DuckDBPyConnection = _LOCAL.connection
    return connection


@dataclass
class Names:
    """A catalogue of what a test gives it."""

    tables: Mapping[str, Lookup] = field(default_factory=dict)
    collectors: Mapping[str, Stream] = field(default_factory=dict)
    streams: Mapping[str, Stream] = field(default_factory=dict)
    predicates: Mapping[str, str] = field(default_factory=dict)

    def stream(self, name: str) -> Stream | None:
        return self.streams.get(name)

    def stream_names(self) -> Sequence[str]:
        return list(self.streams)

    def collector(self, name: str) -> Stream | None:
        return self.collectors.get(name)

    def lookup(self, name: str) -> Lookup | None:
        return self.tables.get(name)

    def macro(self, name: str) -> str | None:
        return None

    def profiles(self) -> Mapping[str, str]:
        return self.predicates


@dataclass
class Asking:
    """The context of one call."""

    catalog: Names = field(default_factory=Names)
    now_ms: int = NOW_MS
    lookups: set[str] = field(default_factory=set)
    sorted_by: Sequence[exp.Expression] = ()

    def predicate(self, nql: str) -> Value:
        return literal(nql == "true")

    def collector(self, name: str) -> Stream | None:
        return self.catalog.collector(name)

    def order(self) -> Sequence[exp.Expression]:
        return self.sorted_by


def stream(name: str, relation: str, fields: Mapping[str, Type]) -> Stream:
    """A stream of a table that the database has."""

    def select(relation: str, _: Range) -> exp.Select:
        return exp.select(*(exp.column(exp.to_identifier(each, quoted=True)) for each in fields)).from_(relation)

    return Stream(name, fields, partial(select, relation), timed=False)


def value(given: Any) -> Value:
    """A Python value as a constant; a map's values too."""
    if isinstance(given, Value):
        return given
    if isinstance(given, dict):
        return Value(exp.Null(), MAP, ({key: value(each) for key, each in given.items()},))
    return literal(given)


def ip(text: str) -> Value:
    """An address that is no text."""
    stored = address(text)
    assert stored is not None
    return Value(sql.octets(stored), IP)


def subnet(text: str) -> Value:
    """A network that is no text."""
    stored = network(text)
    assert stored is not None
    return Value(sql.octets(stored), SUBNET)


def mac_of(text: str) -> Value:
    """A link-layer address that is no text."""
    stored = mac(text)
    assert stored is not None
    return Value(sql.integer(stored), MAC)


def ifc(text: str) -> Value:
    """An interface that is no text."""
    written = interface(text)
    assert written is not None
    return Value(sql.text(written), IFC)


def missing(kind: Type) -> Value:
    """A null of a type, as rows have it."""
    kinds = {IP: "BLOB", SUBNET: "BLOB", MAC: "BIGINT", IFC: "VARCHAR", LONG: "BIGINT"}
    names = {"boolean": "BOOLEAN", "double": "DOUBLE", "string": "VARCHAR", "map": "MAP(VARCHAR, VARCHAR)"}
    if kind.item is not None:
        return Value(sql.cast(exp.Null(), f"{kinds.get(kind.item) or names[kind.item.name]}[]"), kind)
    return Value(sql.cast(exp.Null(), kinds.get(kind) or names[kind.name]), kind)


def computed(result: Value, columns: Mapping[str, Value] | None = None) -> Any:
    """The value of an expression as users read it, over one row of these columns."""
    select = exp.select(exp.alias_(result.sql.copy(), "result"))
    if columns:
        row = exp.select(*(exp.alias_(each.sql.copy(), name) for name, each in columns.items()))
        select = select.from_(row.subquery("one"))
    ((found,),) = database().execute(select.sql("duckdb")).fetchall()
    return readable(found, result.type)


def run(name: str, /, *args: Any, context: Asking | None = None, **options: Any) -> Any:
    """The result of a function, which must be the same over constants and over columns."""
    context = context or Asking()
    constants = [value(given) for given in args]
    named = {option: value(given) for option, given in options.items()}
    columns: dict[str, Value] = {}
    variables = []
    for place, constant in enumerate(constants):
        if constant.type in (NULL, MAP) or constant.type.name == "regex":
            variables.append(constant)
            continue
        columns[f"a{place}"] = constant
        variables.append(Value(exp.column(f"a{place}", table="one"), constant.type))
    found = computed(call(name, constants, named, context))
    again = call(name, variables, named, context)
    assert same(computed(again, columns or None), found), again.sql.sql("duckdb")
    return found


def same(one: Any, other: Any) -> bool:
    """Whether two results are equal; a double may differ in its last digits."""
    if isinstance(one, float) and isinstance(other, float):
        return one == other or abs(one - other) <= 1e-9 * max(abs(one), abs(other))
    return type(one) is type(other) and bool(one == other)


def aggregated(name: str, rows: Sequence[Any], *, context: Asking | None = None, **options: Any) -> Any:
    """The result of an aggregate over rows, in this order; all constants of one type, or null."""
    values = [value(given) for given in rows]
    kind = next((each.type for each in values if each.type != NULL), NULL)
    context = context or Asking(sorted_by=[exp.Ordered(this=exp.column("place"), nulls_first=False)])
    named = {option: value(given) for option, given in options.items()}
    result = aggregate(name, [Value(exp.column("x"), kind)], named, context)
    selects = [
        exp.select(exp.alias_(each.sql, "x"), exp.alias_(sql.integer(place), "place"))
        for place, each in enumerate(values)
    ]
    none = exp.select(exp.alias_(exp.Null(), "x"), exp.alias_(sql.integer(0), "place")).where(exp.false())
    table = exp.union(none, *selects, distinct=False) if selects else none
    select = exp.select(exp.alias_(result.sql, "result")).from_(table.subquery("rows"))
    ((found,),) = database().execute(select.sql("duckdb")).fetchall()
    return readable(found, result.type)
