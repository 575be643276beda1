"""One attempt at a claimed job, from handler to stored end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tapiary.errors import TapiaryError, Unavailable
from tapiary.jobs.context import Cancelled, Context
from tapiary.jobs.registry import handler_of
from tapiary.telemetry import counter, logger

if TYPE_CHECKING:
    from tapiary.database import Job
    from tapiary.jobs.queue import Queue

log = logger("jobs")

#: Rest before another attempt at a job that failed for a passing reason, times the attempts so far.
REST_S = 1.0


def run(
    queue: Queue, job: Job, *, stopping: threading.Event | None = None,
    on_progress: Callable[[dict[str, Any]], None] | None = None,
) -> BaseException | None:
    """Do a claimed job and store how it ended; returns what the handler raised, if anything."""
    raised: BaseException | None = None
    try:
        with Context(queue, job, stopping=stopping, on_progress=on_progress) as context:
            handler_of(job.kind)(context, job.arguments)
    except BaseException as error:  # noqa: BLE001 - the job must be put back also at an interrupt
        raised = error
    _store(queue, job, raised, context.reason)
    if raised is not None and not isinstance(raised, Exception):
        raise raised  # KeyboardInterrupt, SystemExit: meant for the process
    return raised


def _store(queue: Queue, job: Job, raised: BaseException | None, reason: str) -> None:
    if raised is None:
        queue.finish(job, "finish")
        counter("jobs", "finished").add()
    elif isinstance(raised, Cancelled) and reason in ("stopping", "lost"):
        queue.finish(job, "requeue", counts=False)  # does nothing when the job was lost
    elif isinstance(raised, (Cancelled, KeyboardInterrupt)):
        queue.finish(job, "stop", error="interrupted" if isinstance(raised, KeyboardInterrupt) else None)
        counter("jobs", "cancelled").add()
    elif isinstance(raised, Unavailable) and job.attempts < queue.config.max_attempts:
        queue.finish(job, "requeue", error=raised.message, rest_s=REST_S * job.attempts)
    else:
        known = isinstance(raised, TapiaryError)
        message = raised.message if isinstance(raised, TapiaryError) else f"{type(raised).__name__}: {raised}"
        log.error("job %d (%s) failed: %s", job.id, job.kind, message, exc_info=None if known else raised)
        queue.finish(job, "fail", error=message)
        counter("jobs", "failed").add()
