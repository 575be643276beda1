"""DuckDB inside the process, kept to the tables' folder."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tapiary.store.marker import Marker

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

#: Functions over Arrow arrays for what SQL cannot do: by name, the function, its arguments' SQL types, its result's.
Functions = Mapping[str, tuple[Callable[..., Any], Sequence[str], str]]


class Engine:
    """One DuckDB instance for the process, and a pool of its cursors.

    It may read below the tables' folder only: no other file, no network, no extension, no change of settings.
    """

    def __init__(
        self, folder: Path, markers: Path, memory_limit: str, threads: int, functions: Callable[[], Functions],
    ) -> None:
        self._folder = folder
        self._markers = markers
        self._marker: Marker | None = None
        self._memory_limit = memory_limit
        self._threads = threads
        self._functions = functions
        self._lock = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._idle: list[Cursor] = []

    def cursor(self) -> Cursor:
        """A cursor that nobody else uses; give it back by `release`."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
            if self._connection is None:
                self._connection = self._connect()
            return Cursor(self._connection.cursor())

    def release(self, cursor: Cursor) -> None:
        """Take a cursor back for the next query."""
        cursor.clear()
        with self._lock:
            if self._connection is not None:
                self._idle.append(cursor)

    def close(self) -> None:
        """Close the instance and remove its temporary files."""
        with self._lock:
            for cursor in self._idle:
                cursor.duckdb.close()
            self._idle.clear()
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            if self._marker is not None:
                shutil.rmtree(temporary(self._folder, self._marker.token), ignore_errors=True)
                self._marker.close()
                self._marker = None

    def _connect(self) -> duckdb.DuckDBPyConnection:
        import duckdb
        from duckdb.func import ARROW, SPECIAL

        self._marker = self._marker or Marker(self._markers, "query")  # by which a sweep knows whose files are left
        spill = temporary(self._folder, self._marker.token)
        spill.parent.mkdir(parents=True, exist_ok=True)
        config: dict[str, Any] = {
            "memory_limit": self._memory_limit, "temp_directory": str(spill),
            "autoload_known_extensions": False, "autoinstall_known_extensions": False,
            "allow_community_extensions": False, "allow_persistent_secrets": False,
        }
        if self._threads:
            config["threads"] = self._threads
        connection = duckdb.connect(":memory:", config=config)
        for name, (function, takes, gives) in self._functions().items():
            connection.create_function(name, function, [*takes], gives, type=ARROW, null_handling=SPECIAL)
        for setting in (
            "TimeZone = 'UTC'",
            "parquet_metadata_cache = true",
            # Our files never change once they are in a table: nothing to look after between two queries.
            "validate_external_file_cache = 'NO_VALIDATION'",
            f"allowed_directories = [{literal(str(self._folder))}]",
            "enable_external_access = false",
            "lock_configuration = true",
        ):
            connection.execute(f"SET {setting}")
        return connection


def temporary(folder: Path, token: str = "") -> Path:
    """Where queries put what does not fit into memory: of all engines, or of the one with this token."""
    return folder / "_tmp" / token


class Cursor:
    """A DuckDB cursor and the views that it has already."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self.duckdb = cursor
        self._views: dict[str, str] = {}
        self._given: list[str] = []

    def provide(self, views: Mapping[str, str], given: Mapping[str, pa.Table | pa.RecordBatchReader]) -> None:
        """Make the temporary views, each from its SELECT; those that it has already are left as they are.

        given: Arrow data under its names, until the next `clear`.
        """
        for name, data in given.items():
            self._drop(name)
            self.duckdb.register(name, data)
            self._given.append(name)
        for name, select in views.items():
            if self._views.get(name) != select:
                self.duckdb.execute(f"CREATE OR REPLACE TEMP VIEW {quoted(name)} AS {select}")
                self._views[name] = select
        for name in [n for n in self._views if n not in views]:
            self._drop(name)

    def clear(self) -> None:
        """Let go of the Arrow data."""
        while self._given:
            self.duckdb.unregister(self._given.pop())

    def _drop(self, name: str) -> None:
        if self._views.pop(name, None) is not None:
            self.duckdb.execute(f"DROP VIEW {quoted(name)}")


def literal(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''") + "'"


def quoted(text: str) -> str:
    """A name in SQL."""
    return '"' + text.replace('"', '""') + '"'
