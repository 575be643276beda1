"""Old rows of an index out: by age, and by the size of what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tapiary.store.indexes import files
from tapiary.store.indexes.fields import TIMESTAMP
from tapiary.store.indexes.merging import read
from tapiary.store.part import day_in
from tapiary.store.upkeep import upkeep_lock

if TYPE_CHECKING:
    from tapiary.store.indexes.table import IndexTable
    from tapiary.store.part import Part
    from tapiary.store.snapshot import Snapshot


def retain(index: IndexTable, older_than_ms: int | None, max_bytes: int | None) -> int:
    """Drop what is older than that, and the oldest files while the rest is larger; returns how many rows.

    Of a file of one period, the rows go when the last of them is old enough; files of many periods are written anew.
    """
    if not index.log.snapshot().paths:
        return 0
    with upkeep_lock(index.log):
        now = index.log.snapshot()
        going = _old_files(now, older_than_ms, max_bytes)
        mixed = [] if older_than_ms is None else [
            i for i, path in enumerate(now.paths)
            if now.low[i] < older_than_ms and i not in going and day_in(index.layout, path) is None
        ]
        added = _without(index, [now.paths[i] for i in mixed], older_than_ms) if older_than_ms is not None else []
        removed = sorted(going) + mixed
        index.exchange(added, [now.paths[i] for i in removed])
    return int(now.rows[removed].sum()) - sum(part.rows for part in added)


def _old_files(now: Snapshot, older_than_ms: int | None, max_bytes: int | None) -> set[int]:
    left = int(now.sizes.sum())
    going: set[int] = set()
    for i in sorted(range(len(now.paths)), key=lambda i: int(now.high[i])):
        if (older_than_ms is None or now.high[i] >= older_than_ms) and (max_bytes is None or left <= max_bytes):
            break
        going.add(i)
        left -= int(now.sizes[i])
    return going


def _without(index: IndexTable, paths: list[str], older_than_ms: int) -> list[Part]:
    """The files' other rows, in new files."""
    import pyarrow.compute as pc

    added: list[Part] = []
    layout, folder = index.layout, index.log.folder
    try:
        for path in paths:
            rows = read(folder, layout, [path])
            rows = rows.filter(pc.greater_equal(rows.column(TIMESTAMP), older_than_ms))
            added += files.write(layout, folder, index.file_name, rows, index.rotation, "zstd")
    except BaseException:
        files.discard(folder, added)
        raise
    return added
