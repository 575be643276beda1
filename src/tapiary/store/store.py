"""The store: one folder with the Delta tables."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tapiary.errors import InternalError
from tapiary.store.log import Log
from tapiary.store.marker import Marker
from tapiary.store.selection import IndexSelection, Selection
from tapiary.store.tables import TABLES

if TYPE_CHECKING:
    import pyarrow as pa

    from tapiary.store.engine import Functions
    from tapiary.store.indexes.fields import IndexField, Rotation
    from tapiary.store.indexes.keeper import Keeper
    from tapiary.store.indexes.table import IndexTable
    from tapiary.store.reader import Rows
    from tapiary.store.running import Running
    from tapiary.store.writer import RunWriter

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


class Settings(Protocol):
    """What the store wants to know; `tapiary.config.StoreConfig` has it, with `path` filled in."""

    @property
    def path(self) -> str: ...
    @property
    def memory_limit(self) -> str: ...
    @property
    def threads(self) -> int: ...


class Store:
    """The tables `flows` and `packets`, and those of custom indexes, in a folder. The constructor does no I/O.

    Safe to share between threads; any number of processes may use the same folder. functions: what queries may call
    beside DuckDB's own functions, asked for at the first query.
    """

    def __init__(self, config: Settings, functions: Callable[[], Functions] = dict) -> None:
        if not config.path:
            raise InternalError("the store needs a folder: give it the config's resolved path")
        from tapiary.store.engine import Engine

        self.folder = Path(config.path).absolute()
        self._logs = {name: Log(self.folder / name, table) for name, table in TABLES.items()}
        self._engine = Engine(self.folder, self._markers, config.memory_limit, config.threads, functions)
        self._lock = threading.Lock()
        self._indexes: dict[str, IndexTable] = {}
        self._keeper: Keeper | None = None
        self._marker: Marker | None = None

    def writer(self, run_id: int, job_id: int) -> RunWriter:
        """A writer for the rows of a new run; use it as a context manager."""
        from tapiary.store.writer import RunWriter

        return RunWriter(self._logs, self._markers, run_id, job_id)

    def index(self, key: str, fields: Sequence[IndexField], rotation: Rotation = "daily") -> IndexTable:
        """The table of a custom index; nothing is on the disk before its first rows.

        key: what its folder is called, of letters, digits, `-` and `_`. Fields that it does not have yet are added, the
        rotation counts from now on. Raises what `IndexTable.define` and `fields.layout` raise.
        """
        from tapiary.store.indexes.keeper import Keeper
        from tapiary.store.indexes.table import IndexTable

        if not _KEY.fullmatch(key):
            raise InternalError(f"{key!r} cannot be an index's key")
        with self._lock:
            table = self._indexes.get(key)
            self._keeper = self._keeper or Keeper()
            if table is None:
                table = self._indexes[key] = IndexTable(
                    self._index_folder / key, fields, rotation, self._token, self._keeper.notice)
        table.define(fields, rotation)
        return table

    def index_keys(self) -> list[str]:
        """The keys of all indexes that have rows on the disk, also of those that nobody names any more."""
        return sorted(p.name for p in self._index_folder.glob("*/") if _KEY.fullmatch(p.name))

    def drop_index(self, key: str) -> None:
        """Remove an index with its files; queries that read it may fail. Does nothing when there is none."""
        from tapiary.store.indexes.removal import remove

        with self._lock:
            table = self._indexes.pop(key, None)
        if table is not None:
            table.dropped = True
        remove(self._index_folder / key)

    def query(
        self, sql: str, params: Sequence[Any] | Mapping[str, Any] = (), *,
        tables: Mapping[str, Selection | IndexSelection | pa.Table | pa.RecordBatchReader] | None = None,
        running: Running | None = None,
    ) -> Rows:
        """Run one SELECT; `tables` says which rows each table name of the SQL stands for.

        What it sees of a table is what is committed now. Arrow data stands for itself; a reader can be read once.
        params: values for `?`, or a mapping for `$name`. running: by which the query is broken off.
        """
        from tapiary.store.reader import run
        from tapiary.store.running import Running
        from tapiary.store.views import view

        chosen = tables if tables is not None else {name: Selection(name) for name in self._logs}
        views = {n: view(self._logs, s) for n, s in chosen.items() if isinstance(s, Selection | IndexSelection)}
        given = {n: s for n, s in chosen.items() if not isinstance(s, Selection | IndexSelection)}
        return run(self._engine, sql, params, views, given, running or Running())

    def drop_runs(self, run_ids: Collection[int]) -> int:
        """Remove all rows of these runs; returns how many rows there were. The files go at the next `vacuum`."""
        from tapiary.store.upkeep import drop_runs

        return sum(drop_runs(log, self._markers, run_ids) for log in self._logs.values())

    def sweep(self, live_runs: set[int], *, before: int | None = None, age_s: float = 600.0) -> dict[str, int]:
        """Remove what crashes left: files that no commit names, rows of runs that are not live, and queries' scratch.

        Never touches what a living writer has made, runs with a number of `before` or more, or committed files younger
        than `age_s`. Returns the counts `files` and `rows`.
        """
        from tapiary.store.indexes.removal import remove_dropped
        from tapiary.store.upkeep import sweep, sweep_index, sweep_temporary

        sweep_temporary(self.folder, self._markers)
        found = [sweep(log, self._markers, live_runs, before, age_s) for log in self._logs.values()]
        found += [(sweep_index(log, self._markers), 0) for log in self._index_logs()]
        remove_dropped(self._index_folder)
        return {"files": sum(f for f, _ in found), "rows": sum(r for _, r in found)}

    def compact(self, *, small_bytes: int = 32 << 20, least_files: int = 8) -> int:
        """Merge small files where a partition has at least so many of them; returns how many files went.

        Of the indexes, those that this store has been asked for are merged, by rules of their own.
        """
        from tapiary.store.indexes.keeper import tend
        from tapiary.store.upkeep import compact

        gone = sum(compact(log, self._markers, small_bytes, least_files) for log in self._logs.values())
        return gone + sum(tend(index, quiet=True) for index in self._opened())

    def vacuum(self, *, retention_hours: int = 1) -> int:
        """Delete files that were removed from the tables that long ago; returns how many.

        Queries that began before the removal may still read them: zero hours is for tests and for a wish to erase now.
        """
        from tapiary.store.upkeep import vacuum

        gone = sum(index.delete_removed(retention_hours * 3600) for index in self._opened())
        return gone + sum(vacuum(log, retention_hours) for log in [*self._logs.values(), *self._index_logs()])

    def size(self) -> dict[str, dict[str, int]]:
        """Files, rows and bytes of the tables `flows` and `packets` now."""
        snapshots = {name: log.snapshot() for name, log in self._logs.items()}
        return {
            name: {"files": len(s.paths), "rows": int(s.rows.sum()), "bytes": int(s.sizes.sum()), "version": s.version}
            for name, s in snapshots.items()
        }

    def close(self) -> None:
        """Close the query engine; the store can be used again afterwards."""
        self._engine.close()
        if self._keeper is not None:
            self._keeper.close()
        with self._lock:
            if self._marker is not None:
                self._marker.close()
                self._marker = None

    @property
    def _index_folder(self) -> Path:
        return self.folder / "indexes"

    def _opened(self) -> list[IndexTable]:
        with self._lock:
            return list(self._indexes.values())

    def _index_logs(self) -> list[Log]:
        """The logs of all indexes on the disk; upkeep needs to know no field but the time."""
        from tapiary.store.indexes.fields import TIME, layout

        opened = {index.key: index.log for index in self._opened()}
        return [opened.get(key) or Log(self._index_folder / key, layout(key, [TIME])) for key in self.index_keys()]

    def _token(self) -> str:
        """Names this process's writer of index files, by a marker that the kernel frees when the process ends."""
        with self._lock:
            self._marker = self._marker or Marker(self._markers, "index")
            return self._marker.token

    @property
    def _markers(self) -> Path:
        return self.folder / "_writers"
