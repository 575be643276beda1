"""Rows of an answer on the disk, to be paged."""

from __future__ import annotations

import tempfile
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from tapiary.errors import TooLarge

if TYPE_CHECKING:
    import pyarrow as pa


class Spool:
    """Batches in a file without a name, which goes with the process however that ends. Safe to share once written."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # closed by `close`, not by leaving this function
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        self._reader: pa.ipc.RecordBatchFileReader | None = None
        #: Rows before each batch, and at the end those of all.
        self._starts = [0]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self._starts[-1]

    def write(self, schema: pa.Schema, batches: Iterator[pa.RecordBatch], max_rows: int) -> None:
        """Write all batches. Raises TooLarge when they have more rows than `max_rows`."""
        import pyarrow as pa

        options = pa.ipc.IpcWriteOptions(compression="lz4")
        sink = pa.PythonFile(self._file, mode="w")
        with pa.ipc.new_file(sink, schema, options=options) as writer:
            for batch in batches:
                if batch.num_rows == 0:
                    continue
                if self.rows + batch.num_rows > max_rows:
                    raise TooLarge(
                        f"nql: the answer has more than {max_rows} rows (queries.max_rows): aggregate, add a limit or "
                        "choose a shorter range",
                        field="nql",
                        code="too_many_rows",
                    )
                writer.write_batch(batch)
                self._starts.append(self.rows + batch.num_rows)
        self._file.flush()

    def page(self, offset: int, limit: int) -> Iterator[pa.RecordBatch]:
        """The rows from `offset` on, `limit` of them at most."""
        import mmap

        import pyarrow as pa

        end = min(self.rows, offset + limit)
        if offset >= end:
            return
        if self._reader is None:
            mapped = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
            self._reader = pa.ipc.open_file(pa.py_buffer(mapped))
        at = bisect_right(self._starts, offset) - 1
        while offset < end:
            batch = self._reader.get_batch(at)
            first = offset - self._starts[at]
            part = batch.slice(first, min(end - offset, batch.num_rows - first))
            yield part
            offset += part.num_rows
            at += 1

    def close(self) -> None:
        """Let the file go, once nobody reads it any more."""
        self._reader = None
        self._file.close()
