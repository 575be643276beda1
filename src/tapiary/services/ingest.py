"""From capture to visible rows: meter, enrich, write, and make it the truth in one transaction.

A run of the tables becomes visible by one database transaction; whatever an interrupted attempt wrote before
that is swept. A job that was interrupted after that transaction does nothing when it is taken up again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from tapiary.errors import Conflict, NotFound
from tapiary.services.started import Started, start
from tapiary.services.views import FileView, JobView, Processed

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tapiary.config import Config, MeterConfig
    from tapiary.database import Job
    from tapiary.jobs import Context, Handler
    from tapiary.services import Services

#: The kind of job that processes a file.
PROCESS = "process"
#: States in which a job will still do something.
ALIVE = ("new", "queued", "in_progress")


class Ingest:
    """Queueing, processing and cancelling."""

    def __init__(self, services: Services) -> None:
        self._services = services
        #: What the jobs that this process runs itself read: standard input, or a run that has begun.
        self._held: dict[int, BinaryIO | Started | None] = {}

    def submit(self, name: str, *, priority: int = 0) -> JobView:
        """Queue a file of the repository; the job that already waits or works on it is returned as it is.

        Raises NotFound, InvalidInput, Conflict (file still being written).
        """
        return self.submit_file(self._services.files.see(name), priority=priority)

    def submit_file(self, view: FileView, *, priority: int = 0) -> JobView:
        """Queue a known file, as `submit`."""
        from tapiary.database import File, Job
        from tapiary.services.catalog import job_view

        with self._services.database.session() as session:
            file = session.get(File, view.id)
            if file is None:
                raise NotFound(f"file_name: there is no file {view.name!r}", field="file_name")
            job = session.get(Job, file.job_id) if file.job_id else None
            if job is None or job.state not in ALIVE:
                job = self._submit(session, file.id, {}, priority=priority)
            return job_view(job)

    def submit_new(self) -> list[JobView]:
        """Queue every file of the repository that no job has touched in its present form."""
        new = [view for view in self._services.files.list() if view.state == "new"]
        withheld = self._services.captures.withheld() if new else set()
        return [self.submit_file(view) for view in new if view.id not in withheld]

    def get(self, job_id: int) -> JobView:
        """A job. Raises NotFound."""
        from tapiary.database import Job
        from tapiary.services.catalog import job_view

        with self._services.database.session(write=False) as session:
            job = session.get(Job, job_id)
            if job is None or job.kind != PROCESS:
                raise NotFound(f"job_id: there is no job {job_id}", field="job_id")
            return job_view(job)

    def count_by_state(self) -> dict[str, int]:
        """How many jobs there are in each state that occurs."""
        from sqlalchemy import func, select

        from tapiary.database import Job

        with self._services.database.session(write=False) as session:
            found = session.execute(select(Job.state, func.count()).where(Job.kind == PROCESS).group_by(Job.state))
            return {str(state): int(count) for state, count in found}

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
        self,
        source: Path | BinaryIO,
        *,
        name: str | None = None,
        meter: MeterConfig | None = None,
        progress: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> Processed:
        """Process a capture in this process and wait for it; no server is needed.

        source: a path, or a stream such as standard input (then `name` says what to call it; its packets cannot be
        cut out later). meter: other settings than the configured ones, for this file only. progress: called with
        bytes, total_bytes, packets, flows, seconds, packets_per_s, seconds_left. Raises what the meter raises, and
        Conflict when another process is at the same file.
        """
        from tapiary.jobs import register

        # Metering needs no Python: it begins before the libraries of database and tables are loaded.
        started = start(source, meter or self._services.config.meter) if isinstance(source, Path) else source
        try:
            for kind, call in self.handlers().items():
                register(kind, call)
            if isinstance(source, Path):
                view = self._services.files.add(source)
            else:
                view = self._services.files.add_stream(name or f"stdin:{datetime.now(UTC).isoformat()}")
            job_id = self._hold(view, meter)
            self._held[job_id] = started
            try:
                self._services.queue.run_inline(job_id, on_progress=progress)
            except Conflict:
                self._withdraw(job_id, view)
                raise
            finally:
                del self._held[job_id]
        finally:
            if isinstance(started, Started):
                started.run.close()
        done = self._services.files.by_id(view.id)
        assert done.run_id is not None
        assert done.summary is not None
        return Processed(job_id, done.run_id, view.name, done.summary)

    def handlers(self) -> dict[str, Handler]:
        """What this process can do for the queue, by kind of job."""
        return {PROCESS: self._process}

    def _process(self, context: Context, arguments: dict[str, Any]) -> None:
        import msgspec

        from tapiary.config import MeterConfig
        from tapiary.services.processing import Processing

        own = arguments.get("meter")
        meter = self._services.config.meter if own is None else msgspec.convert(own, MeterConfig)
        Processing(self._services, context, int(arguments["file_id"]), meter, self._held.get(context.job_id)).run()

    def _hold(self, view: FileView, meter: MeterConfig | None) -> int:
        """Make a job that only this process runs, in the place of one that waits. Raises Conflict."""
        import msgspec

        queue = self._services.queue
        queue.recover()
        if running := queue.list(states=["in_progress"], file_id=view.id, limit=1):
            raise Conflict(f"file: {view.name!r} is being processed by job {running[0].id}", field="file")
        if view.job and view.job.state in ("new", "queued"):
            queue.cancel(view.job.id)
        arguments = {} if meter is None else {"meter": msgspec.to_builtins(meter)}
        with self._services.database.session() as session:
            return self._submit(session, view.id, arguments, hold=True).id

    def _withdraw(self, job_id: int, view: FileView) -> None:
        """Forget a held job that could not begin; else a server would run it later."""
        from tapiary.database import File

        if self._services.queue.get(job_id).state != "new":
            return
        self._services.queue.cancel(job_id)
        with self._services.database.session() as session:
            file = session.get(File, view.id)
            if file is not None and file.job_id == job_id:
                file.job_id = view.job.id if view.job else None

    def _submit(
        self, session: Session, file_id: int, arguments: dict[str, Any], *, priority: int = 0, hold: bool = False
    ) -> Job:
        from tapiary.database import File

        job = self._services.queue.submit(
            PROCESS, {"file_id": file_id, **arguments}, file_id, priority, hold=hold, session=session
        )
        session.get_one(File, file_id).job_id = job.id
        return job


def make_handlers(config: Config) -> dict[str, Handler]:
    """The handlers of a worker process, with everything heavy imported before the first job comes."""
    from tapiary.services import Services

    services = Services(config)
    services.warm()
    return {
        **services.ingest.handlers(), **services.captures.merging.handlers(), **services.scripts.handlers(),
    }
