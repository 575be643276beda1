"""One query from its text to its rows."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING

from tapiary import query
from tapiary.errors import InvalidInput, Unavailable
from tapiary.query import Plan, Range, Type
from tapiary.services.queries.catalog import ActorCatalog, Source
from tapiary.services.queries.views import Answer

if TYPE_CHECKING:
    import pyarrow as pa

    from tapiary.accounts import Actor
    from tapiary.services import Services
    from tapiary.store import Rows, Store

#: Rows of a batch: few enough that a page does not unpack much more than it shows.
BATCH_ROWS = 16_384


def prepare(
    services: Services, actor: Actor, nql: str, start: str | int | None, end: str | int | None,
    parameters: Mapping[str, str] | None, default_stream: str | None,
) -> Work:
    """A query that can be run once. Raises what `query.compile` raises, and InvalidInput for a range."""
    now_ms = time.time_ns() // 1_000_000
    catalog = ActorCatalog(services, actor)
    chosen = Range(_moment(start, "startTime", now_ms), _moment(end, "endTime", now_ms))
    plan = query.compile(
        nql, catalog, now_ms=now_ms, range=chosen, parameters=parameters or {}, default_stream=default_stream
    )
    return Work(plan, catalog.sources(plan.statement))


class Slots:
    """The queries that may be at work at the same time."""

    def __init__(self, number: int, patience_s: float) -> None:
        self._free = threading.BoundedSemaphore(number)
        self._patience_s = patience_s

    @contextmanager
    def one(self, cancelled: threading.Event) -> Iterator[None]:
        """Wait for a place, and hold it. Raises Unavailable when there is none for too long."""
        end = time.monotonic() + self._patience_s
        while not self._free.acquire(timeout=0.25):
            _check(cancelled)
            if time.monotonic() > end:
                raise Unavailable("too many queries are at work (queries.max_running): try again", code="busy")
        try:
            yield
        finally:
            self._free.release()


class Work:
    """A compiled query and what it reads; it can be run once, and cancelled from any thread."""

    def __init__(self, plan: Plan, sources: Mapping[str, Source]) -> None:
        self.columns: tuple[tuple[str, Type], ...] = plan.columns
        #: Whether it has a place among those at work.
        self.begun = False
        self._plan, self._sources = plan, sources
        self._cancelled = threading.Event()
        self._rows: Rows | None = None

    def answer(self, store: Store, slots: Slots, timeout_s: float, *, readable: bool = True) -> Answer:
        """Run it up to its first rows, and give them and the others as they are read.

        readable: addresses and the like as text, else as the tables have them. Raises Unavailable when it takes
        longer than `timeout_s` or was cancelled, InvalidInput for what the engine cannot compute.
        """
        with slots.one(self._cancelled):
            self.begun = True
            if self._plan.sleep_ms and self._cancelled.wait(self._plan.sleep_ms / 1000):
                _check(self._cancelled)
            rows = store.query(query.sql_text(self._plan), tables=self._sources, timeout_s=timeout_s)
            self._rows = rows
            if self._cancelled.is_set():
                rows.interrupt()
            reader = rows.arrow_reader(BATCH_ROWS)
            try:
                first = next(reader, None)
            except BaseException:
                rows.close()
                raise
        schema = self.readable(_empty(reader.schema)).schema if readable else reader.schema
        batches = reader if first is None else chain((first,), reader)
        return Answer(self.columns, schema, map(self.readable, batches) if readable else batches, rows.close)

    def readable(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """A batch with addresses and the like as text."""
        return query.readable_batch(batch, self.columns)

    def cancel(self) -> None:
        """Break it off."""
        self._cancelled.set()
        if self._rows is not None:
            self._rows.interrupt()


def _check(cancelled: threading.Event) -> None:
    if cancelled.is_set():
        raise Unavailable("the query was cancelled", code="cancelled")


def _empty(schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_pylist([], schema=schema)


def _moment(value: str | int | None, field: str, now_ms: int) -> int | None:
    if value is None or isinstance(value, int):
        return value
    found = query.moment_ms(value, now_ms)
    if found is None:
        raise InvalidInput(
            f"{field}: {value!r} is no time; give milliseconds since 1970, or as -1h@now or @2026-11-25T10:00:00Z",
            field=field,
        )
    return found
