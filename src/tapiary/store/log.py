"""One Delta table's log: which files it has now, and atomic changes of that list."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tapiary.errors import Conflict
from tapiary.store import entries
from tapiary.store.entries import HIGHEST, LOWEST, Entry, File
from tapiary.store.part import Part, sync_file, sync_folder
from tapiary.store.snapshot import Snapshot
from tapiary.store.tables import Table
from tapiary.telemetry import counter, logger

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable, PostCommitHookProperties

log = logger("store")

#: Commits between two checkpoints of the log, which readers start from.
CHECKPOINT_COMMITS = 50
#: Tries of a commit that meets other writers; each loses to one that has won.
COMMIT_TRIES = 100

_CONFIGURATION = {
    # Removed files are deleted by `Store.vacuum` long before; the log needs to remember them no longer than this.
    "delta.deletedFileRetentionDuration": "interval 1 days", "delta.logRetentionDuration": "interval 2 days",
}


class Log:
    """The log of one table in its folder. Safe to share between threads; processes meet in the files only."""

    def __init__(self, folder: Path, table: Table) -> None:
        self.folder = folder
        self.table = table
        self.log_folder = folder / "_delta_log"
        self._lock = threading.RLock()
        self._version = -1
        self._files: dict[str, File] = {}
        self._snapshot: Snapshot | None = None
        self._seen_mtime = -1

    def snapshot(self) -> Snapshot:
        """The table's files now. Two system calls when nothing has changed since the last time."""
        with self._lock:
            self._refresh()
            if self._snapshot is None:
                self._snapshot = self._columns()
            return self._snapshot

    def version(self) -> int:
        """The table's version now, -1 before it is made."""
        with self._lock:
            self._refresh()
            return self._version

    def commit(
        self, added: Sequence[Part], removed: Sequence[str] = (), *, rearranged: bool = False,
        info: Mapping[str, Any] | None = None,
    ) -> int:
        """Add and remove files in one atomic, durable step; the table is made at its first commit.

        rearranged: the rows stay the same (compaction). info: what the entry says beside. Returns the version. Raises
        Conflict when another writer removed one of the files to be removed first.
        """
        if not added and not removed:
            return self._version
        now = int(time.time() * 1000)
        about = {"timestamp": now, "operation": "OPTIMIZE" if rearranged else "WRITE", "engineInfo": "tapiary"}
        actions = [{"commitInfo": about | dict(info or {})}]
        actions += [entries.adding(part, rearranged=rearranged) for part in added]
        with self._lock:
            self.make()
            self._refresh()
            for tries_left in reversed(range(COMMIT_TRIES)):
                try:
                    going = [self._files[path] for path in removed]
                except KeyError as error:
                    raise Conflict(f"another program removed {error} from table {self.table.name!r} first") from None
                try:
                    entries.write(self.log_folder, self._version + 1, actions + [
                        entries.removing(file, self.table, now, rearranged=rearranged) for file in going])
                    break
                except FileExistsError:
                    counter("store", "commit_conflicts").add()
                    if not tries_left:
                        raise Conflict(f"too many others write to table {self.table.name!r}: try again") from None
                    self._refresh()
            self._follow()
            counter("store", "commits").add()
            if self.table.checkpoints and self._version % CHECKPOINT_COMMITS == 0:
                self.checkpoint()
            return self._version

    def redefine(self, change: Callable[[DeltaTable, PostCommitHookProperties], None]) -> None:
        """Change what the table is by one of deltalake's commits, durably."""
        from deltalake import PostCommitHookProperties

        with self._lock:
            # Their checkpoints are not brought to the disk: a power cut could leave a torn one. See `checkpoint`.
            change(self._open(), PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False))
            self._refresh()
            sync_file(entries.path_of(self.log_folder, self._version))
            sync_folder(self.log_folder)

    def make(self) -> None:
        """Make the table unless there is one."""
        with self._lock:
            if not self.exists():
                self._create()

    def delta(self) -> DeltaTable | None:
        """The table at its newest version, newly opened; None before its first commit."""
        with self._lock:
            return self._open() if self.exists() else None

    def exists(self) -> bool:
        """Whether the table has been made."""
        return self._version >= 0 or entries.path_of(self.log_folder, 0).exists() or (
            self.log_folder / "_last_checkpoint").exists()

    def checkpoint(self) -> int:
        """Sum up the log in a durable checkpoint, which readers start from; returns its version, -1 when it failed."""
        try:
            delta = self._open()
            delta.create_checkpoint()
            for path in self.log_folder.glob(f"{delta.version():020}.checkpoint*.parquet"):
                sync_file(path)
            sync_file(self.log_folder / "_last_checkpoint")
            sync_folder(self.log_folder)
            return int(delta.version())
        except Exception:
            log.warning("no checkpoint of table %s", self.table.name, exc_info=True)
            return -1

    def _open(self) -> DeltaTable:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        from tapiary.store.repair import repair

        try:
            return DeltaTable(self.folder)
        except DeltaError:
            if not repair(self.log_folder):
                raise
            return DeltaTable(self.folder)

    def _create(self) -> None:
        from deltalake import DeltaTable

        self.folder.mkdir(parents=True, exist_ok=True)
        configuration = {**_CONFIGURATION, **self.table.configuration,
                         "delta.dataSkippingStatsColumns": ",".join(self.table.in_log)}
        with alone(self.folder):
            if self.exists():
                return
            DeltaTable.create(self.folder, self.table.declared, mode="ignore", partition_by=self.table.partition_by,
                              name=self.table.name, configuration=configuration)
            sync_file(entries.path_of(self.log_folder, 0))
            sync_folder(self.log_folder)
            sync_folder(self.folder)
            sync_folder(self.folder.parent)

    def _refresh(self) -> None:
        """Bring what is known up to the newest version."""
        if self._version < 0:
            if self.exists():
                self._load()
        elif not self._follow():
            # The next number may be missing when a long sleep let the log be cleaned; the folder's time tells then.
            mtime = self.log_folder.stat().st_mtime_ns
            if mtime != self._seen_mtime:
                if self._newest() > self._version and not self._follow():
                    self._load()
                self._seen_mtime = mtime

    def _follow(self) -> bool:
        """Take in the entries that come next; returns whether there were any."""
        before = self._version
        while True:
            try:
                entry = entries.read(self.log_folder, self._version + 1, self.table.bounded_by)
            except FileNotFoundError:
                return self._version > before
            self._version += 1
            self._take(entry)

    def _take(self, entry: Entry) -> None:
        for path in entry.removed:
            self._files.pop(path, None)
        for file in entry.added:
            self._files[file.path] = file
        self._snapshot = None

    def _newest(self) -> int:
        names = (name.removesuffix(".json") for name in os.listdir(self.log_folder) if name.endswith(".json"))
        return max((int(name) for name in names if name.isdigit()), default=-1)

    def _load(self) -> None:
        import pyarrow as pa

        self._seen_mtime = self.log_folder.stat().st_mtime_ns
        delta = self._open()
        actions = pa.table(delta.get_add_actions(flatten=True))
        bounded = self.table.bounded_by
        columns = [
            _numbers(actions, "size_bytes", 0), _numbers(actions, "num_records", 0),
            _numbers(actions, f"min.{bounded}", LOWEST), _numbers(actions, f"max.{bounded}", HIGHEST),
            _numbers(actions, "modification_time", 0),
        ]
        paths = actions.column("path").to_pylist()
        self._files = {path: File(path, *rest) for path, *rest in zip(paths, *columns, strict=True)}
        self._version = delta.version()
        self._snapshot = None

    def _columns(self) -> Snapshot:
        import numpy as np

        files = list(self._files.values())
        numbers = np.array([(f.size, f.rows, f.low, f.high, f.modified_ms) for f in files], dtype=np.int64)
        sizes, rows, low, high, modified_ms = numbers.reshape(-1, 5).T
        return Snapshot(self._version, list(self._files), sizes, rows, low, high, modified_ms)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock of a folder or file, among all threads and processes."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _numbers(actions: pa.Table, name: str, missing: int) -> list[int]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if name not in actions.column_names:
        return [missing] * actions.num_rows
    numbers: list[int] = pc.fill_null(actions.column(name).cast(pa.int64()), missing).to_pylist()
    return numbers
