"""Pipes: stage after stage, each compiled by what its command is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tapiary.query import tree
from tapiary.query.compiling.aggregating import aggregate
from tapiary.query.compiling.branching import fork, join, subpipe
from tapiary.query.compiling.frequency import fields, top
from tapiary.query.compiling.rows import Rows
from tapiary.query.compiling.run import Run
from tapiary.query.compiling.shaping import assign, limit, project, sort, tail, unwind, where
from tapiary.query.compiling.sources import collected, records, source, store, stream
from tapiary.query.compiling.splitting import split
from tapiary.query.errors import Fault

#: Milliseconds that the `sleep` stages of a query may take together.
MAX_SLEEP_MS = 60_000


def pipe(run: Run, query: tree.Query, rows: Rows | None) -> Rows | None:
    """The rows that a pipe gives, from those that it gets or from its own source; None of an empty pipe without any."""
    run.depth += 1
    fresh = True
    for stage in query.stages:
        run.count_stage(stage.at)
        rows = _stage(run, stage, rows, fresh=fresh)
        # What was kept may be followed by a source: a series of queries in one text.
        fresh = isinstance(stage, tree.Store)
        if run.depth == 1:
            run.trace.append(rows)
    run.depth -= 1
    return rows


def started(run: Run, rows: Rows | None, at: int) -> Rows:
    """The rows that a stage gets; without any before it those of the stream that was chosen beside the query."""
    if rows is not None:
        return rows
    if run.default_stream is None:
        raise Fault('a query begins with a source: src stream="netflow"', at, ("`src`", "`coll`", "`records`"))
    return stream(run, run.default_stream, run.range, at)


def _stage(run: Run, stage: tree.Stage, rows: Rows | None, *, fresh: bool) -> Rows | None:
    match stage:
        case tree.Source() | tree.Collected() | tree.Records():
            if rows is not None and not fresh:
                raise Fault("a source stands at the beginning of a pipe, or behind `dst`", stage.at, ("a command",))
            return _read(run, stage)
        case tree.Fork():
            wanting = not all(pipe.stages and isinstance(pipe.stages[0], _Reading) for pipe in stage.pipes)
            return fork(run, stage, started(run, rows, stage.at) if wanting else rows)
        case tree.SubPipe():
            run.unread = subpipe(run, stage)
            return rows
        case tree.Sleep():
            run.sleep_ms += stage.ms
            if run.sleep_ms > MAX_SLEEP_MS:
                raise Fault(f"a query sleeps {MAX_SLEEP_MS} ms at most, all its `sleep` together", stage.at)
            return rows
    return _shaped(run, stage, started(run, rows, stage.at))


_Reading = tree.Source | tree.Collected | tree.Records


def _read(run: Run, stage: _Reading) -> Rows:
    match stage:
        case tree.Source():
            return source(run, stage)
        case tree.Collected():
            return collected(run, stage)
        case tree.Records():
            return records(run, stage)


def _shaped(run: Run, stage: _Shaping, rows: Rows) -> Rows:
    return _COMMANDS[type(stage)](run, stage, rows)


_Shaping = (
    tree.Store | tree.Where | tree.Assign | tree.Project | tree.Sort | tree.Limit | tree.Tail | tree.Top | tree.Unwind
    | tree.Fields | tree.Aggregate | tree.Split | tree.Join
)  # fmt: skip
_COMMANDS: Mapping[type, Callable[..., Rows]] = {
    tree.Store: store, tree.Where: where, tree.Assign: assign, tree.Project: project, tree.Sort: sort,
    tree.Limit: limit, tree.Tail: tail, tree.Top: top, tree.Unwind: unwind, tree.Fields: fields,
    tree.Aggregate: aggregate, tree.Split: split, tree.Join: join,
}  # fmt: skip
