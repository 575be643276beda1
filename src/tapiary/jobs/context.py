"""What a handler has in hand while it works: progress, the wish to cancel, the proof that the job is still its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tapiary.telemetry import logger

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tapiary.database import Job
    from tapiary.jobs.queue import Queue

log = logger("jobs")

#: A wish to cancel is seen this soon; the design says 0.3 s at most.
LOOK_S = 0.1
#: Progress goes to the database this often at most: five writes a second.
PROGRESS_S = 0.2


class Cancelled(Exception):
    """Raised by a handler that stops early because its context said so."""


class Context:
    """One attempt at one job, as the handler sees it.

    A thread of its own renews the lease, stores the latest progress and looks for the wish to cancel, so that both
    `progress` and `cancelled` cost nothing and can be called for every batch.
    """

    def __init__(
        self, queue: Queue, job: Job, *, stopping: threading.Event | None = None,
        on_progress: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self.job_id = job.id
        self.file_id = job.file_id
        self.attempt = job.attempts
        #: Why to stop: `cancel` (a user's wish), `lost` (the job went to another worker), `stopping` or nothing.
        self.reason = ""
        self._queue = queue
        self._job = job
        self._stopping = stopping or threading.Event()
        self._on_progress = on_progress
        self._progress: dict[str, Any] | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._pulse, name=f"job-{job.id}-pulse", daemon=True)

    def progress(self, state: dict[str, Any]) -> None:
        """Tell how far the work is; only the latest state is stored, at most five times a second."""
        self._progress = state
        if self._on_progress is not None:
            self._on_progress(state)

    def cancelled(self) -> bool:
        """Whether to stop now; the handler then cleans up and raises `Cancelled`."""
        if not self.reason and self._stopping.is_set():
            self.reason = "stopping"
        return bool(self.reason)

    def check(self) -> None:
        """Raise `Cancelled` when it is time to stop."""
        if self.cancelled():
            raise Cancelled(self.reason)

    def guard(self, session: Session) -> None:
        """Raise `Cancelled` when the job is no longer this attempt's; call it in the transaction that publishes."""
        if not self._queue.holds(session, self._job):
            self.reason = "lost"
            raise Cancelled(self.reason)

    def __enter__(self) -> Context:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        if self._progress is not None:  # the last figures are the ones that stay
            try:
                self._write(self._progress)
            except Exception:
                log.warning("job %d: last progress not stored", self.job_id, exc_info=True)

    def _pulse(self) -> None:
        renew_s = self._queue.config.lease_s / 3
        written: dict[str, Any] | None = None
        next_progress, next_renewal = 0.0, time.monotonic() + renew_s
        while not self._done.wait(LOOK_S):
            try:
                self.reason = self.reason or self._queue.wish(self._job)
                now, progress = time.monotonic(), self._progress
                if now >= next_renewal or (progress is not written and now >= next_progress):
                    self._write(progress)
                    written, next_progress, next_renewal = progress, now + PROGRESS_S, now + renew_s
            except Exception:
                # The database may be away for a moment; the lease decides when that lasts too long.
                log.warning("job %d: no heartbeat", self.job_id, exc_info=True)

    def _write(self, progress: dict[str, Any] | None) -> None:
        if not self._queue.renew(self._job, progress):
            self.reason = self.reason or "lost"
