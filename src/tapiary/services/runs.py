"""Which rows of the tables a job's number stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tapiary.errors import NotFound
from tapiary.services.views import FileView

if TYPE_CHECKING:
    from tapiary.services import Services

#: What to say of a job that has no rows, by its state.
_WHY = {
    "new": "is held back",
    "queued": "waits for a worker",
    "in_progress": "is still in progress",
    "failed": "failed",
    "cancelled": "was cancelled",
    "finished": "was processed again by a later job, which has the rows now",
}


def visible(services: Services, job_id: int) -> tuple[int, FileView]:
    """The run whose rows a job's users see, and its file. Raises NotFound that says why there is none."""
    from sqlalchemy import select

    from tapiary.database import Run

    with services.database.session(write=False) as session:
        run = session.scalars(
            select(Run).where(Run.job_id == job_id, Run.state == "committed").order_by(Run.id.desc()).limit(1)
        ).first()
    if run is not None and run.file_id is not None:
        view = services.files.by_id(run.file_id)
        if view.run_id == run.id:
            return run.id, view
    job = services.ingest.get(job_id)
    why = _WHY[job.state] + (f" ({job.error})" if job.error and job.state == "failed" else "")
    raise NotFound(f"job_id: job {job_id} has no flows: it {why}", field="job_id", code="no_rows")
