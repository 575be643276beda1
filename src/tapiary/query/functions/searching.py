"""Searches in other tables as scalar subqueries: one value, all values, or whether there is a row, by equal keys.

The table's columns get names of their own inside, so that a key's expression always means the query's fields.
DuckDB turns such a subquery into one join with the distinct keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlglot import exp

from tapiary.query import sql
from tapiary.query.operators import equality
from tapiary.query.types import Type, Value, list_of

#: As many values as lookupAll gives at most.
MOST = 1000
_NET, _ROW = "_net", "_row"


@dataclass(frozen=True, slots=True)
class Table:
    """What is searched: the FROM item, the types of its columns, and what its rows are ordered by.

    Of a table of networks, `network_key` is the column whose key is an address; its networks are in `_net`.
    """

    source: exp.Expression
    fields: Mapping[str, Type]
    order: exp.Expression
    network_key: str | None = None


class Search:
    """The rows of a table whose columns equal the keys' values."""

    def __init__(self, table: Table, keys: Mapping[str, Value]) -> None:
        self._table = table
        self._keys = keys
        taken = {column.name for value in keys.values() for column in value.sql.find_all(exp.Column)}
        self._prefix = "_of_"
        while any(name.startswith(self._prefix) for name in taken):
            self._prefix += "_"

    def first(self, out: str) -> Value:
        """The value of a column in the first row (of networks: the narrowest one's), null without a row."""
        kind = self._table.fields[out]
        if self._table.network_key is None:
            return Value(self._rows(out, sql.call("arg_min_null", self._name("out"), self._name("row"))), kind)
        return Value(self._rows(out, sql.call("first", self._ordered())), kind)

    def every(self, out: str) -> Value:
        """The values of a column in all rows, in order, at most `MOST`; null without a row."""
        found = sql.call("list", self._ordered())
        cut = sql.call("list_slice", found, sql.integer(1), sql.integer(MOST))
        return Value(self._rows(out, cut), list_of(self._table.fields[out]))

    def exists(self) -> exp.Expression:
        """Whether there is a row."""
        return sql.known(self._rows(None, sql.binary(exp.GT, exp.Count(this=exp.Star()), sql.integer(0))))

    def _ordered(self) -> exp.Expression:
        by = [exp.Ordered(this=self._name("row"), nulls_first=False)]
        if self._table.network_key is not None:
            width = sql.call("array_slice", self._name("net"), sql.integer(33), sql.integer(33))
            by.insert(0, exp.Ordered(this=width, desc=True, nulls_first=False))
        return exp.Order(this=self._name("out"), expressions=by)

    def _name(self, part: str) -> exp.Expression:
        return exp.column(exp.to_identifier(self._prefix + part, quoted=True))

    def _rows(self, out: str | None, result: exp.Expression) -> exp.Expression:
        table, columns = self._table, {"row": self._table.order}
        if out is not None:
            columns["out"] = _column(out)
        conditions = []
        for place, (key, value) in enumerate(self._keys.items()):
            if key == table.network_key:
                continue
            columns[f"key{place}"] = _column(key)
            conditions.append(equality(Value(self._name(f"key{place}"), table.fields[key]), value))
        if table.network_key is not None:
            columns["net"] = _column(_NET)
        inner = exp.select(*(exp.alias_(sql_, self._prefix + name, quoted=True) for name, sql_ in columns.items()))
        rows = exp.select(result).from_(inner.from_(table.source.copy()).subquery())
        address = self._keys.get(table.network_key) if table.network_key is not None else None
        if address is not None:
            rows = self._joined(rows, address)
        return rows.where(*conditions).subquery() if conditions else rows.subquery()

    def _joined(self, rows: exp.Select, address: Value) -> exp.Select:
        """Join the networks that hold an address by equality: there are 33 that could, of IPv6 129.

        Compared by their ends, DuckDB would try every network for every address.
        """
        lengths = exp.select(sql.call("list", exp.Distinct(expressions=[
            sql.call("array_slice", _column(_NET), sql.integer(33), sql.integer(33))
        ]))).from_(self._table.source.copy()).subquery()
        around = sql.call("unnest", sql.call("nql_networks_around", address.sql, lengths))
        around_rows = exp.select(exp.alias_(around, self._prefix + "around", quoted=True)).subquery()
        return rows.join(around_rows, on=sql.equal(self._name("net"), self._name("around")))


def each_item(items: exp.Expression, found: Callable[[exp.Expression], Value]) -> Value:
    """What a search finds for each item of a list, as a list in the same order; null for no list."""
    name, place = "_each_item", "_each_place"
    value = found(exp.column(exp.to_identifier(name, quoted=True)))
    positions = sql.call("range", sql.call("len", items))
    rows = exp.select(
        exp.alias_(sql.call("unnest", items), name, quoted=True),
        exp.alias_(sql.call("unnest", positions), place, quoted=True),
    ).subquery()
    by = exp.Ordered(this=exp.column(exp.to_identifier(place, quoted=True)), nulls_first=False)
    listed = exp.select(sql.call("list", exp.Order(this=value.sql, expressions=[by]))).from_(rows).subquery()
    there = sql.negation(sql.is_null(items))
    return Value(sql.case((there, sql.coalesce(listed, sql.array()))), list_of(value.type))


def _column(name: str) -> exp.Expression:
    return exp.column(exp.to_identifier(name, quoted=True))
