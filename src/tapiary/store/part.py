"""One Parquet file while it is being written, and what the Delta log will say about it."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from tapiary.store.tables import Table

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_US = int((datetime(1, 1, 1, tzinfo=UTC) - _EPOCH) / timedelta(microseconds=1))
_LAST_US = int((datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC) - _EPOCH) / timedelta(microseconds=1))

#: Tries of making a day's folder while another process removes it because it is empty.
_FOLDER_TRIES = 20

#: How a missing partition value is written in paths, by the custom of Hive that Delta and DuckDB follow.
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


@dataclass
class Part:
    """A finished file, relative to its table's folder."""

    path: str
    size: int
    rows: int
    partition: dict[str, str | None]
    minima: dict[str, Any]
    maxima: dict[str, Any]
    written_ms: int

    def stats(self) -> str:
        """The statistics as the Delta protocol writes them ("Per-file Statistics")."""
        return json.dumps({
            "numRecords": self.rows, "minValues": self.minima, "maxValues": self.maxima,
            "nullCount": dict.fromkeys(self.minima, 0),
        })


@dataclass
class PartWriter:
    """Writes row groups to a new file; `close` brings it to the disk."""

    table: Table
    folder: Path
    name: str
    day: date | None = None
    compression: str = "lz4"
    rows: int = 0
    _low: dict[str, Any] = field(default_factory=dict)
    _high: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        import pyarrow.parquet as pq

        self.partition: dict[str, str | None] = {}
        self.path = self.name
        if self.table.partition:
            text = self.day.isoformat() if self.day else None
            self.partition = {self.table.partition: text}
            self.path = f"{self.table.partition}={text or NO_VALUE}/{self.name}"
        self._file = self.folder / self.path
        options = self.table.parquet_options(self.compression)
        for tries_left in reversed(range(_FOLDER_TRIES)):
            self._make_folder(self._file.parent)
            try:
                self._writer = pq.ParquetWriter(str(self._file), self.table.stored, **options)
                break
            except FileNotFoundError:  # a vacuum has just removed the empty folder of that day
                if not tries_left:
                    raise
            except OSError:  # a full disk takes the file's name, and not its first bytes
                self._file.unlink(missing_ok=True)
                raise

    @staticmethod
    def _make_folder(folder: Path) -> None:
        if not folder.exists():
            folder.mkdir(parents=True, exist_ok=True)
            sync_folder(folder.parent)

    def write(self, batch: pa.RecordBatch | pa.Table) -> None:
        """Append one row group (pyarrow lets go of the interpreter's lock meanwhile)."""
        import pyarrow as pa
        import pyarrow.compute as pc

        for name in self.table.in_log:
            column = batch.column(name)
            if pa.types.is_timestamp(column.type):
                column = column.cast(pa.int64())
            pair = pc.min_max(column).as_py()
            if pair["min"] is not None:
                self._low[name] = min(self._low.get(name, pair["min"]), pair["min"])
                self._high[name] = max(self._high.get(name, pair["max"]), pair["max"])
        if isinstance(batch, pa.Table):
            self._writer.write_table(batch, row_group_size=batch.num_rows)
        else:
            self._writer.write_batch(batch, row_group_size=batch.num_rows)
        self.rows += batch.num_rows

    def size(self) -> int:
        """Bytes in the file so far."""
        return self._file.stat().st_size

    def close(self) -> Part:
        """Finish the file and bring it to the disk."""
        self._writer.close()
        sync_file(self._file)
        minima, maxima = dict(self._low), dict(self._high)
        for name in self.table.in_log:
            if name in minima and self.table.duckdb_types[name] == "TIMESTAMPTZ":
                if minima[name] >= _FIRST_US and maxima[name] <= _LAST_US:
                    minima[name], maxima[name] = _text(minima[name]), _text(maxima[name])
                else:  # no calendar date: the file has no bounds then, and is never left out
                    del minima[name], maxima[name]
        now_ms = int(time.time() * 1000)
        return Part(self.path, self._file.stat().st_size, self.rows, self.partition, minima, maxima, now_ms)

    def discard(self) -> None:
        """Close and remove the unfinished file."""
        with suppress(OSError):  # a full disk takes no end of the file either
            self._writer.close()
        self._file.unlink(missing_ok=True)


def _text(microseconds: int) -> str:
    moment = _EPOCH + timedelta(microseconds=microseconds)
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def partition_in(table: Table, path: str) -> dict[str, str | None]:
    """The partition's value that a file's path tells, as the log writes it."""
    if not table.partition:
        return {}
    text = path.split("/", 1)[0].removeprefix(f"{table.partition}=")
    return {table.partition: None if text == NO_VALUE else text}


def day_in(table: Table, path: str) -> date | None:
    """The partition's date that a file's path tells."""
    text = partition_in(table, path).get(table.partition)
    return date.fromisoformat(text) if text else None


def day_of(days: int) -> date | None:
    """The calendar day of a number of days since 1970, None outside of the years 1 to 9999."""
    try:
        return date(1970, 1, 1) + timedelta(days=days)
    except OverflowError:
        return None


def sync_file(path: Path) -> None:
    """Bring a file's content to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Bring a folder's entries to the disk."""
    sync_file(path)
