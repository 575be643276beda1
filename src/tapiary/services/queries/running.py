"""Queries at work: compiled, run by the store, their rows streamed or kept for paging."""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tapiary.errors import Conflict, NotFound, TapiaryError, TooManyRequests, Unavailable
from tapiary.services.formats import values
from tapiary.services.queries.places import Places
from tapiary.services.queries.results import Spool
from tapiary.services.queries.views import Answer, QueryView
from tapiary.services.queries.work import Work, owner_of, prepare
from tapiary.telemetry import counter, logger

if TYPE_CHECKING:
    from tapiary.accounts import Actor
    from tapiary.services import Services

log = logger("services")
_runs = counter("services", "queries")

#: How long `run` waits unless told otherwise; Sycope's clients all say the same.
WAIT_MS = 30_000
#: How long a request may wait for a place among those that wait, and how long it waits without one.
WAIT_FOR_PLACE_S, FIRST_WAIT_S = 2.0, 0.5
#: How long closing waits for each query that was broken off.
CLOSE_S = 5.0


class Queries:
    """NQL queries. Safe to share between threads; what is kept for paging is this process's own."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._settings = services.config.queries
        self._places = Places(self._settings.max_running, self._settings.timeout_s,
                              "too many queries are at work (queries.max_running): try again")
        # Each request that waits for a query holds a thread of the server.
        self._waits = Places(max(2, services.config.server.threads // 2), WAIT_FOR_PLACE_S,
                             "too many requests wait for queries (half of server.threads): try again")
        self._lock = threading.Lock()
        #: The longest unused first.
        self._kept: dict[str, _Job] = {}

    def stream(
        self, actor: Actor, nql: str, *, start: str | int | None = None, end: str | int | None = None,
        parameters: Mapping[str, str] | None = None, default_stream: str | None = None,
    ) -> Answer:
        """The rows as they are computed, however many they are.

        start, end: the time range, in milliseconds or as NQL's time text, the end excluded; None is open.
        parameters: values of `${NAME}` placeholders. Raises before the first row: InvalidInput that says where in the
        text something is wrong, Forbidden, TooLarge when the query takes too long, Unavailable when there is no place.
        """
        work = prepare(self._services, actor, nql, start, end, parameters, default_stream)
        _runs.add()
        with self._waits.one(owner_of(actor)):
            return work.answer(self._services.store, self._places)

    def run(
        self, actor: Actor, nql: str, *, start: str | int | None = None, end: str | int | None = None,
        wait_ms: int = WAIT_MS, parameters: Mapping[str, str] | None = None, default_stream: str | None = None,
    ) -> QueryView:
        """Run a query whose rows are kept for `page`; returns when it is done, or after `wait_ms` while it goes on.

        The arguments are those of `stream`. Raises as `stream` does, TooLarge for more than `queries.max_rows` rows,
        TooManyRequests when there are `queries.max_kept` queries that have not ended, or half as many of the
        actor's own; Unavailable when too many requests wait already.
        """
        work = prepare(self._services, actor, nql, start, end, parameters, default_stream)
        job = _Job(actor, work, Spool(self._services.store.folder / "_tmp"))
        self._keep(job)
        _runs.add()
        threading.Thread(target=self._work, args=(job,), name="query", daemon=True).start()
        self._wait(job, max(0, wait_ms) / 1000)
        return job.view()

    def get(self, actor: Actor, id: str) -> QueryView:
        """A query of the actor's own. Raises NotFound when there is none (any more), and the query's own error."""
        return self._find(actor, id).view()

    def page(self, actor: Actor, id: str, limit: int, offset: int = 0) -> list[dict[str, Any]]:
        """Rows as JSON values, from `offset` on, at most `limit`. Raises as `get`, and Conflict while it is at work."""
        job = self._find(actor, id)
        if job.view().state != "done":
            raise Conflict("the query is still at work: wait for it", code="not_done")
        with job.using:
            return list(job.page(max(0, offset), max(0, limit)))

    def cancel(self, actor: Actor, id: str) -> None:
        """Break a query off, or forget its rows. Raises NotFound when there is none (any more)."""
        job = self._find(actor, id)
        with self._lock:
            self._kept.pop(job.id, None)
        job.drop()

    def expire(self) -> None:
        """Forget the rows that nobody has asked for in `queries.keep_s`."""
        limit = time.monotonic() - self._settings.keep_s
        with self._lock:
            old = [job for job in self._kept.values() if job.ended.is_set() and job.used < limit]
            for job in old:
                del self._kept[job.id]
        for job in old:
            job.drop()

    def close(self) -> None:
        """Break off and forget all queries."""
        with self._lock:
            jobs, self._kept = list(self._kept.values()), {}
        for job in jobs:
            job.drop()
        for job in jobs:
            job.ended.wait(CLOSE_S)

    def _wait(self, job: _Job, wait_s: float) -> None:
        if job.ended.wait(min(wait_s, FIRST_WAIT_S)) or wait_s <= FIRST_WAIT_S:
            return
        try:
            with self._waits.one(job.owner):
                job.ended.wait(wait_s - FIRST_WAIT_S)
        except Unavailable:
            with self._lock:
                self._kept.pop(job.id, None)
            job.drop()
            raise

    def _keep(self, job: _Job) -> None:
        self.expire()
        gone: list[_Job] = []
        with self._lock:
            own = sum(not each.ended.is_set() for each in self._kept.values() if each.owner == job.owner)
            if own >= max(1, self._settings.max_kept // 2):
                job.spool.close()
                raise TooManyRequests("too many queries of yours have not ended: wait for them", retry_after_s=5)
            while len(self._kept) >= self._settings.max_kept:
                shares = Counter(each.owner for each in self._kept.values())
                ended = [each for each in self._kept.values() if each.ended.is_set()]
                # The longest unused one of the user who has most: nobody pushes out the rows of others.
                oldest = max(ended, key=lambda each: shares[each.owner], default=None)
                if oldest is None:
                    job.spool.close()
                    raise TooManyRequests("too many queries are at work (queries.max_kept): try again", retry_after_s=5)
                gone.append(self._kept.pop(oldest.id))
            self._kept[job.id] = job
        for each in gone:
            each.drop()

    def _find(self, actor: Actor, id: str) -> _Job:
        self.expire()
        with self._lock:
            job = self._kept.pop(id, None)
            if job is not None:
                self._kept[id] = job
                job.used = time.monotonic()
        if job is None or job.owner != owner_of(actor):
            raise NotFound("there is no such query of yours, or its rows are no longer kept", code="no_query")
        return job

    def _work(self, job: _Job) -> None:
        try:
            answer = job.work.answer(self._services.store, self._places, readable=False)
            try:
                job.spool.write(answer.schema, answer.batches, self._settings.max_rows)
            finally:
                answer.close()
        except TapiaryError as error:
            job.error = error
        except Exception as error:
            log.exception("a query failed")
            job.error = error
        finally:
            job.used = time.monotonic()
            job.ended.set()
            if job.dropped.is_set():
                job.spool.close()


class _Job:
    """A query whose rows are kept."""

    def __init__(self, actor: Actor, work: Work, spool: Spool) -> None:
        self.id = secrets.token_hex(16)
        self.owner, self.work, self.spool = owner_of(actor), work, spool
        self.used = time.monotonic()
        self.error: Exception | None = None
        self.ended, self.dropped = threading.Event(), threading.Event()
        #: Held while rows are read.
        self.using = threading.Lock()

    def view(self) -> QueryView:
        """What is shown of it; raises the error that it ended with."""
        if not self.ended.is_set():
            return QueryView(self.id, "running" if self.work.begun else "waiting")
        if self.error is not None:
            raise self.error
        return QueryView(self.id, "done", self.spool.rows, self.work.columns)

    def page(self, offset: int, limit: int) -> Iterator[dict[str, Any]]:
        """Rows as JSON values."""
        if self.dropped.is_set():
            return
        for batch in self.spool.page(offset, limit):
            readable = self.work.readable(batch)
            names = readable.schema.names
            for row in zip(*(values(column) for column in readable.columns), strict=True):
                yield dict(zip(names, row, strict=True))

    def drop(self) -> None:
        """Break it off and let its rows go."""
        with self.using:
            self.dropped.set()
            self.work.cancel()
            if self.ended.is_set():
                self.spool.close()
