"""Streams as SELECTs over relations: a field is a name, a type, and the SQL that computes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlglot import exp, parse_one

from tapiary.query import Range, Type
from tapiary.query.types import BOOLEAN, DOUBLE, IFC, IP, LONG, MAC, MAP, STRING, SUBNET

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
    """A relation's rows as a stream: parsed once, given out as often as queries ask."""

    def __init__(self, fields: Sequence[Field], *, groups: int = 0) -> None:
        """groups: the first so many fields are the groups of an aggregation, of which the others are aggregates."""
        self.types: Mapping[str, Type] = types(fields)
        self._fields = tuple(fields)
        self._groups = groups
        self._columns: list[exp.Expression] = []

    def select(self, source: exp.Expression, *conditions: exp.Expression) -> exp.Select:
        """SELECT all fields FROM a table or subquery WHERE all of the conditions."""
        if not self._columns:
            self._columns = [
                exp.alias_(parse_one(field.sql, dialect="duckdb"), exp.to_identifier(field.name, quoted=True))
                for field in self._fields
            ]
        found = exp.select(*self._columns).from_(source)
        for condition in conditions:
            found = found.where(condition, copy=False)
        if self._groups:
            found = found.group_by(*(exp.Literal.number(at + 1) for at in range(self._groups)), copy=False)
        return found


def relation(name: str) -> exp.Table:
    """A relation that the query is given."""
    return exp.Table(this=exp.to_identifier(name, quoted=True))


def column(name: str) -> exp.Column:
    """A column of the relation."""
    return exp.Column(this=exp.to_identifier(name, quoted=True))


def within(name: str, range: Range, *, step_ms: int = 1) -> list[exp.Expression]:
    """That a column of moments lies in a range: plain comparisons with constants, which reach the files.

    step_ms: what the rows are rounded down to, later, before the range is meant to choose by it.
    """
    found: list[exp.Expression] = []
    if range.start_ms is not None:
        found.append(exp.GTE(this=column(name), expression=_moment(-(-range.start_ms // step_ms) * step_ms)))
    if range.end_ms is not None:
        found.append(exp.LT(this=column(name), expression=_moment(-(-range.end_ms // step_ms) * step_ms)))
    return found




def _moment(milliseconds: int) -> exp.Expression:
    moment = _EPOCH + timedelta(milliseconds=min(max(milliseconds, _FIRST_MS), _LAST_MS))
    return exp.cast(exp.Literal.string(moment.isoformat(sep=" ", timespec="milliseconds")), "TIMESTAMPTZ")
