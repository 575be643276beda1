"""What a server does beside answering: watch the folder, and put right what crashes left."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tapiary.services.ingest import ALIVE, PROCESS
from tapiary.telemetry import logger

if TYPE_CHECKING:
    from tapiary.services import Services

log = logger("services")
#: A held job whose process has not begun it after this long never will.
HELD_S = 60.0


class Upkeep:
    """Steps that can be repeated at any time, from any process."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def begin(self) -> None:
        """What has to be done once, at the start of a server: finish uploads that were complete, wake the engine."""
        self._services.uploads.recover()
        # Loading the query engine takes a quarter of a second that the first statistics would wait for.
        self._services.store.query("SELECT 1", tables={}).fetchall()

    def watch(self) -> None:
        """Look into the repository, and queue what is new where that is wished for."""
        self._services.files.scan()
        if self._services.config.repository.auto_process:
            self._services.ingest.submit_new()

    def sweep(self) -> dict[str, int]:
        """Remove the rows that no visible run names; returns how many files and rows went."""
        from sqlalchemy import func, select

        from tapiary.database import Run, live_runs

        self._drop_dead_runs()
        self._release_held()
        self._services.indexes.sweep()
        with self._services.database.session(write=False) as session:
            # A run that begins after this look is not in `live`: it must not be taken for dead.
            newest = session.scalar(select(func.max(Run.id))) or 0
            live = live_runs(session)
        found = self._services.store.sweep(live, before=newest + 1)
        if any(found.values()):
            log.info("swept %d files and %d rows that an interruption had left", found["files"], found["rows"])
        return found

    def tidy(self) -> None:
        """Let old rows of indexes and old alerts go, merge small files, delete replaced ones, forget old uploads."""
        self._services.uploads.recover()
        self._services.indexes.retain()
        self._services.alerts.prune()
        self._services.queries.expire()
        self._services.store.compact()
        self._services.store.vacuum()

    def _drop_dead_runs(self) -> None:
        """Runs that are still being written for jobs that have ended belong to attempts that died."""
        from sqlalchemy import or_, select

        from tapiary.database import Job, Run, drop_runs

        with self._services.database.session() as session:
            query = (
                select(Run.id)
                .outerjoin(Job, Job.id == Run.job_id)
                .where(Run.state == "writing", or_(Job.id.is_(None), Job.state.not_in(ALIVE)))
            )
            drop_runs(session, list(session.scalars(query)))

    def _release_held(self) -> None:
        from sqlalchemy import select

        from tapiary.database import Job

        with self._services.database.session(write=False) as session:
            query = select(Job.id).where(Job.kind == PROCESS, Job.state == "new", Job.created_at < time.time() - HELD_S)
            held = list(session.scalars(query))
        for job_id in held:
            self._services.queue.release(job_id)
