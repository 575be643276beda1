"""The durable queue: jobs are rows, and every step of one is a single guarded UPDATE.

A worker holds a job by a lease that it renews. It loses the job when its process is provably dead, or when nothing can
be proved and the lease ran out; a living process keeps its job, so that no job ever runs twice at the same time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tapiary.config import JobsConfig
from tapiary.database import Database, Job
from tapiary.errors import Conflict, NotFound
from tapiary.jobs import owner as owners
from tapiary.jobs.bell import Bell
from tapiary.jobs.states import sources, target
from tapiary.telemetry import counter, logger

log = logger("jobs")


class Queue:
    """The queue in a database. The constructor does no I/O; safe to share between threads."""

    def __init__(self, database: Database, config: JobsConfig) -> None:
        self.database = database
        self.config = config

    def submit(
        self, kind: str, arguments: dict[str, Any], file_id: int | None = None, priority: int = 0, *,
        hold: bool = False, session: Session | None = None,
    ) -> Job:
        """Put a job in the queue; it is on the disk when this returns. Higher priorities go first, then older jobs.

        hold: leave it in state `new` until `release` (or `run_inline`).
        session: take part in the caller's transaction instead; the job may run as soon as that commits.
        """
        job = Job(kind=kind, arguments=arguments, file_id=file_id, priority=priority, created_at=time.time(),
                  state=target("hold" if hold else "submit"), attempts=0, cancel_requested=False)
        with nullcontext(session) if session else self.database.session() as transaction:
            transaction.add(job)
            transaction.flush()
        counter("jobs", "submitted").add()
        return job

    def release(self, job_id: int) -> bool:
        """Let a held job run; False when it is not held."""
        with self.database.session() as session:
            return self._move(session, "release", Job.id == job_id) is not None

    def get(self, job_id: int) -> Job:
        """The job as it is now; NotFound when there is none."""
        with self.database.session(write=False) as session:
            job = session.get(Job, job_id)
        if job is None:
            raise NotFound(f"there is no job {job_id}", field="job_id")
        return job

    def list(
        self, *, states: Sequence[str] | None = None, kind: str | None = None, file_id: int | None = None,
        limit: int = 100, before: int | None = None,
    ) -> list[Job]:
        """Jobs, newest first, optionally only those with these properties or with an id below `before`."""
        query = select(Job).order_by(Job.id.desc()).limit(limit)
        if states is not None:
            query = query.where(Job.state.in_(states))
        if kind is not None:
            query = query.where(Job.kind == kind)
        if file_id is not None:
            query = query.where(Job.file_id == file_id)
        if before is not None:
            query = query.where(Job.id < before)
        with self.database.session(write=False) as session:
            return list(session.scalars(query))

    def cancel(self, job_id: int) -> Job:
        """End a waiting job, or ask the worker of a running one to stop; returns the job as it is then.

        A job that has ended stays as it is. NotFound when there is no such job.
        """
        with self.database.session() as session:
            moved = self._move(session, "cancel", Job.id == job_id, cancel_requested=True, finished_at=time.time())
            if moved is None:
                running = update(Job).where(Job.id == job_id, Job.state == target("claim"))
                session.execute(running.values(cancel_requested=True))
        return self.get(job_id)

    def claim(self, owner: str, job_id: int | None = None) -> Job | None:
        """Take the next job, or this one, for an owner; None when there is none to take."""
        now = time.time()
        wanted: ColumnElement[bool]
        if job_id is None:
            busy = select(Job.file_id).where(Job.state == target("claim"), Job.file_id.is_not(None))
            wanted = Job.id == (
                select(Job.id)
                .where(Job.state.in_(sources("claim")), or_(Job.lease_until.is_(None), Job.lease_until <= now),
                       or_(Job.file_id.is_(None), Job.file_id.not_in(busy)))
                .order_by(Job.priority.desc(), Job.id).limit(1).with_for_update(skip_locked=True).scalar_subquery())
        else:
            wanted = Job.id == job_id
        for event in ("claim",) if job_id is None else ("claim", "claim_held"):
            try:
                with self.database.session(durable=False) as session:
                    job = self._move(session, event, wanted, owner=owner, started_at=now, finished_at=None, error=None,
                                     progress=None, attempts=Job.attempts + 1, lease_until=now + self.config.lease_s)
            except IntegrityError:  # another worker took a job of the same file in the same instant
                return None
            if job is not None:
                return job
        return None

    def has_waiting(self) -> bool:
        """Whether a job may be claimed now; a cheap look that takes no lock."""
        due = or_(Job.lease_until.is_(None), Job.lease_until <= time.time())
        query = select(Job.id).where(Job.state.in_(sources("claim")), due)
        with self.database.readers.connect() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def bell(self) -> Bell:
        """A bell of the caller's own, that rings when the queue may have changed."""
        return Bell(self.database)

    def finish(
        self, job: Job, event: str, *, error: str | None = None, rest_s: float = 0.0, counts: bool = True,
    ) -> bool:
        """End an attempt of a claimed job by `finish`, `fail`, `stop` or `requeue`; False when it was lost before.

        rest_s: seconds for which a re-queued job is left alone. counts: whether a re-queued job has used an attempt.
        """
        values: dict[str, Any] = {"error": error, "owner": None, "lease_until": None}
        if event == "requeue":
            values |= {"started_at": None, "lease_until": time.time() + rest_s if rest_s else None,
                       "attempts": job.attempts if counts else job.attempts - 1}
        else:
            values["finished_at"] = time.time()
        with self.database.session() as session:
            return self._move(session, event, *self._held(job), **values) is not None

    def renew(self, job: Job, progress: dict[str, Any] | None) -> bool:
        """Renew the lease and store progress; False when the job no longer belongs to its owner."""
        values: dict[str, Any] = {"lease_until": time.time() + self.config.lease_s}
        if progress is not None:
            values["progress"] = progress
        with self.database.session(durable=False) as session:
            done = session.execute(update(Job).where(*self._held(job)).values(values).returning(Job.id)).first()
        return done is not None

    def wish(self, job: Job) -> str:
        """What the job's owner has to know: `cancel`, `lost` or nothing."""
        with self.database.readers.connect() as connection:
            row = connection.execute(select(Job.cancel_requested).where(*self._held(job))).first()
        return "lost" if row is None else "cancel" if row[0] else ""

    def holds(self, session: Session, job: Job) -> bool:
        """Whether the owner still has the job, inside a transaction: ask before making results visible."""
        query = select(Job.id).where(*self._held(job)).with_for_update()
        return session.execute(query).first() is not None

    def recover(self, reason: str = "the worker died", owner: str | None = None) -> int:
        """Re-queue the jobs of dead owners (or of this owner, known to be dead); returns how many there were.

        A job that had its last attempt fails with the reason.
        """
        now, count = time.time(), 0
        query = select(Job).where(Job.state == target("claim"))
        if owner is not None:
            query = query.where(Job.owner == owner)
        with self.database.session(write=False) as session:
            jobs = list(session.scalars(query))
        for job in jobs:
            if owner is None and not self._is_lost(job, now):
                continue
            if job.cancel_requested:
                moved = self.finish(job, "stop")
            elif job.attempts >= self.config.max_attempts:
                last = f"{reason}, at attempt {job.attempts} of {self.config.max_attempts}"
                moved = self.finish(job, "fail", error=last)
            else:
                moved = self.finish(job, "requeue", error=reason)
            if moved:
                count += 1
                counter("jobs", "recovered").add()
                log.warning("job %d: %s at attempt %d", job.id, reason, job.attempts)
        return count

    def run_inline(self, job_id: int, *, on_progress: Callable[[dict[str, Any]], None] | None = None) -> Job:
        """Run one waiting or held job in this process and thread; returns it ended.

        Raises what the handler raised, after the job's end is stored; Conflict when the job cannot be taken.
        """
        from tapiary.jobs.runner import run

        self.recover()
        job = self.claim(owners.own_name(), job_id)
        if job is None:
            found = self.get(job_id)
            raise Conflict(f"job {job_id} cannot run now: it is {found.state}, or its file is being worked on")
        error = run(self, job, on_progress=on_progress)
        if error is not None:
            raise error
        return self.get(job_id)

    @staticmethod
    def _is_lost(job: Job, now: float) -> bool:
        owner = job.owner or ""
        if owners.is_dead(owner):
            return True
        return (job.lease_until or 0.0) < now and not owners.is_alive(owner)

    @staticmethod
    def _held(job: Job) -> tuple[ColumnElement[bool], ...]:
        return (Job.id == job.id, Job.state == target("claim"), Job.owner == job.owner, Job.attempts == job.attempts)

    @staticmethod
    def _move(session: Session, event: str, *where: ColumnElement[bool], **values: Any) -> Job | None:
        """Take one step of the state table by one UPDATE; None when the job is in no state that allows it."""
        statement = update(Job).where(Job.state.in_(sources(event)), *where).values(state=target(event), **values)
        return session.scalars(
            statement.returning(Job).execution_options(synchronize_session=False, populate_existing=True)).first()
