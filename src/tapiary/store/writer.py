"""What one run writes: batches in, durable Parquet files and one Delta commit a table out."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from tapiary.errors import InternalError
from tapiary.store.log import Log
from tapiary.store.marker import Marker
from tapiary.store.part import Part
from tapiary.store.table_writer import TableWriter

if TYPE_CHECKING:
    import pyarrow as pa

#: Batches that may wait for the writing thread: the bound on memory, some 30 MB each at 65,536 rows.
WAITING_BATCHES = 4


@dataclass(frozen=True)
class Written:
    """What a commit has brought to the disk, by table."""

    rows: dict[str, int]
    files: dict[str, int]
    bytes: dict[str, int]


class RunWriter:
    """Writes the rows of one run. For one thread; leave it as a context manager, which aborts what was not committed.

    The files are written by a thread of its own while the caller makes the next batch. Until `close`, a sweep in any
    process knows that this writer lives: close it after the database row that names the run is committed.
    """

    def __init__(self, logs: Mapping[str, Log], markers: Path, run_id: int, job_id: int) -> None:
        self.run_id = run_id
        self.job_id = job_id
        self._logs = logs
        self._marker = Marker(markers, str(run_id))
        self._tables: dict[str, TableWriter] = {}
        self._waiting: queue.Queue[tuple[str, pa.RecordBatch] | None] = queue.Queue(WAITING_BATCHES)
        self._error: BaseException | None = None
        self._ended = False
        self._thread: threading.Thread | None = threading.Thread(
            target=self._work, name=f"run-{run_id}-writer", daemon=True)
        self._thread.start()

    def write(self, table: str, batch: pa.RecordBatch) -> None:
        """Take a batch of `flows` or `packets`; run, job and day are added, missing nullable columns are null.

        Waits while too many batches are unwritten. Raises what writing an earlier batch raised (OSError on a full
        disk), InternalError for columns that the table does not have or lacks.
        """
        if self._ended:
            raise InternalError(f"run {self.run_id} takes no more rows: it is committed or aborted")
        if self._error is not None:
            raise self._error
        if batch.num_rows:
            self._waiting.put((table, batch))

    def commit(self) -> Written:
        """Bring everything to the disk and into the tables, each of them atomically; the rows are readable then."""
        if self._ended:
            raise InternalError(f"run {self.run_id} is committed or aborted already")
        self._finish()
        try:
            if self._error is not None:
                raise self._error
            parts = {name: writer.close() for name, writer in self._tables.items()}
        except BaseException:
            self.abort()
            raise
        self._ended = True  # a commit that fails late has the files in the log: from here on only the sweep may judge
        self._commit_all(parts)
        return Written(
            {name: sum(p.rows for p in parts.get(name, [])) for name in self._logs},
            {name: len(parts.get(name, [])) for name in self._logs},
            {name: sum(p.size for p in parts.get(name, [])) for name in self._logs},
        )

    def abort(self) -> None:
        """Remove what was written; nothing of it was visible. Does nothing after `commit`."""
        try:
            self._finish()
            if not self._ended:
                self._ended = True
                for writer in self._tables.values():
                    writer.discard()
        finally:
            self._marker.close()

    def close(self) -> None:
        """End the writer; aborts when it was not committed."""
        self.abort()

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _commit_all(self, parts: Mapping[str, list[Part]]) -> None:
        # Each commit waits for the disk several times; together they wait once.
        errors: list[BaseException] = []

        def commit(name: str) -> None:
            try:
                self._logs[name].commit(parts[name])
            except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
                errors.append(error)

        first, *others = list(parts) or [""]
        threads = [threading.Thread(target=commit, args=(name,)) for name in others]
        for thread in threads:
            thread.start()
        if first:
            commit(first)
        for thread in threads:
            thread.join()
        if errors:
            # What one table has committed stays unseen, since no database row names the run; files and rows are swept.
            raise errors[0]

    def _finish(self) -> None:
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        try:
            import_module("pyarrow.parquet")  # heavy: while the first batch is being made
            for log in self._logs.values():
                log.snapshot()  # and so is opening a table, which the commit needs
        except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
            self._error = error
        while (item := self._waiting.get()) is not None:
            if self._error is not None:
                continue  # the caller will see; until then it must not block
            try:
                name, batch = item
                if name not in self._tables:
                    log, token = self._logs[name], self._marker.token
                    log.make()
                    self._tables[name] = TableWriter(log.table, log.folder, token, self.run_id, self.job_id)
                self._tables[name].write(batch)
            except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
                self._error = error
