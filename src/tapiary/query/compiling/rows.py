"""Rows on their way through the stages: a SELECT in the making.

Adjacent stages go into one SELECT as long as that is the same; else what there is becomes a common table expression
that the next SELECT reads. DuckDB pushes filters and columns through one that is read once as through a subquery, and
computes one that is read several times once, with the columns and filters that its readers need.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sqlglot import exp

from tapiary.query.types import MAP, Value

#: What the names of our own columns begin with: fields' names hold no line ends. Nobody sees these columns.
HIDDEN = "\n"
#: The field that says which stream a raw row is of; it comes last, and groups have none.
STREAM = "_stream"


@dataclass(frozen=True, slots=True)
class Key:
    """One key of an order."""

    value: exp.Expression
    descending: bool
    #: Nulls come last; only where an order is turned round they come first.
    nulls_first: bool = False

    def sql(self) -> exp.Expression:
        """The key in ORDER BY."""
        return exp.Ordered(this=self.value.copy(), desc=self.descending, nulls_first=self.nulls_first)

    def reversed(self) -> Key:
        """The key of the opposite order."""
        return Key(self.value, not self.descending, not self.nulls_first)


@dataclass(frozen=True, slots=True)
class Rows:
    """What a stage gives to the next: a SELECT whose list, WHERE, ORDER BY and LIMIT are still open."""

    source: exp.Expression
    columns: Mapping[str, Value]
    joins: tuple[exp.Join, ...] = ()
    where: tuple[exp.Expression, ...] = ()
    order: tuple[Key, ...] = ()
    limit: int | None = None
    offset: int = 0
    #: Whether rows are groups of a stream's rows.
    aggregated: bool = False

    @property
    def cut(self) -> bool:
        """Whether a LIMIT stands, before which nothing may be added any more."""
        return self.limit is not None or self.offset > 0

    def visible(self) -> Rows:
        """The same rows without columns of our own."""
        if not any(name.startswith(HIDDEN) for name in self.columns):
            return self
        return self.with_columns({name: value for name, value in self.columns.items() if not name.startswith(HIDDEN)})

    def with_column(self, name: str, value: Value) -> Rows:
        """The same rows with a column more, or another one in its place; a new one stands before a last `_stream`."""
        columns = {**self.columns, name: value}
        if name not in self.columns and list(self.columns)[-1:] == [STREAM]:
            columns[STREAM] = columns.pop(STREAM)
        return self.with_columns(columns)

    def with_columns(self, columns: Mapping[str, Value]) -> Rows:
        """The same rows with other columns."""
        return replace(self, columns=columns)

    def select(self, *, ordered: bool) -> exp.Select:
        """FROM to LIMIT without a list; an order that only readers would see is left out unless `ordered`."""
        select = exp.Select().from_(self.source.copy(), copy=False)
        if self.joins:
            select.set("joins", [join.copy() for join in self.joins])
        if self.where:
            select.where(*(condition.copy() for condition in self.where), copy=False)
        if self.order and (ordered or self.cut):
            select.order_by(*(key.sql() for key in self.order), copy=False)
        if self.limit is not None:
            select.limit(self.limit, copy=False)
        if self.offset:
            select.offset(self.offset, copy=False)
        return select


def column(relation: str, name: str) -> exp.Column:
    """A column of a relation, both in quotes."""
    return exp.Column(this=exp.Identifier(this=name, quoted=True), table=exp.Identifier(this=relation, quoted=True))


def table(name: str) -> exp.Table:
    """A relation by its name, in quotes."""
    return exp.Table(this=exp.to_identifier(name, quoted=True))


def named(value: exp.Expression, name: str) -> exp.Alias:
    """`value AS "name"`."""
    return exp.Alias(this=value, alias=exp.Identifier(this=name, quoted=True))


def listed(values: Mapping[str, exp.Expression]) -> list[exp.Expression]:
    """The list of a SELECT; one of nothing has a column that nobody reads."""
    return [named(copied(value), name) for name, value in values.items()] or [named(exp.Null(), "nql_nothing")]


def copied(value: exp.Expression) -> exp.Expression:
    """A copy; streams have a hundred plain columns and more, which sqlglot copies slowly."""
    return column(value.table, value.name) if isinstance(value, exp.Column) else value.copy()


def plain(value: Value) -> bool:
    """Whether a value may stand anywhere as often as wanted: a column, or a constant (no map is: it holds values)."""
    return isinstance(value.sql, exp.Column) or (value.literal is not None and value.type != MAP)


def distinct_names(names: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """A name for each field inside of the SQL, where names that differ in case alone would be the same column."""
    used = {name.casefold() for name in taken}
    found = {}
    for name in names:
        inner = name
        while inner.casefold() in used:
            inner += "_"
        used.add(inner.casefold())
        found[name] = inner
    return found
