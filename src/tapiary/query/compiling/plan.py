"""The whole query: its pipe, and around that the one SELECT that is run."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from tapiary.query import tree
from tapiary.query.catalog import Catalog, Range
from tapiary.query.compiling.explain import explained
from tapiary.query.compiling.pipes import pipe, started
from tapiary.query.compiling.pruning import prune
from tapiary.query.compiling.rows import Rows, listed
from tapiary.query.compiling.run import Run
from tapiary.query.types import Type


@dataclass(frozen=True, slots=True)
class Plan:
    """A query that is ready to run."""

    #: One SELECT in DuckDB's dialect. One without columns gives a column that nobody reads, so that rows are counted.
    statement: exp.Select
    #: Names and types of the result's columns, in order. Names may differ in case alone.
    columns: tuple[tuple[str, Type], ...]
    #: The streams that the query reads.
    streams: frozenset[str]
    #: Relations of the lookups that the statement names (`Lookup.relation`).
    lookups: frozenset[str]
    #: The collector that the rows are kept as at the end, None when the query's last stage is no `dst`.
    dst: str | None
    #: Milliseconds that `sleep` asks to wait before the query runs.
    sleep_ms: int
    #: Whether rows are groups rather than rows of a stream.
    aggregated: bool


def plan(
    query: tree.Query, text: str, catalog: Catalog, *, now_ms: int, period: Range, default_stream: str | None
) -> Plan:
    """What a query's tree is to run; `Fault` says what cannot be, and where. `explain` shows pieces of `text`."""
    run = Run(catalog, now_ms, period, default_stream, pipe)
    rows = pipe(run, query, None)
    if rows is None:
        rows = run.unread or started(run, None, len(text))
    last = query.stages[-1] if query.stages else None
    statement = _statement(run, rows)
    types = tuple((name, value.type) for name, value in rows.columns.items())
    if query.explain:
        statement, types = explained(query, text, run.trace, rows, statement)
    return Plan(
        statement,
        types,
        frozenset(run.streams),
        frozenset(run.lookups),
        last.name if isinstance(last, tree.Store) and not query.explain else None,
        0 if query.explain else run.sleep_ms,
        rows.aggregated,
    )


def _statement(run: Run, rows: Rows) -> exp.Select:
    select = rows.select(ordered=True)
    select.set("expressions", listed({name: value.sql for name, value in rows.columns.items()}))
    if run.ctes:
        select.set("with_", exp.With(expressions=run.ctes))
        prune(select)
    return select
