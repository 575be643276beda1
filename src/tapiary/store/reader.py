"""The answers of queries over the tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tapiary.errors import InternalError
from tapiary.store.engine import Engine
from tapiary.store.running import Running

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


class Rows:
    """The result of a query, read once, by one of `fetchall`, `dicts`, iteration and `arrow_reader`.

    Addresses are 16 bytes, times are aware datetimes in UTC (outside of the years 1 to 9999: the nearest such time).
    Close it when it is not read to its end.
    """

    def __init__(self, relation: duckdb.DuckDBPyRelation, running: Running) -> None:
        self.columns: list[str] = list(relation.columns)
        self._relation: duckdb.DuckDBPyRelation | None = relation
        self._source: pa.RecordBatchReader | None = None
        self._running = running

    def arrow_table(self) -> pa.Table:
        """All rows as an Arrow table."""
        try:
            with self._running.telling():
                return self._open().to_arrow_table()
        finally:
            self.close()

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows."""
        return _tuples(self.arrow_table())

    def dicts(self) -> list[dict[str, Any]]:
        """All rows, as column name to value."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.fetchall()]

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        for batch in self.arrow_reader():
            yield from _tuples(batch)

    def arrow_reader(self, batch_rows: int = 65_536) -> pa.RecordBatchReader:
        """The rows as a stream of Arrow batches, computed as they are read."""
        import pyarrow as pa

        with self._running.telling():
            source = self._source = self._open().to_arrow_reader(batch_rows)

        def batches() -> Iterator[pa.RecordBatch]:
            try:
                while True:
                    try:
                        with self._running.telling():
                            batch = source.read_next_batch()
                    except StopIteration:
                        return
                    yield batch
            finally:
                self.close()

        return pa.RecordBatchReader.from_batches(source.schema, batches())

    def close(self) -> None:
        """Let go of the query's resources; may be called twice."""
        self._relation = None
        if self._source is not None:  # a cursor takes no other query while there are rows to be had
            self._source.close()
            self._source = None
        self._running.end()

    def __enter__(self) -> Rows:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> duckdb.DuckDBPyRelation:
        if self._relation is None:
            raise InternalError("the rows of a query can be read once")
        return self._relation


def run(
    engine: Engine, sql: str, params: Sequence[Any] | Mapping[str, Any], views: Mapping[str, str],
    given: Mapping[str, pa.Table | pa.RecordBatchReader], running: Running,
) -> Rows:
    """Run one SELECT over views and Arrow data; the parameters stand for `?` or, in a mapping, for `$name`."""
    cursor = engine.cursor()
    running.begin(cursor.duckdb, lambda: engine.release(cursor))
    try:
        with running.telling():
            cursor.provide(views, given)
            # None for a statement that returns no rows, whatever the stub says
            relation: duckdb.DuckDBPyRelation | None = cursor.duckdb.sql(sql, params=params or None)
        if relation is None:
            raise InternalError("a query over the tables must be a SELECT")
        return Rows(relation, running)
    except BaseException:
        running.end()
        raise


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


