"""From capture to visible rows: meter, enrich, write, and make it the truth in one transaction.

A run of the tables becomes visible by one database transaction; whatever an interrupted attempt wrote before
that is swept. A job that was interrupted after that transaction does nothing when it is taken up again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from tapiary.errors import Conflict, NotFound
from tapiary.services.views import FileView, JobView, Processed
from tapiary.telemetry import logger

if TYPE_CHECKING:
    from tapiary.config import MeterConfig
    from tapiary.jobs import Context
    from tapiary.services import Services

log = logger("services")

#: The kind of job that processes a file.
PROCESS = "process"
#: States in which a job will still do something.
ALIVE = ("new", "queued", "in_progress")


class Ingest:
    """Queueing, processing and cancelling."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def submit(self, name: str, *, priority: int = 0) -> JobView:
        """Queue a file of the repository; the job that already waits or works on it is returned as it is.

        Raises NotFound, InvalidInput, Conflict (file still being written).
        """
        return self.submit_file(self._services.files.see(name), priority=priority)

    def submit_file(self, view: FileView, *, priority: int = 0) -> JobView:
        """Queue a known file, as `submit`."""
        from sqlalchemy import select

        from tapiary.database import File, Job
        from tapiary.services.catalog import job_view

        with self._services.database.session() as session:
            file = session.get(File, view.id)
            if file is None:
                raise NotFound(f"file_name: there is no file {view.name!r}", field="file_name")
            job = session.get(Job, file.job_id) if file.job_id else None
            if job is None or job.state not in ALIVE:
                job_id = self._services.queue.submit(PROCESS, {"file_id": file.id}, file_id=file.id, priority=priority,
                                                     session=session)
                file.job_id = job_id
                job = session.scalars(select(Job).where(Job.id == job_id)).one()
            return job_view(job)

    def submit_new(self) -> list[JobView]:
        """Queue every file of the repository that no job has touched in its present form."""
        return [self.submit_file(view) for view in self._services.files.list() if view.state == "new"]

    def get(self, job_id: int) -> JobView:
        """A job. Raises NotFound."""
        from tapiary.database import Job
        from tapiary.services.catalog import job_view

        with self._services.database.session(write=False) as session:
            job = session.get(Job, job_id)
            if job is None or job.kind != PROCESS:
                raise NotFound(f"job_id: there is no job {job_id}", field="job_id")
            return job_view(job)

    def cancel(self, job_id: int) -> JobView:
        """Ask a job to stop; one that waits is cancelled at once, one at work within a moment.

        Raises NotFound, and Conflict when the job has ended.
        """
        job = self.get(job_id)
        if job.state not in ALIVE:
            raise Conflict(f"job_id: job {job_id} has already ended ({job.state})", field="job_id", code="job_ended")
        self._services.queue.cancel(job_id)
        return self.get(job_id)

    def process_file(
        self, source: Path | BinaryIO, *, name: str | None = None, meter: MeterConfig | None = None,
        progress: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> Processed:
        """Process a capture in this process and wait for it; no server is needed.

        source: a path, or a stream such as standard input (then `name` says what to call it; its packets cannot be
        cut out later). meter: other settings than the configured ones, for this file only. progress: called with
        bytes, total_bytes, packets, flows, seconds, packets_per_s, seconds_left. Raises what the meter raises.
        """
        from tapiary.services.inline import process_file

        return process_file(self._services, source, name=name, meter=meter, progress=progress)


def process(context: Context, arguments: Mapping[str, Any]) -> None:
    """The handler of `PROCESS` jobs. arguments: file_id."""
    from tapiary.services.processing import Processing

    services: Services = context.resource
    Processing(services, context, int(arguments["file_id"])).run()


def now_us() -> int:
    """The present in microseconds since 1970."""
    return time.time_ns() // 1000
