"""One Delta table's log: which files it has now, and atomic changes of that list."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tapiary.store.part import Part, sync_file, sync_folder
from tapiary.store.tables import Table
from tapiary.telemetry import counter, logger

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from deltalake import DeltaTable

log = logger("store")

#: Commits between two checkpoints of the log, which readers start from.
CHECKPOINT_COMMITS = 50
#: Tries of an append that meets other writers; each loses to one that has won.
COMMIT_TRIES = 15

_CONFIGURATION = {
    # Removed files are deleted by `Store.vacuum` long before; the log needs to remember them no longer than this.
    "delta.deletedFileRetentionDuration": "interval 1 days", "delta.logRetentionDuration": "interval 2 days",
}


@dataclass(frozen=True)
class Snapshot:
    """The files of one version of the table, as columns of equal length."""

    version: int
    paths: list[str]
    sizes: np.ndarray[Any, np.dtype[np.int64]]
    rows: np.ndarray[Any, np.dtype[np.int64]]
    first_run: np.ndarray[Any, np.dtype[np.int64]]
    last_run: np.ndarray[Any, np.dtype[np.int64]]
    modified_ms: np.ndarray[Any, np.dtype[np.int64]]

    def holding(self, runs: Sequence[int]) -> list[int]:
        """Positions of the files whose range of runs contains one of these."""
        import numpy as np

        wanted = np.unique(np.asarray(list(runs), dtype=np.int64))
        low = np.searchsorted(wanted, self.first_run, side="left")
        high = np.searchsorted(wanted, self.last_run, side="right")
        return [int(i) for i in np.flatnonzero(high > low)]

    def is_single(self, position: int) -> bool:
        """Whether all rows of a file are of one run."""
        return bool(self.first_run[position] == self.last_run[position])


class Log:
    """The log of one table in its folder. Safe to share between threads; processes meet in the files only."""

    def __init__(self, folder: Path, table: Table) -> None:
        self.folder = folder
        self.table = table
        self._lock = threading.RLock()
        self._delta: DeltaTable | None = None
        self._snapshot: Snapshot | None = None
        self._seen_mtime = -1

    def snapshot(self) -> Snapshot:
        """The table's files now. Two system calls when nothing has changed since the last time."""
        with self._lock:
            if self._snapshot is None or self._changed():
                self._snapshot = self._load()
            return self._snapshot

    def commit(self, added: Sequence[Part], removed: Sequence[str] = (), *, rearranged: bool = False) -> None:
        """Add and remove files in one atomic, durable step; the table is made at its first commit.

        rearranged: the rows stay the same (compaction). Raises deltalake's CommitFailedError when another writer
        removed one of the files to be removed first.
        """
        from deltalake import PostCommitHookProperties
        from deltalake.exceptions import CommitFailedError
        from deltalake.transaction import AddAction, RemoveAction

        now = int(time.time() * 1000)
        actions: list[AddAction | RemoveAction] = [
            AddAction(p.path, p.size, p.partition, p.written_ms, not rearranged, p.stats()) for p in added
        ]
        actions += [RemoveAction(p, not rearranged, now, None, self._partition(p)) for p in removed]
        if not actions:
            return
        # Their own checkpoints are not brought to the disk: a power cut could leave a torn one. See _checkpoint.
        hooks = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
        with self._lock:
            delta = self._open(create=True)
            for attempt in range(COMMIT_TRIES):
                if attempt or self._is_behind(delta):
                    delta.update_incremental()
                before = delta.version()
                try:
                    delta.create_write_transaction(actions, "append", delta.schema(), self.table.partition_by,
                                                   post_commithook_properties=hooks)
                    break
                except CommitFailedError:
                    counter("store", "commit_conflicts").add()
                    if removed or attempt == COMMIT_TRIES - 1:
                        raise
            delta.update_incremental()
            self._make_durable(before + 1, delta.version())
            counter("store", "commits").add()
            if delta.version() // CHECKPOINT_COMMITS != before // CHECKPOINT_COMMITS:
                self._checkpoint(delta)
            self._snapshot = None

    def warm(self, *, create: bool = False) -> None:
        """Open the table (or make it) ahead of the commit, which is quicker then."""
        with self._lock:
            if create or self._exists():
                self._open(create=create)

    def delta(self) -> DeltaTable | None:
        """The open table at its newest version; None before its first commit."""
        with self._lock:
            if not self._exists():
                return None
            delta = self._open()
            delta.update_incremental()
            return delta

    @property
    def _log_folder(self) -> Path:
        return self.folder / "_delta_log"

    def _exists(self) -> bool:
        return self._delta is not None or (self._log_folder / f"{0:020}.json").exists() or (
            self._log_folder / "_last_checkpoint").exists()

    def _open(self, *, create: bool = False) -> DeltaTable:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        from tapiary.store.repair import repair

        if self._delta is None:
            if create and not self._exists():
                self._create()
            try:
                self._delta = DeltaTable(self.folder)
            except DeltaError:
                if not repair(self._log_folder):
                    raise
                self._delta = DeltaTable(self.folder)
        return self._delta

    def _create(self) -> None:
        from deltalake import DeltaTable

        self.folder.mkdir(parents=True, exist_ok=True)
        configuration = {**_CONFIGURATION, "delta.dataSkippingStatsColumns": ",".join(self.table.in_log)}
        with _alone(self.folder):
            if self._exists():
                return
            DeltaTable.create(self.folder, self.table.declared, mode="ignore", partition_by=self.table.partition_by,
                              name=self.table.name, configuration=configuration)
            self._make_durable(0, 0)
            sync_folder(self.folder)
            sync_folder(self.folder.parent)

    def _changed(self) -> bool:
        if self._delta is None:
            return self._exists()
        if self._is_behind(self._delta):
            return True
        # The next number may be missing when a long sleep let the log be cleaned; the folder's time tells then.
        return self._log_folder.stat().st_mtime_ns != self._seen_mtime

    def _is_behind(self, delta: DeltaTable) -> bool:
        return (self._log_folder / f"{delta.version() + 1:020}.json").exists()

    def _load(self) -> Snapshot:
        import numpy as np
        import pyarrow as pa

        if not self._exists():
            none = np.zeros(0, dtype=np.int64)
            return Snapshot(-1, [], none, none, none, none, none)
        mtime = self._log_folder.stat().st_mtime_ns
        delta = self._open()
        delta.update_incremental()
        actions = pa.table(delta.get_add_actions(flatten=True))
        self._seen_mtime = mtime
        return Snapshot(
            delta.version(), actions.column("path").to_pylist(), _numbers(actions, "size_bytes", 0),
            _numbers(actions, "num_records", 0), _numbers(actions, "min.run_id", -(2**63)),
            _numbers(actions, "max.run_id", 2**63 - 1), _numbers(actions, "modification_time", 0))

    def _make_durable(self, first: int, last: int) -> None:
        for version in range(first, last + 1):
            with suppress(FileNotFoundError):  # cleaned by another process, after a checkpoint
                sync_file(self._log_folder / f"{version:020}.json")
        sync_folder(self._log_folder)

    def _checkpoint(self, delta: DeltaTable) -> None:
        try:
            delta.create_checkpoint()
            for path in self._log_folder.glob("*.checkpoint*.parquet"):
                sync_file(path)
            sync_file(self._log_folder / "_last_checkpoint")
            sync_folder(self._log_folder)
        except Exception:
            log.warning("no checkpoint of table %s", self.table.name, exc_info=True)

    def _partition(self, path: str) -> dict[str, str | None]:
        from tapiary.store.part import NO_VALUE

        if not self.table.by_day:
            return {}
        text = path.split("/", 1)[0].removeprefix("day=")
        return {"day": None if text == NO_VALUE else text}


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: of two processes that make a table at once, the second would replace its metadata."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _numbers(actions: pa.Table, name: str, missing: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if name not in actions.column_names:
        return np.full(actions.num_rows, missing, dtype=np.int64)
    column = pc.fill_null(actions.column(name).cast(pa.int64()), missing)
    numbers: np.ndarray[Any, np.dtype[np.int64]] = column.to_numpy()
    return numbers
