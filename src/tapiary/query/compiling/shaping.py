"""Stages that keep rows as rows: where, set, project, sort, limit, tail, unwind."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from tapiary.query import sql, tree
from tapiary.query.compiling.expressions import Expressions
from tapiary.query.compiling.hoisting import prepared
from tapiary.query.compiling.options import Options
from tapiary.query.compiling.ranking import numbered, within
from tapiary.query.compiling.rows import STREAM, Key, Rows
from tapiary.query.compiling.run import Run
from tapiary.query.errors import Fault, quoted
from tapiary.query.types import Value


def where(run: Run, node: tree.Where, rows: Rows) -> Rows:
    """The rows that meet a condition."""
    rows, (condition,) = prepared(run, rows, [node.condition])
    return replace(rows, where=(*rows.where, Expressions(run, rows.columns).condition(condition))).visible()


def assign(run: Run, node: tree.Assign, rows: Rows) -> Rows:
    """Rows with computed fields: from left to right, each may name those before it.

    `add` leaves fields alone that there are; a field whose value is null is there.
    """
    for name, value in node.fields:
        if node.absent and name.text in rows.columns:
            continue
        rows, (wanted,) = prepared(run, rows, [value])
        found = Expressions(run, rows.columns).value(wanted)
        rows = rows.visible().with_column(name.text, found)
    return rows


def project(run: Run, node: tree.Project, rows: Rows) -> Rows:
    """Rows with chosen fields.

    With any `+field`, or any field that is named alone, only the named ones are left, in the order of their naming.
    Else `-field` leaves fields out and `field as name` renames them in their place, taking the place of any field
    of that name. Either way rows lose `_stream` unless it is named.
    """
    expressions = Expressions(run, rows.columns)
    found = [(choice, expressions.field(choice.name)) for choice in node.choices]
    kept = [(choice, value) for choice, value in found if choice.sign != "-"]
    if any(choice.sign == "+" or choice.alias is None for choice, _ in kept):
        chosen: dict[str, Value] = {}
        for choice, value in kept:
            name = choice.alias or choice.name.text
            if name in chosen:
                raise Fault(f"{quoted(name)} is named twice", choice.name.at)
            chosen[name] = value
        return rows.with_columns(chosen)
    dropped = {choice.name.text for choice, _ in found if choice.sign == "-"} | {STREAM}
    renamed = {choice.name.text: choice.alias for choice, _ in kept if choice.alias}
    if len(set(renamed.values())) < len(kept):
        raise Fault("two fields get the same name, or one gets two", node.at)
    dropped |= set(renamed.values()) - renamed.keys()
    return rows.with_columns(
        {renamed.get(name, name): value for name, value in rows.columns.items() if name not in dropped}
    )


def sort(run: Run, node: tree.Sort, rows: Rows) -> Rows:
    """Rows in an order, nulls last; `limit` or `outLimit`, whichever is less, is how many of them are left.

    Without them all are left: the manual's bounds of 100 thousand and a million are its engine's, not ours.
    """
    options = Options(node.options, "limit", "outLimit")
    bounds = [bound for name in ("limit", "outLimit") if (bound := options.number(name, None)) is not None]
    rows = run.open(rows, {name.text for name, _ in node.keys})
    expressions = Expressions(run, rows.columns)
    order = tuple(Key(expressions.field(name).sql, descending) for name, descending in node.keys)
    # A constant orders nothing, and a number would mean the column of that position.
    order = tuple(key for key in order if isinstance(key.value, exp.Column))
    return replace(rows, order=order, limit=min(bounds) if bounds else None)


def limit(run: Run, node: tree.Limit, rows: Rows) -> Rows:
    """The first rows behind an offset; with `by` the first ones of each value of these fields."""
    if node.by:
        return _limit_by(run, node, rows)
    if rows.cut:
        if not node.offset and node.count is not None:
            return replace(rows, limit=node.count if rows.limit is None else min(rows.limit, node.count))
        rows = run.nest(rows)
    return replace(rows, limit=node.count, offset=node.offset)


def _limit_by(run: Run, node: tree.Limit, rows: Rows) -> Rows:
    rows = run.open(rows, {name.text for name in node.by})
    expressions = Expressions(run, rows.columns)
    place = exp.Window(
        this=exp.RowNumber(),
        partition_by=[expressions.field(name).sql for name in node.by],
        order=exp.Order(expressions=[key.sql() for key in rows.order]) if rows.order else None,
    )
    return within(run, rows, place, None if node.count is None else node.offset + node.count, node.offset)


def tail(run: Run, node: tree.Tail, rows: Rows) -> Rows:
    """The last rows, in their order; of rows that were not sorted the last that came."""
    if rows.cut:
        rows = run.nest(rows)
    if not rows.order:
        rows, arrival = numbered(run, rows, exp.Window(this=exp.RowNumber()))
        rows = replace(rows, order=(Key(arrival, False),))
    last = run.nest(replace(rows, order=tuple(key.reversed() for key in rows.order), limit=node.count))
    return replace(last, order=tuple(key.reversed() for key in last.order))


def unwind(run: Run, node: tree.Unwind, rows: Rows) -> Rows:
    """One row for each item of a list. What is no list stays as it is, null too.

    An empty list leaves no row, or with `includeEmpty=true` one whose field is null.
    """
    empty = Options(node.options, "includeEmpty").flag("includeEmpty")
    found = Expressions(run, rows.columns).field(node.name)
    if found.type.item is None:
        return rows
    rows = run.open(rows)
    items = Expressions(run, rows.columns).field(node.name)
    whole = sql.is_null(items.sql)
    if empty:
        whole = sql.disjunction(whole, sql.equal(sql.call("len", items.sql), sql.integer(0)))
    single = sql.array(exp.Null())
    each = sql.call("unnest", sql.case((whole, single), otherwise=items.sql))
    assert items.type.item is not None
    columns = {**rows.columns, node.name.text: Value(each, items.type.item)}
    return run.nest(rows.with_columns(columns))
