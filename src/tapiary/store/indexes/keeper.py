"""The thread that looks after indexes while rows come in: merges files, sums up the log, deletes what nobody reads."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tapiary.store.indexes.merging import merge
from tapiary.store.log import alone
from tapiary.store.upkeep import upkeep_lock
from tapiary.telemetry import logger

if TYPE_CHECKING:
    from tapiary.store.indexes.table import IndexTable

log = logger("store")

#: Entries of a log between two checkpoints.
CHECKPOINT_ENTRIES = 200
#: Entries that are deleted at a time, and how old they are by then: whoever opens the table has read them.
CLEANED_ENTRIES = 1000
ENTRY_KEPT_S = 120.0
#: An unfinished entry that is so old is nobody's.
LEFT_S = 3600.0
#: How long a removed file stays for queries that began before; `queries.timeout_s` is shorter.
FILE_KEPT_S = 900.0
#: The pause between two looks, and how long one lasts when nothing has come in.
PAUSE_S, IDLE_S = 0.2, 30.0


class Keeper:
    """Runs while there is something to look after. Any moment of it may be its last one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changed: set[IndexTable] = set()
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._closed = threading.Event()

    def notice(self, index: IndexTable) -> None:
        """Look after an index that has been written to."""
        with self._lock:
            self._changed.add(index)
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._work, name="index-keeper", daemon=True)
                self._thread.start()
        self._wake.set()

    def close(self) -> None:
        """End the thread after what it is at; a later `notice` begins another one."""
        self._closed.set()
        self._wake.set()
        thread = self._thread
        if thread is not None:
            thread.join()
        self._thread = None
        self._closed.clear()

    def _work(self) -> None:
        kept: set[IndexTable] = set()
        while not self._closed.wait(PAUSE_S):
            self._wake.wait(IDLE_S)
            self._wake.clear()
            with self._lock:
                changed, self._changed = self._changed, set()
                kept = {index for index in kept | changed if index in changed or index.removed}
                if not kept:
                    self._thread = None
                    return
            for index in kept:
                try:
                    tend(index)
                except Exception:
                    if index.dropped or not index.log.folder.exists():
                        index.removed.clear()
                    else:
                        log.warning("upkeep of index %s failed and is tried again", index.key, exc_info=True)


def tend(index: IndexTable, *, quiet: bool = False, file_kept_s: float = FILE_KEPT_S) -> int:
    """Do what is due for one index; returns how many files were merged."""
    merged = 0
    while went := merge(index, quiet=quiet):
        merged += went
        if not quiet:
            break
    version = index.log.snapshot().version
    if version // CHECKPOINT_ENTRIES > index.checkpointed // CHECKPOINT_ENTRIES:
        index.checkpointed = version
        _sum_up(index)
    index.delete_removed(file_kept_s)
    return merged


def _sum_up(index: IndexTable) -> None:
    """Make a checkpoint, and delete the log's entries before it when there are many, their requests' keys kept."""
    with upkeep_lock(index.log):
        version = index.log.checkpoint()
        going = [path for path in _before(index.log.log_folder, version) if _is_older(path, ENTRY_KEPT_S)]
        if len(going) >= CLEANED_ENTRIES:
            with alone(index.log.folder):
                index.requests.follow(version)
                index.requests.save()
            for path in going:
                path.unlink(missing_ok=True)


def _before(log_folder: Path, version: int) -> list[Path]:
    """Entries and checkpoints of earlier versions, the oldest first, and what writers that died have left."""
    numbered = [p for p in log_folder.iterdir() if p.name[:20].isdigit() and int(p.name[:20]) < version]
    return sorted(numbered) + [p for p in log_folder.glob("_commit_*.tmp") if _is_older(p, LEFT_S)]


def _is_older(path: Path, seconds: float) -> bool:
    try:
        return path.stat().st_mtime < time.time() - seconds
    except FileNotFoundError:  # a writer has just finished with it
        return False
