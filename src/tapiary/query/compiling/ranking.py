"""Rows by their place among others: numbered, and cut off at a place."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from tapiary.query import sql
from tapiary.query.compiling.rows import HIDDEN, Rows
from tapiary.query.compiling.run import Run
from tapiary.query.types import LONG, Value

_PLACE = f"{HIDDEN}place"


def numbered(run: Run, rows: Rows, window: exp.Window) -> tuple[Rows, exp.Expression]:
    """The rows, and the place that a window function gives each of them."""
    found = run.nest(rows.with_columns({**rows.columns, _PLACE: Value(window, LONG)}))
    place = found.columns[_PLACE].sql
    return found.with_columns({name: value for name, value in found.columns.items() if name != _PLACE}), place


def within(run: Run, rows: Rows, window: exp.Window, last: int | None, offset: int = 0) -> Rows:
    """The rows whose place, counted from 1, lies behind `offset` and not behind `last`."""
    found, place = numbered(run, rows, window)
    conditions = []
    if offset:
        conditions.append(sql.binary(exp.GT, place.copy(), sql.integer(offset)))
    if last is not None:
        conditions.append(sql.binary(exp.LTE, place.copy(), sql.integer(last)))
    return replace(found, where=tuple(conditions))
