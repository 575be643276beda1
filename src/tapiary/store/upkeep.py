"""Upkeep of a table: dropping runs, sweeping after crashes, compaction, deletion of old files."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tapiary.store.engine import temporary
from tapiary.store.log import Log
from tapiary.store.marker import Marker, live_tokens
from tapiary.store.part import Part, PartWriter, day_in, sync_folder
from tapiary.store.snapshot import Snapshot
from tapiary.store.table_writer import FILE_BYTES, GROUP_ROWS
from tapiary.telemetry import counter, logger

if TYPE_CHECKING:
    import pyarrow as pa

log_ = logger("store")

#: Compaction lets others have the table's upkeep lock about this often: dropping a run must not wait for long.
TURN_S = 1.0


@contextmanager
def upkeep_lock(log: Log) -> Iterator[None]:
    """Hold the table's upkeep lock, in all threads and processes: two removals of one file would conflict."""
    descriptor = os.open(log.folder / "_upkeep.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def drop_runs(log: Log, markers: Path, run_ids: Collection[int]) -> int:
    """Remove the rows of runs in one commit: whole files where possible, else files rewritten without them."""
    wanted = {int(r) for r in run_ids}
    if not wanted or not log.snapshot().paths:
        return 0
    with upkeep_lock(log):
        return _drop(log, markers, log.snapshot(), lambda run: run in wanted, log.snapshot().holding(sorted(wanted)))


def _drop(log: Log, markers: Path, snapshot: Snapshot, goes: Callable[[int], bool], positions: list[int]) -> int:
    removed: list[str] = []
    added: list[Part] = []
    rows = 0
    with _making(log, markers, added) as token:
        for position in positions:
            path = snapshot.paths[position]
            runs = [int(snapshot.low[position])] if snapshot.is_single(position) else _runs_in(log, path)
            going = [r for r in runs if goes(r)]
            if not going:
                continue
            removed.append(path)
            rows += int(snapshot.rows[position])
            if len(going) < len(runs):
                part = _rewrite(log, [path], f"{token}-{len(added)}.parquet", set(going))
                rows -= part.rows
                added.append(part)
    log.commit(added, removed)
    if removed:
        counter("store", "rows_dropped").add(rows)
    return rows


def sweep(log: Log, markers: Path, live_runs: set[int], before: int | None, age_s: float) -> tuple[int, int]:
    """Remove orphaned files and rows of dead runs; returns how many of each."""
    if not log.folder.is_dir():
        return 0, 0
    with upkeep_lock(log):
        orphans, alive = _sweep_files(log, markers)
        snapshot = log.snapshot()
        limit = (time.time() - age_s) * 1000
        writing = {int(token.partition("-")[0]) for token in alive if token.partition("-")[0].isdigit()}
        keep = live_runs | writing
        positions = [i for i in range(len(snapshot.paths)) if snapshot.modified_ms[i] <= limit
                     and not (snapshot.is_single(i) and int(snapshot.low[i]) in keep)]
        rows = _drop(log, markers, snapshot, lambda r: r not in keep and (before is None or r < before), positions)
    return orphans, rows


def sweep_index(log: Log, markers: Path) -> int:
    """Remove orphaned files of an index; returns how many."""
    if not log.folder.is_dir():
        return 0
    with upkeep_lock(log):
        return _sweep_files(log, markers)[0]


def _sweep_files(log: Log, markers: Path) -> tuple[int, set[str]]:
    """Remove files that the log does not know and whose writers are dead; returns how many, and who lives."""
    # The order matters: a file seen on the disk, whose writer is dead by now, is in the log by now or never.
    on_disk = [str(p.relative_to(log.folder)) for p in log.folder.rglob("*.parquet") if "_delta_log" not in p.parts]
    alive = live_tokens(markers)
    named = log.snapshot().paths
    delta = log.delta()
    tombstones = delta.vacuum(retention_hours=0, dry_run=True, enforce_retention_duration=False) if delta else []
    known = set(named) | set(tombstones)
    orphans = [p for p in on_disk if p not in known and _token(p) not in alive]
    for path in orphans:
        log_.warning("table %s: removing %s, left by a writer that died", log.table.name, path)
        (log.folder / path).unlink(missing_ok=True)
    counter("store", "files_swept").add(len(orphans))
    return len(orphans), alive


def sweep_temporary(folder: Path, markers: Path) -> None:
    """Remove what queries of processes that died had put on the disk, some gigabytes perhaps."""
    left = list(temporary(folder).glob("*"))  # before the look at who lives: a marker is made before its folder
    alive = live_tokens(markers) if left else set()
    for each in left:
        if each.name not in alive:
            shutil.rmtree(each, ignore_errors=True)


def compact(log: Log, markers: Path, small_bytes: int, least_files: int) -> int:
    """Merge the small files of each partition, runs in order, each file up to the usual size."""
    if not log.snapshot().paths:
        return 0
    gone = 0
    while True:
        with upkeep_lock(log):
            went, more = _compact_turn(log, markers, small_bytes, least_files)
        gone += went
        if not more:
            break
    counter("store", "files_compacted").add(gone)
    return gone


def _compact_turn(log: Log, markers: Path, small_bytes: int, least_files: int) -> tuple[int, bool]:
    """Merge for about a second, in one commit; returns how many files went and whether there is more to do."""
    snapshot = log.snapshot()
    small: dict[str, list[int]] = {}
    for i, path in enumerate(snapshot.paths):
        if snapshot.sizes[i] < small_bytes:
            small.setdefault(os.path.dirname(path), []).append(i)
    groups = [
        group for positions in small.values() if len(positions) >= least_files
        for group in _groups(snapshot, sorted(positions, key=lambda i: int(snapshot.low[i])))
    ]
    end = time.monotonic() + TURN_S
    added: list[Part] = []
    removed: list[str] = []
    with _making(log, markers, added) as token:
        for group in groups:
            paths = [snapshot.paths[i] for i in group]
            added.append(_rewrite(log, paths, f"{token}-{len(added)}.parquet", set()))
            removed += paths
            if time.monotonic() > end:
                break
    log.commit(added, removed, rearranged=True)
    return len(removed) - len(added), len(added) < len(groups)


@contextmanager
def _making(log: Log, markers: Path, parts: list[Part]) -> Iterator[str]:
    """A token for the names of new files, which go when the block raises.

    Commit them behind the block: a commit that fails late has them in the log already, and where it has not the sweep,
    which waits for the upkeep lock, finds them.
    """
    marker = Marker(markers, "upkeep")
    try:
        yield marker.token
    except BaseException:
        for part in parts:
            (log.folder / part.path).unlink(missing_ok=True)
        raise
    finally:
        marker.close()


def _groups(snapshot: Snapshot, positions: list[int]) -> Iterator[list[int]]:
    group: list[int] = []
    size = 0
    for i in positions:
        if group and size + int(snapshot.sizes[i]) > FILE_BYTES:
            if len(group) > 1:
                yield group
            group, size = [], 0
        group.append(i)
        size += int(snapshot.sizes[i])
    if len(group) > 1:
        yield group


def vacuum(log: Log, retention_hours: int) -> int:
    """Delete removed files, and log entries that no reader needs."""
    if not log.exists():
        return 0
    with upkeep_lock(log):
        delta = log.delta()
        assert delta is not None
        removed = delta.vacuum(retention_hours=retention_hours, dry_run=True, enforce_retention_duration=False)
        gone = [path for path in removed if (log.folder / path).exists()]
        for path in gone:
            (log.folder / path).unlink(missing_ok=True)
        if log.table.checkpoints:
            delta.cleanup_metadata()
        for folder in log.folder.glob(f"{log.table.partition}=*") if log.table.partition else ():
            with suppress(OSError):  # only an empty one goes
                folder.rmdir()
        return len(gone)


def _rewrite(log: Log, paths: list[str], name: str, without: set[int]) -> Part:
    """Copy files of one partition into one, leaving out the rows of some runs; compressed to stay."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    writer = PartWriter(log.table, log.folder, name, day_in(log.table, paths[0]), compression="zstd")
    strings = [f.name for f in log.table.stored if pa.types.is_dictionary(f.type)]
    going = pa.array(sorted(without), pa.int64())
    waiting: list[pa.Table] = []

    def flush() -> None:
        if waiting:
            table = pa.concat_tables(waiting).unify_dictionaries().combine_chunks()
            writer.write(table)
            waiting.clear()

    try:
        for path in paths:
            with pq.ParquetFile(log.folder / path, read_dictionary=strings) as file:
                for number in range(file.num_row_groups):
                    table = file.read_row_group(number)
                    if without:
                        table = table.filter(pc.invert(pc.is_in(table.column("run_id"), going)))
                    if table.num_rows:
                        waiting.append(table.select(log.table.stored.names).cast(log.table.stored))
                    if sum(t.num_rows for t in waiting) >= GROUP_ROWS:
                        flush()
        flush()
    except BaseException:
        writer.discard()
        raise
    part = writer.close()
    sync_folder((log.folder / part.path).parent)
    return part


def _runs_in(log: Log, path: str) -> list[int]:
    import pyarrow.parquet as pq

    column = pq.read_table(log.folder / path, columns=["run_id"], partitioning=None).column("run_id")
    return sorted(column.unique().to_pylist())


def _token(path: str) -> str:
    """The writer's token in a file's name, `run-hex` of `run-hex-number.parquet`."""
    return os.path.basename(path).rsplit("-", 1)[0]
