"""SQL over the tables' current files, by DuckDB inside the process."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tapiary.errors import InternalError
from tapiary.store.log import Log
from tapiary.store.marker import Marker
from tapiary.store.selection import Selection

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


class Engine:
    """One DuckDB instance for the process, and a pool of its cursors.

    It may read below the tables' folder only: no other file, no network, no extension, no change of settings.
    """

    def __init__(self, folder: Path, markers: Path, memory_limit: str, threads: int) -> None:
        self._folder = folder
        self._markers = markers
        self._marker: Marker | None = None
        self._memory_limit = memory_limit
        self._threads = threads
        self._lock = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._idle: list[_Cursor] = []

    def cursor(self) -> _Cursor:
        """A cursor that nobody else uses; give it back by `release`."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
            if self._connection is None:
                self._connection = self._connect()
            return _Cursor(self._connection.cursor())

    def release(self, cursor: _Cursor) -> None:
        """Take a cursor back for the next query."""
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
        for setting in (
            "TimeZone = 'UTC'",
            "parquet_metadata_cache = true",
            # Our files never change once they are in a table: nothing to look after between two queries.
            "validate_external_file_cache = 'NO_VALIDATION'",
            f"allowed_directories = [{_literal(str(self._folder))}]",
            "enable_external_access = false",
            "lock_configuration = true",
        ):
            connection.execute(f"SET {setting}")
        return connection


def temporary(folder: Path, token: str = "") -> Path:
    """Where queries put what does not fit into memory: of all engines, or of the one with this token."""
    return folder / "_tmp" / token


class _Cursor:
    """A DuckDB cursor and the views that it has already."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self.duckdb = cursor
        self._views: dict[str, str] = {}

    def provide(self, views: Mapping[str, str]) -> None:
        """Make the temporary views, each from its SELECT; those that it has already are left as they are."""
        for name, select in views.items():
            if self._views.get(name) != select:
                self.duckdb.execute(f"CREATE OR REPLACE TEMP VIEW {_name(name)} AS {select}")
                self._views[name] = select
        for name in [n for n in self._views if n not in views]:
            self.duckdb.execute(f"DROP VIEW {_name(name)}")
            del self._views[name]


class Rows:
    """The result of a query, read once, by one of `fetchall`, `dicts`, iteration and `arrow_reader`.

    Addresses are 16 bytes, times are aware datetimes in UTC (outside of the years 1 to 9999: the nearest such time).
    Close it when it is not read to its end.
    """

    def __init__(self, relation: duckdb.DuckDBPyRelation, release: Callable[[], None]) -> None:
        self.columns: list[str] = list(relation.columns)
        self._relation = relation
        self._release: Callable[[], None] | None = release

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows."""
        try:
            table = self._relation.to_arrow_table()
        finally:
            self.close()
        return _tuples(table)

    def dicts(self) -> list[dict[str, Any]]:
        """All rows, as column name to value."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.fetchall()]

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        for batch in self.arrow_reader():
            yield from _tuples(batch)

    def arrow_reader(self, batch_rows: int = 65_536) -> pa.RecordBatchReader:
        """The rows as a stream of Arrow batches, computed as they are read."""
        import pyarrow as pa

        source = self._relation.to_arrow_reader(batch_rows)

        def batches() -> Iterator[pa.RecordBatch]:
            try:
                yield from source
            finally:
                self.close()

        return pa.RecordBatchReader.from_batches(source.schema, batches())

    def close(self) -> None:
        """Let go of the query's resources; may be called twice."""
        if self._release is not None:
            release, self._release = self._release, None
            del self._relation
            release()

    def __enter__(self) -> Rows:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def run(engine: Engine, sql: str, params: Sequence[Any] | Mapping[str, Any], views: Mapping[str, str]) -> Rows:
    """Run one SELECT over views; the parameters stand for `?` or, in a mapping, for `$name`."""
    cursor = engine.cursor()
    try:
        cursor.provide(views)
        # None for a statement that returns no rows, whatever the stub says
        relation: duckdb.DuckDBPyRelation | None = cursor.duckdb.sql(sql, params=params or None)
    except BaseException:
        engine.release(cursor)
        raise
    if relation is None:
        engine.release(cursor)
        raise InternalError("a query over the tables must be a SELECT")
    return Rows(relation, lambda: engine.release(cursor))


def view_of(log: Log, selection: Selection) -> str:
    """The SELECT that shows the rows of a selection, reading no file that cannot hold any."""
    snapshot = log.snapshot()
    types = log.table.duckdb_types
    names = list(types) if selection.columns is None else list(selection.columns)
    unknown = [n for n in names if n not in types]
    if unknown:
        raise InternalError(f"table {log.table.name!r} has no column {unknown[0]!r}")
    positions = list(range(len(snapshot.paths))) if selection.runs is None else snapshot.holding(selection.runs)
    if not positions:
        empty = ", ".join(f"CAST(NULL AS {types[n]}) AS {_name(n)}" for n in names)
        return f"SELECT {empty} WHERE false"
    files = ", ".join(_literal(f"{log.folder}/{snapshot.paths[i]}") for i in positions)
    partition = ", hive_partitioning = false"
    if log.table.partition:
        partition = f", hive_partitioning = true, hive_types = {{'{log.table.partition}': DATE}}"
    condition = ""
    if selection.runs is not None and not all(snapshot.is_single(i) for i in positions):
        condition = f" WHERE run_id IN ({', '.join(str(int(r)) for r in sorted(set(selection.runs)))})"
    return f"SELECT {', '.join(map(_name, names))} FROM read_parquet([{files}]{partition}){condition}"


def _tuples(table: pa.Table | pa.RecordBatch) -> list[tuple[Any, ...]]:
    import pyarrow as pa

    columns = []
    for column in table.columns:
        if pa.types.is_timestamp(column.type):
            unit = {"s": 1_000_000, "ms": 1000, "us": 1, "ns": 0.001}[column.type.unit]
            columns.append([_time(v, unit) for v in column.cast(pa.int64()).to_pylist()])
        else:
            columns.append(column.to_pylist())
    return list(zip(*columns, strict=True))


def _time(value: int | None, unit: float) -> datetime | None:
    if value is None:
        return None
    try:
        return _EPOCH + timedelta(microseconds=value * unit)
    except OverflowError:
        return _LATEST if value > 0 else _EARLIEST


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
