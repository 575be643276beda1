"""Streams as SELECTs over relations: a field is a name, a type, and the SQL that computes it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlglot import exp, parse_one

from tapiary.query import BOOLEAN, DOUBLE, IFC, IP, LONG, MAC, MAP, STRING, SUBNET, Range, Type

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: The first and the last moment that have a calendar date in four digits; rows beyond are on no query's mind.
_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_000
_SQL = {
    BOOLEAN: "BOOLEAN", LONG: "BIGINT", DOUBLE: "DOUBLE", STRING: "VARCHAR", IP: "BLOB", SUBNET: "BLOB", MAC: "BIGINT",
    IFC: "VARCHAR", MAP: "MAP(VARCHAR, VARCHAR)",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a stream; `sql` is an expression over the columns of the stream's relation."""

    name: str
    type: Type
    sql: str


def unknown(name: str, type: Type) -> Field:
    """A field of which nothing is known here: null in every row, for a list the empty list."""
    return Field(name, type, f"CAST({'[]' if type.item else 'NULL'} AS {sql_type(type)})")


def sql_type(type: Type) -> str:
    """DuckDB's type of a type's values."""
    return f"{sql_type(type.item)}[]" if type.item else _SQL[type]


def types(fields: Sequence[Field]) -> dict[str, Type]:
    """The types by name, as a stream has them."""
    return {field.name: field.type for field in fields}


class Rows:
    """What a stream makes of its relation's rows: its fields, each parsed once, and computed where a query asks for it.

    A SELECT is opened by `select` and filled by `fill` when it is known what is read of it: binding the hundred fields
    of a flow takes the engine longer than many a query.
    """

    def __init__(self, fields: Sequence[Field], *, groups: int = 0) -> None:
        """groups: the first so many fields are the groups of an aggregation, of which the others are aggregates."""
        self.types: Mapping[str, Type] = types(fields)
        self._fields = {field.name: field for field in fields}
        self._groups = tuple(self._fields)[:groups]
        self._parsed: dict[str, exp.Alias] = {}

    def select(self, source: exp.Expression, *conditions: exp.Expression) -> exp.Select:
        """SELECT … FROM a table or subquery WHERE all of the conditions; `fill` gives it its list."""
        found = exp.select(exp.Star()).from_(source)
        for condition in conditions:
            found = found.where(condition, copy=False)
        if self._groups:
            found = found.group_by(*(exp.Literal.number(at + 1) for at in range(len(self._groups))), copy=False)
        return found

    def fill(self, select: exp.Select, names: Collection[str]) -> exp.Select:
        """Let a SELECT of ours give these fields, and the groups, by which it is put together."""
        wanted = [name for name in self._fields if name in self._groups or name in names]
        select.set("expressions", [self._column(name) for name in wanted] or [exp.alias_(exp.null(), "nothing")])
        return select

    def _column(self, name: str) -> exp.Alias:
        if name not in self._parsed:
            value = parse_one(self._fields[name].sql, dialect="duckdb")
            self._parsed[name] = exp.Alias(this=value, alias=exp.to_identifier(name, quoted=True))
        return self._parsed[name].copy()


def relation(name: str) -> exp.Table:
    """A relation that the query is given."""
    return exp.Table(this=exp.to_identifier(name, quoted=True))


def column(name: str) -> exp.Column:
    """A column of the relation."""
    return exp.Column(this=exp.to_identifier(name, quoted=True))


def begun(range: Range, *, step_ms: int = 1) -> list[exp.Expression]:
    """That flows began in a range: plain comparisons with constants, by which whole files and row groups are left out.

    step_ms: the range chooses by times that are rounded down to so much.
    """
    found: list[exp.Expression] = []
    for kind, milliseconds in ((exp.GTE, range.start_ms), (exp.LT, range.end_ms)):
        if milliseconds is not None:
            moment = _moment(-(-milliseconds // step_ms) * step_ms)
            text = exp.Literal.string(moment.isoformat(sep=" ", timespec="milliseconds"))
            found.append(kind(this=column("first_seen"), expression=exp.cast(text, "TIMESTAMPTZ")))
            # The table's folders are days.
            day = exp.cast(exp.Literal.string(moment.date().isoformat()), "DATE")
            found.append((exp.GTE if kind is exp.GTE else exp.LTE)(this=column("day"), expression=day))
    return found


def _moment(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=min(max(milliseconds, _FIRST_MS), _LAST_MS))
