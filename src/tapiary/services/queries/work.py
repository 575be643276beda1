"""One query from its text to its rows."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING

from tapiary import query
from tapiary.errors import InvalidInput, TapiaryError, Unavailable
from tapiary.query import Range, Type
from tapiary.services.queries.catalog import ActorCatalog
from tapiary.services.queries.places import Places, check
from tapiary.services.queries.views import Answer

if TYPE_CHECKING:
    import pyarrow as pa

    from tapiary.accounts import Actor
    from tapiary.query import Plan
    from tapiary.services import Services
    from tapiary.store import Rows, Running, Store

#: Beyond any time that a row can have, and still a number that every engine takes.
_FAR_MS = 2**62
#: How often a query is begun anew when files were processed again in the moment in which it began.
TRIES = 5
#: Rows of a batch: few enough that a page does not unpack much more than it shows.
BATCH_ROWS = 16_384


#: Whose a query is: a user's number and name.
Owner = tuple[int | None, str]


def owner_of(actor: Actor) -> Owner:
    """Whose the queries of this actor are, in whatever way it proved who it is."""
    return actor.user_id, actor.name


def prepare(
    services: Services, actor: Actor, nql: str, start: str | int | None, end: str | int | None,
    parameters: Mapping[str, str] | None, default_stream: str | None,
) -> Work:
    """A query that can be run once. Raises what `query.compile` raises, and InvalidInput for a range."""
    now_ms = time.time_ns() // 1_000_000
    catalog = ActorCatalog(services, actor, now_ms)
    chosen = Range(_moment(start, "startTime", now_ms), _moment(end, "endTime", now_ms))
    plan = query.compile(
        nql, catalog, now_ms=now_ms, range=chosen, parameters=parameters or {}, default_stream=default_stream
    )
    catalog.fill(plan.statement)
    return Work(plan, catalog, services.config.queries.timeout_s, owner_of(actor))


class Work:
    """A compiled query and what it reads; it can be run once, and cancelled from any thread."""

    def __init__(self, plan: Plan, catalog: ActorCatalog, timeout_s: float, owner: Owner) -> None:
        self.columns: tuple[tuple[str, Type], ...] = plan.columns
        #: Whether it has a place among those at work.
        self.begun = False
        self._plan, self._catalog, self._timeout_s, self._owner = plan, catalog, timeout_s, owner
        self._cancelled = threading.Event()
        self._running: Running | None = None

    def answer(self, store: Store, places: Places, *, readable: bool = True) -> Answer:
        """Run it up to its first rows, and give them and the others as they are read.

        readable: addresses and the like as text, for somebody who reads as fast as the network is; else as the tables
        have them, and the time limit holds to the end. Raises Conflict when it was cancelled, TooLarge when it takes
        too long, Unavailable when there is no place or memory for it, InvalidInput for what cannot be computed.
        """
        self._cancelled.wait(self._plan.sleep_ms / 1000)
        with places.one(self._owner, self._cancelled), _told():
            self.begun = True
            rows = self._begin(store)
            try:
                reader = rows.arrow_reader(BATCH_ROWS)
                first = next(reader, None)
            except BaseException:
                rows.close()
                raise
        if readable and self._running is not None:
            self._running.lift_limit()
        schema = self.readable(_empty(reader.schema)).schema if readable else reader.schema
        batches = _guarded(reader if first is None else chain((first,), reader))
        return Answer(self.columns, schema, map(self.readable, batches) if readable else batches, rows.close)

    def readable(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """A batch with addresses and the like as text."""
        return query.readable_batch(batch, self.columns)

    def cancel(self) -> None:
        """Break it off."""
        self._cancelled.set()
        if self._running is not None:
            self._running.stop()

    def _begin(self, store: Store) -> Rows:
        """The engine at work on it, over files that hold all of the rows that the user may see."""
        from tapiary.store import Running

        sql = query.sql_text(self._plan)
        for tries_left in reversed(range(TRIES)):
            self._running = Running(self._timeout_s)
            check(self._cancelled)
            rows = store.query(sql, tables=self._catalog.sources(self._plan.statement), running=self._running)
            if not tries_left or self._catalog.still_holds():
                break
            rows.close()
        return rows


def _too_big() -> Unavailable:
    text = "the query needs more memory than there is (store.memory_limit): ask for less, or group by less"
    return Unavailable(text, code="too_big")


@contextmanager
def _told() -> Iterator[None]:
    """Tell what the engine cannot do in our own words: it is asked for by the query."""
    import duckdb
    import pyarrow as pa

    try:
        yield
    except (TapiaryError, StopIteration):
        raise
    except (duckdb.OutOfMemoryException, MemoryError):
        raise _too_big() from None
    except (duckdb.DataError, pa.ArrowException) as error:
        text = str(error).partition("\n")[0]
        if "Out of Memory" in text:
            raise _too_big() from None
        raise InvalidInput(f"nql: cannot be computed: {text}", field="nql", code="not_computable") from None


def _guarded(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    with _told():
        yield from batches


def _empty(schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_pylist([], schema=schema)


def _moment(value: str | int | None, field: str, now_ms: int) -> int | None:
    if value is None:
        return None
    found = value if isinstance(value, int) else query.moment_ms(value, now_ms)
    if found is None:
        raise InvalidInput(
            f"{field}: {value!r} is no time; give milliseconds since 1970, or as -1h@now or @2026-11-25T10:00:00Z",
            field=field,
        )
    return min(max(found, -_FAR_MS), _FAR_MS)
