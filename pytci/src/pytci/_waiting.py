"""Waiting for the end of a job."""

from __future__ import annotations

import time
from typing import Callable

from pytci._calls._base import JobRef, call, number
from pytci._effects import Plan, sleep
from pytci._model import one
from pytci._progress import Line, job_line
from pytci.errors import APIError, ConnectionFailed, JobFailed, ServerError, Timeout
from pytci.models import Job, Live

#: States in which nothing more happens unless somebody asks for it.
ENDED = frozenset({"Done", "Done - Files moved", "To process", "Failed", "Dangling", "Archived"})
#: TCI's hive lets a job pass `Stopped` on its way to the upload; one that stays there so many seconds has ended.
STOPPED_S = 15.0
#: Seconds that a hive may be away, as when it is started again.
AWAY_S = 120.0
#: Seconds between two looks: short at first, as short jobs are common.
FIRST_S, GROWTH = 0.2, 1.3


def wait(
    job: JobRef, timeout: float | None, progress: bool | Callable[[Job], object], processed: bool, interval: float
) -> Plan[Job]:
    """Look at a job until it has ended; see `PyTCI.wait`."""
    job_id = number(job)
    line, watched = Line(progress is True), _Live(job_id, progress is True)
    began = answered = time.monotonic()
    stopped: float | None = None
    pause = min(FIRST_S, interval)
    status = ""
    try:
        while True:
            now = time.monotonic()
            try:
                found: Job = yield from call("GET", f"/jobs/{job_id}", one(Job))
            except (ConnectionFailed, Timeout, ServerError) as error:
                if now - answered > AWAY_S or _is_bug(error):
                    raise
            else:
                answered, status = now, found.status
                stopped = (now if stopped is None else stopped) if status == "Stopped" else None
                live = yield from watched.look(found)
                line.show(job_line(found, live))
                if callable(progress):
                    progress(found)
                settled = stopped is not None and (found.start_time is None or now - stopped > STOPPED_S)
                if (status in ENDED or settled) and _has_flows(found, processed):
                    return found
            if timeout is not None and time.monotonic() - began + pause > timeout:
                raise Timeout(f"job {job_id} has not ended after {timeout:g} s: {status or 'no answer'}")
            yield from sleep(pause)
            pause = min(interval, pause * GROWTH)
    finally:
        line.end()


def _has_flows(job: Job, wanted: bool) -> bool:
    """Whether nothing more is to come of an ended job. Raises JobFailed for one that has ended badly."""
    if job.status in ("Failed", "Dangling"):
        raise JobFailed(job, job.status_msg or job.status)
    processing = job.processing
    if not wanted or processing is None:
        return True
    if processing.state == "failed":
        raise JobFailed(job, f"was captured, but could not be processed into flows: {processing.error or 'no reason'}")
    return processing.ended


def _is_bug(error: Exception) -> bool:
    """Whether a hive has answered that it fails, other than for a while."""
    return isinstance(error, ServerError) and error.status not in (502, 503, 504)


class _Live:
    """What is labelled of a running job, as long as the hive knows such a thing."""

    def __init__(self, job_id: int, wanted: bool) -> None:
        self._path, self._wanted = f"/jobs/{job_id}/live", wanted

    def look(self, job: Job) -> Plan[Live | None]:
        """The present numbers; None when there are none."""
        if not self._wanted or job.status != "In progress":
            return None
        try:
            live: Live = yield from call("GET", self._path, one(Live))
        except APIError:
            self._wanted = False
            return None
        except (ConnectionFailed, Timeout):
            return None
        return live
