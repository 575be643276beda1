"""top and rare: the most and the least frequent values; and fields: statistics about all fields."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from tapiary.query import sql, tree
from tapiary.query.coercion import as_text
from tapiary.query.compiling.aggregating import group_name
from tapiary.query.compiling.expressions import Expressions
from tapiary.query.compiling.hoisting import prepared
from tapiary.query.compiling.options import Options
from tapiary.query.compiling.ranking import numbered, within
from tapiary.query.compiling.rows import STREAM, Key, Rows, column, listed, named, table
from tapiary.query.compiling.run import Run
from tapiary.query.errors import Fault, quoted
from tapiary.query.types import LONG, STRING, Value, list_of

#: Values that top and rare give where `limit` does not say.
VALUES = 10
#: Fields that `fields` looks at where `maxFields` does not say, and values that it names of each.
FIELDS, COMMON = 500, 10
_COUNT = "_count"


def top(run: Run, node: tree.Top, rows: Rows) -> Rows:
    """Groups, the value, and how often it occurs as `_count`: `limit` values (10) of each group, nulls not counted.

    Values come by their frequency, equally frequent ones in their own order. `others=true` adds to each group a row
    without a value that counts all the others. `maxBuckets` is how many rows there are at most.
    """
    options = Options(node.options, "limit", "others", "maxBuckets")
    wanted = [*node.by, tree.Group(node.value, None)]
    rows, prepared_values = prepared(run, rows, [group.value for group in wanted])
    expressions = Expressions(run, rows.columns)
    values = [
        (group_name(group), expressions.value(value)) for group, value in zip(wanted, prepared_values, strict=True)
    ]
    names = [name for name, _ in values]
    if len({*names, _COUNT}) <= len(names):
        raise Fault("two fields of the result have the same name; name one with `as`", node.at)
    present = exp.Not(this=sql.is_null(values[-1][1].sql.copy()))
    rows = replace(rows, where=(*rows.where, present))
    count = Value(exp.Count(this=exp.Star()), LONG)
    grouped, keys = run.grouped(rows, {_COUNT: count}, [value for _, value in values])
    grouped = grouped.with_columns({**dict(zip(names, keys, strict=True)), _COUNT: grouped.columns[_COUNT]})
    last = options.number("limit", VALUES, least=1)
    frequency = Key(grouped.columns[_COUNT].sql, not node.rare)
    place = exp.Window(
        this=exp.RowNumber(),
        partition_by=[grouped.columns[name].sql.copy() for name in names[:-1]],
        order=exp.Order(expressions=[frequency.sql(), Key(grouped.columns[names[-1]].sql, False).sql()]),
    )
    if options.flag("others"):
        found = _with_others(run, grouped, place, last or VALUES)
    else:
        found = within(run, grouped, place, last)
    by = [Key(found.columns[name].sql, False) for name in names[:-1]]
    ties = [Key(found.columns[_COUNT].sql, not node.rare), Key(found.columns[names[-1]].sql, False)]
    # The row of the others comes behind all values of its group.
    rest = [Key(sql.is_null(found.columns[names[-1]].sql.copy()), False)] if options.flag("others") else []
    found = replace(found, order=(*by, *rest, *ties))
    most = options.number("maxBuckets", None, least=1)
    return found if most is None else replace(found, limit=most)


def _with_others(run: Run, rows: Rows, window: exp.Window, last: int) -> Rows:
    found, place = numbered(run, rows, window)
    *groups, value = [name for name in found.columns if name != _COUNT]
    kept = sql.case((sql.binary(exp.LTE, place.copy(), sql.integer(last)), found.columns[value].sql.copy()))
    keys = [*(found.columns[name] for name in groups), Value(kept, found.columns[value].type)]
    total = Value(sql.cast(exp.Sum(this=found.columns[_COUNT].sql.copy()), "BIGINT"), LONG)
    grouped, held = run.grouped(found, {_COUNT: total}, keys)
    columns = {**dict(zip([*groups, value], held, strict=True)), _COUNT: grouped.columns[_COUNT]}
    return grouped.with_columns(columns)


def fields(run: Run, node: tree.Fields, rows: Rows) -> Rows:
    """One row for each field: its name, type, how many rows have a value, how many none, how many distinct values
    there are, and the most common ones as texts.

    Distinct and most common values are estimated, in one pass. `maxTuples` is how many rows are looked at, `maxFields`
    how many fields, `topCount` how many values are named, `maxDistinctValuesPerField` where counting them ends.
    """
    options = Options(node.options, "maxFields", "maxTuples", "topCount", "maxDistinctValuesPerField")
    most_rows = options.number("maxTuples", None, least=1)
    if most_rows is not None:
        rows = replace(run.nest(rows) if rows.cut else rows, limit=most_rows)
    rows = run.open(rows)
    common = options.number("topCount", COMMON, least=1)
    ceiling = options.number("maxDistinctValuesPerField", None, least=1)
    if common is not None and common > 10_000:
        raise Fault(f"{quoted('topCount')} is 10000 at most", node.at)
    names = [name for name in rows.columns if name != STREAM][: options.number("maxFields", FIELDS)]
    if not names:
        raise Fault("these rows have no fields", node.at)
    structures = [_statistics(name, rows.columns[name], common or COMMON, ceiling) for name in names]
    select = rows.select(ordered=False)
    select.set("expressions", [named(sql.call("unnest", sql.array(*structures)), _STRUCTURE)])
    structure = column(run.keep(select), _STRUCTURE)
    parts = exp.Select().from_(table(structure.table), copy=False)
    parts.set("expressions", listed(
        {name: sql.call("struct_extract", structure.copy(), sql.text(name)) for name in _TYPES}
    ))  # fmt: skip
    relation = run.keep(parts)
    return Rows(
        table(relation), {name: Value(column(relation, name), kind) for name, kind in _TYPES.items()}, aggregated=True
    )


_STRUCTURE = "nql_statistics"
_TYPES = {"field": STRING, "type": STRING, "count": LONG, "missing": LONG, "distinct": LONG, "top": list_of(STRING)}


def _statistics(name: str, value: Value, common: int, ceiling: int | None) -> exp.Expression:
    text = as_text(value) or sql.cast(value.sql, "VARCHAR")
    distinct: exp.Expression = sql.call("approx_count_distinct", value.sql.copy())
    if ceiling is not None:
        distinct = exp.Least(this=distinct, expressions=[sql.integer(ceiling)])
    values = {
        "field": sql.text(name),
        "type": sql.text(str(value.type)),
        "count": exp.Count(this=value.sql.copy()),
        "missing": sql.binary(exp.Sub, exp.Count(this=exp.Star()), exp.Count(this=value.sql.copy())),
        "distinct": sql.cast(distinct, "BIGINT"),
        "top": sql.call("approx_top_k", sql.cast(text, "VARCHAR"), sql.integer(common)),
    }
    pairs = [exp.PropertyEQ(this=exp.to_identifier(key, quoted=True), expression=part) for key, part in values.items()]
    return exp.Struct(expressions=pairs)
