"""The store: one folder with the Delta tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tapiary.errors import InternalError
from tapiary.store.log import Log
from tapiary.store.selection import Selection
from tapiary.store.tables import TABLES

if TYPE_CHECKING:
    from tapiary.store.reader import Rows
    from tapiary.store.writer import RunWriter


class Settings(Protocol):
    """What the store wants to know; `tapiary.config.StoreConfig` has it, with `path` filled in."""

    @property
    def path(self) -> str: ...
    @property
    def memory_limit(self) -> str: ...
    @property
    def threads(self) -> int: ...


class Store:
    """The tables `flows` and `packets` in a folder. The constructor does no I/O.

    Safe to share between threads; any number of processes may use the same folder.
    """

    def __init__(self, config: Settings) -> None:
        if not config.path:
            raise InternalError("the store needs a folder: give it the config's resolved path")
        from tapiary.store.reader import Engine

        self.folder = Path(config.path).absolute()
        self._logs = {name: Log(self.folder / name, table) for name, table in TABLES.items()}
        self._engine = Engine(self.folder, self._markers, config.memory_limit, config.threads)

    def writer(self, run_id: int, job_id: int) -> RunWriter:
        """A writer for the rows of a new run; use it as a context manager."""
        from tapiary.store.writer import RunWriter

        return RunWriter(self._logs, self._markers, run_id, job_id)

    def query(
        self, sql: str, params: Sequence[Any] | Mapping[str, Any] = (), *,
        tables: Mapping[str, Selection] | None = None,
    ) -> Rows:
        """Run one SELECT; `tables` says which rows each table name of the SQL stands for.

        params: values for `?`, or a mapping for `$name`.
        """
        from tapiary.store.reader import run, view_of

        chosen = tables if tables is not None else {name: Selection(name) for name in self._logs}
        return run(self._engine, sql, params, {name: view_of(self._logs[s.table], s) for name, s in chosen.items()})

    def drop_runs(self, run_ids: Collection[int]) -> int:
        """Remove all rows of these runs; returns how many rows there were. The files go at the next `vacuum`."""
        from tapiary.store.upkeep import drop_runs

        return sum(drop_runs(log, self._markers, run_ids) for log in self._logs.values())

    def sweep(self, live_runs: set[int], *, before: int | None = None, age_s: float = 600.0) -> dict[str, int]:
        """Remove what crashes left: files that no commit names, rows of runs that are not live, and queries' scratch.

        Never touches what a living writer has made, runs with a number of `before` or more, or committed files younger
        than `age_s`. Returns the counts `files` and `rows`.
        """
        from tapiary.store.upkeep import sweep, sweep_temporary

        sweep_temporary(self.folder, self._markers)
        found = [sweep(log, self._markers, live_runs, before, age_s) for log in self._logs.values()]
        return {"files": sum(f for f, _ in found), "rows": sum(r for _, r in found)}

    def compact(self, *, small_bytes: int = 32 << 20, least_files: int = 8) -> int:
        """Merge small files where a partition has at least so many of them; returns how many files went."""
        from tapiary.store.upkeep import compact

        return sum(compact(log, self._markers, small_bytes, least_files) for log in self._logs.values())

    def vacuum(self, *, retention_hours: int = 1) -> int:
        """Delete files that were removed from the tables that long ago; returns how many.

        Queries that began before the removal may still read them: zero hours is for tests and for a wish to erase now.
        """
        from tapiary.store.upkeep import vacuum

        return sum(vacuum(log, retention_hours) for log in self._logs.values())

    def size(self) -> dict[str, dict[str, int]]:
        """Files, rows and bytes of each table now."""
        snapshots = {name: log.snapshot() for name, log in self._logs.items()}
        return {
            name: {"files": len(s.paths), "rows": int(s.rows.sum()), "bytes": int(s.sizes.sum()), "version": s.version}
            for name, s in snapshots.items()
        }

    def close(self) -> None:
        """Close the query engine; the store can be used again afterwards."""
        self._engine.close()

    @property
    def _markers(self) -> Path:
        return self.folder / "_writers"
