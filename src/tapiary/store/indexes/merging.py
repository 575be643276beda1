"""Small files of an index into larger ones, while more of them come."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from tapiary.errors import Conflict
from tapiary.store.indexes import files
from tapiary.store.indexes.arrow import concat
from tapiary.store.snapshot import Snapshot
from tapiary.store.upkeep import upkeep_lock
from tapiary.telemetry import counter

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from tapiary.store.indexes.fields import Layout
    from tapiary.store.indexes.table import IndexTable
    from tapiary.store.part import Part

#: Files up to so many rows are of one size, and merged with each other only: a row is written once for each size, and
#: each partition has no more than a few files of each.
SIZES = (1 << 12, 1 << 16, 1 << 20)
#: A file of so many bytes, or of more rows than the sizes say, is large enough.
LARGE_BYTES = 32 << 20
#: Files of one size and partition are merged when there are so many. It is fewer, down to the second number, the more
#: files the table has beyond the third (late rows, scattered over many partitions), and in quiet hours.
MANY, FEW = 24, 4
CROWDED_FILES = 100
#: What is merged at once, in rows and bytes: all of it is in memory.
MOST_ROWS, MOST_BYTES = 2 << 20, 64 << 20
#: A merge of several groups commits about this often, and lets others have the upkeep lock.
TURN_S = 1.0


def merge(index: IndexTable, *, quiet: bool = False) -> int:
    """Merge for about a second, in one commit; returns how many files went. Zero says that there is nothing to do."""
    log = index.log
    if not _groups(log.snapshot(), quiet=quiet):
        return 0
    with upkeep_lock(log):
        now = log.snapshot()
        layout = index.layout  # fields may be added at any moment
        end = time.monotonic() + TURN_S
        added: list[Part] = []
        removed: list[str] = []
        try:
            for group in _groups(now, quiet=quiet):
                paths = [now.paths[i] for i in group]
                rows = read(log.folder, layout, paths)
                added += files.write(layout, log.folder, index.file_name, rows, index.rotation, "zstd")
                removed += paths
                if time.monotonic() > end:
                    break
        except BaseException:
            files.discard(log.folder, added)
            raise
        index.exchange(added, removed, rearranged=True)
    counter("store", "files_compacted").add(len(removed))
    return len(removed)


def _groups(now: Snapshot, *, quiet: bool) -> list[list[int]]:
    """Positions of files to be merged with each other, the smallest first."""
    least = FEW if quiet else max(FEW, MANY * CROWDED_FILES // max(CROWDED_FILES, len(now.paths)))
    alike: dict[tuple[int, str], list[int]] = {}
    for i, path in enumerate(now.paths):
        size = sum(int(now.rows[i]) > bound for bound in SIZES)
        if size < len(SIZES) and now.sizes[i] < LARGE_BYTES:
            alike.setdefault((size, os.path.dirname(path)), []).append(i)
    groups = []
    for key in sorted(alike):
        if len(alike[key]) >= least:
            groups += _cut(now, sorted(alike[key], key=lambda i: int(now.low[i])))
    return groups


def _cut(now: Snapshot, positions: list[int]) -> list[list[int]]:
    """Groups of neighbours in time that fit into memory."""
    groups: list[list[int]] = [[]]
    rows = size = 0
    for i in positions:
        rows, size = rows + int(now.rows[i]), size + int(now.sizes[i])
        if groups[-1] and (rows > MOST_ROWS or size > MOST_BYTES):
            groups.append([])
            rows, size = int(now.rows[i]), int(now.sizes[i])
        groups[-1].append(i)
    return [group for group in groups if len(group) > 1]


def read(folder: Path, layout: Layout, paths: list[str]) -> pa.Table:
    """The rows of an index's files, with all columns of its layout.

    Raises Conflict for columns that the layout does not have: another process has added fields since.
    """
    import pyarrow.parquet as pq

    tables = []
    for path in paths:
        with pq.ParquetFile(folder / path) as file:
            tables.append(file.read())
    if unknown := {name for table in tables for name in table.column_names} - set(layout.stored.names):
        raise Conflict(f"index {layout.name!r} has fields that this process does not know yet: {sorted(unknown)}")
    return concat(tables, layout.stored)
