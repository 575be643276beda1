"""What a query sees of a table: a SELECT over the files that it had when the query began."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tapiary.errors import InternalError, NotFound
from tapiary.store.engine import literal, quoted
from tapiary.store.log import Log
from tapiary.store.selection import IndexSelection, Selection
from tapiary.store.tables import Table


def view(logs: Mapping[str, Log], selection: Selection | IndexSelection) -> str:
    """The SELECT that shows the rows of a selection, reading no file that cannot hold any."""
    if isinstance(selection, Selection):
        return _of_runs(logs[selection.table], selection)
    return _of_time(selection)


def _of_runs(log: Log, selection: Selection) -> str:
    snapshot = log.snapshot()
    names = _names(log.table, selection.columns)
    positions = list(range(len(snapshot.paths))) if selection.runs is None else snapshot.holding(selection.runs)
    if not positions:
        return _nothing(log.table, names)
    partition = ", hive_partitioning = false"
    if log.table.partition:
        partition = f", hive_partitioning = true, hive_types = {{'{log.table.partition}': DATE}}"
    condition = ""
    if selection.runs is not None and not all(snapshot.is_single(i) for i in positions):
        condition = f" WHERE run_id IN ({', '.join(str(int(r)) for r in sorted(set(selection.runs)))})"
    files = _files(log, [snapshot.paths[i] for i in positions])
    return f"SELECT {', '.join(map(quoted, names))} FROM read_parquet({files}{partition}){condition}"


def _of_time(selection: IndexSelection) -> str:
    log, start, end = selection.log, selection.start_ms, selection.end_ms
    try:
        snapshot = log.snapshot()
    except FileNotFoundError as error:
        raise NotFound(f"index {log.table.name!r} was deleted") from error
    names = _names(selection.table, selection.columns, without=selection.table.partition)
    positions = snapshot.between(start, end)
    if not positions:
        return _nothing(selection.table, names)
    # Files from before a field was added lack its column: it is null there.
    schema = ", ".join(
        f"{literal(n)}: {{name: {literal(n)}, type: {literal(t)}, default_value: NULL}}"
        for n, t in selection.table.duckdb_types.items() if n != selection.table.partition
    )
    time = quoted(selection.table.bounded_by)
    conditions = [f"{time} >= {int(start)}"] if start is not None and snapshot.low[positions].min() < start else []
    conditions += [f"{time} < {int(end)}"] if end is not None and snapshot.high[positions].max() >= end else []
    condition = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    files = _files(log, [snapshot.paths[i] for i in positions])
    source = f"read_parquet({files}, schema = MAP {{{schema}}}, hive_partitioning = false)"
    return f"SELECT {', '.join(map(quoted, names))} FROM {source}{condition}"


def _names(table: Table, wanted: Sequence[str] | None, without: str = "") -> list[str]:
    known = [name for name in table.duckdb_types if name != without]
    unknown = [name for name in wanted or () if name not in known]
    if unknown:
        raise InternalError(f"table {table.name!r} has no column {unknown[0]!r}")
    return known if wanted is None else list(wanted)


def _nothing(table: Table, names: Sequence[str]) -> str:
    empty = ", ".join(f"CAST(NULL AS {table.duckdb_types[n]}) AS {quoted(n)}" for n in names)
    return f"SELECT {empty} WHERE false"


def _files(log: Log, paths: Sequence[str]) -> str:
    return f"[{', '.join(literal(f'{log.folder}/{path}') for path in paths)}]"
