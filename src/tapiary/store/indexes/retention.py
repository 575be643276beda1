"""Old rows of an index out: by age, and by the size of what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tapiary.store.upkeep import upkeep_lock

if TYPE_CHECKING:
    from tapiary.store.indexes.table import IndexTable


def retain(index: IndexTable, older_than_ms: int | None, max_bytes: int | None) -> int:
    """Drop files whose rows are all older than that, and the oldest while the rest is larger; returns how many rows."""
    log = index.log
    if not log.snapshot().paths:
        return 0
    with upkeep_lock(log):
        now = log.snapshot()
        oldest = sorted(range(len(now.paths)), key=lambda i: int(now.high[i]))
        left = int(now.sizes.sum())
        going = []
        for i in oldest:
            if (older_than_ms is None or now.high[i] >= older_than_ms) and (max_bytes is None or left <= max_bytes):
                break
            going.append(i)
            left -= int(now.sizes[i])
        index.exchange([], [now.paths[i] for i in going])
    return int(now.rows[going].sum())
