"""The files that one run writes in one table: rows sorted by day into row groups and files."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from tapiary.errors import InternalError
from tapiary.store.part import Part, PartWriter, day_of, sync_folder
from tapiary.store.tables import Table

if TYPE_CHECKING:
    import pyarrow as pa

#: Rows of a row group. DuckDB spreads row groups over threads; smaller ones compress worse.
GROUP_ROWS = 65_536
#: Rows that wait for a full row group, over all days of a run.
WAITING_ROWS = 2 * GROUP_ROWS
#: A file that has grown to this is followed by another one, so that engines can share the work.
FILE_BYTES = 160 << 20
#: Files that are open at the same time, and days that get a partition of their own. A broken clock can give every
#: flow another day: the rows of further days share one partition whose `day` is null.
OPEN_FILES = 8
MOST_DAYS = 370

_DAY_US = 86_400_000_000
_NO_DAY = -(2**62)


class TableWriter:
    """The files that one run writes in one table."""

    def __init__(self, table: Table, folder: Path, token: str, run_id: int, job_id: int) -> None:
        self._table = table
        self._folder = folder
        self._token = token
        self._fixed = {"run_id": run_id, "job_id": job_id}
        self._days: set[date | None] = set()
        self._waiting: dict[date | None, list[pa.RecordBatch]] = {}
        self._open: dict[date | None, PartWriter] = {}
        self._parts: list[Part] = []
        self._made = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Sort the rows by day, and write the row groups that are full."""
        for day, rows in self._by_day(self._complete(batch)):
            waiting = self._waiting.setdefault(day, [])
            waiting.append(rows)
            if sum(b.num_rows for b in waiting) >= GROUP_ROWS:
                self._flush(day)
        while sum(b.num_rows for batches in self._waiting.values() for b in batches) > WAITING_ROWS:
            self._flush(max(self._waiting, key=lambda day: sum(b.num_rows for b in self._waiting[day])))

    def close(self) -> list[Part]:
        """Write the rest and finish all files, which are on the disk then."""
        for day in list(self._waiting):
            self._flush(day)
            if len(self._waiting) > OPEN_FILES:
                self._close(day)
        for day in list(self._open):
            self._close(day)
        for folder in {(self._folder / part.path).parent for part in self._parts}:
            sync_folder(folder)
        return self._parts

    def discard(self) -> None:
        """Remove all files."""
        for writer in self._open.values():
            writer.discard()
        for part in self._parts:
            (self._folder / part.path).unlink(missing_ok=True)
        self._open, self._parts, self._waiting = {}, [], {}

    def _complete(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        import numpy as np
        import pyarrow as pa

        rows = batch.num_rows
        given = {name: batch.column(i) for i, name in enumerate(batch.schema.names)}
        arrays = []
        for field in self._table.stored:
            column = given.pop(field.name, None)
            if column is None and field.name in self._fixed:
                column = pa.array(np.full(rows, self._fixed[field.name], dtype=np.int64))
            elif column is None:
                if not field.nullable:
                    raise InternalError(f"a batch for table {self._table.name!r} has no column {field.name!r}")
                column = pa.nulls(rows, field.type)
            elif column.type != field.type:
                column = _cast(column, field.type)
            arrays.append(column)
        if given:
            raise InternalError(f"table {self._table.name!r} has no column {next(iter(given))!r}")
        return pa.RecordBatch.from_arrays(arrays, schema=self._table.stored)

    def _by_day(self, batch: pa.RecordBatch) -> list[tuple[date | None, pa.RecordBatch]]:
        import numpy as np
        import pyarrow as pa

        if not self._table.partition:
            return [(None, batch)]
        days = np.floor_divide(batch.column("first_seen").cast(pa.int64()).to_numpy(), _DAY_US)
        distinct = np.unique(days)
        if len(distinct) == 1:
            return [(self._partition(int(distinct[0])), batch)]
        places = np.array([self._place(day) for day in (self._partition(int(d)) for d in distinct)])
        labels = places[np.searchsorted(distinct, days)]
        return [
            (day_of(int(label)) if label != _NO_DAY else None, batch.take(pa.array(np.flatnonzero(labels == label))))
            for label in np.unique(places)
        ]

    @staticmethod
    def _place(day: date | None) -> int:
        return _NO_DAY if day is None else (day - date(1970, 1, 1)).days

    def _partition(self, days: int) -> date | None:
        day = day_of(days)
        if day is None or (day not in self._days and len(self._days) >= MOST_DAYS):
            return None
        self._days.add(day)
        return day

    def _flush(self, day: date | None) -> None:
        import pyarrow as pa

        batches = self._waiting.pop(day, [])
        if not batches:
            return
        if day not in self._open:
            while len(self._open) >= OPEN_FILES:
                self._close(next(iter(self._open)))
            name = f"{self._token}-{self._made}.parquet"
            self._made += 1
            self._open[day] = PartWriter(self._table, self._folder, name, day)
        writer = self._open[day] = self._open.pop(day)  # the least recently used one comes first
        if len(batches) == 1:
            writer.write(batches[0])
        else:
            writer.write(pa.Table.from_batches(batches).unify_dictionaries().combine_chunks())
        if writer.size() >= FILE_BYTES:
            self._close(day)

    def _close(self, day: date | None) -> None:
        if day in self._open:
            self._parts.append(self._open[day].close())
            del self._open[day]  # not before: `discard` removes the file of one that failed


def _cast(column: pa.Array, wanted: pa.DataType) -> pa.Array:
    import pyarrow as pa

    if pa.types.is_dictionary(wanted):
        if pa.types.is_dictionary(column.type):
            return column.cast(wanted)
        return column.cast(pa.string()).dictionary_encode().cast(wanted)
    return column.cast(wanted)
