"""Database rows of files and jobs, read as the services' views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, select

from tapiary.database import File, Job, Run
from tapiary.services.names import extension
from tapiary.services.views import FileView, JobView, State

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.orm import Session


def rows() -> Select[Any, Any, Any]:
    """Every file with its latest job and its visible run, in the order of names."""
    return (
        select(File, Job, Run)
        .outerjoin(Job, Job.id == File.job_id)
        .outerjoin(Run, Run.id == File.run_id)
        .order_by(File.name)
    )


def views(session: Session, root: Path, query: Select[Any]) -> list[FileView]:
    """The views of what a query made from `rows` finds."""
    return [file_view(root, *row) for row in session.execute(query)]


def job_view(job: Job) -> JobView:
    """A job as its users see it."""
    state: State = job.state  # type: ignore[assignment]
    return JobView(
        job.id,
        job.file_id,
        state,
        job.created_at,
        job.started_at,
        job.finished_at,
        job.attempts,
        job.error,
        job.progress or {},
    )


def file_view(root: Path, file: File, job: Job | None, run: Run | None) -> FileView:
    """A file as its users see it; a file whose times are unknown has its modification time for both."""
    modified = file.mtime_ns / 1e9
    return FileView(
        id=file.id,
        name=file.name,
        extension=extension(file.name),
        path=file.name if file.outside else str(root / file.name),
        outside=file.outside,
        gone=file.gone,
        size=file.size,
        time_start=modified if file.time_start is None else file.time_start / 1e6,
        time_end=modified if file.time_end is None else file.time_end / 1e6,
        job=job_view(job) if job else None,
        run_id=run.id if run else None,
        run_job_id=run.job_id if run else None,
        summary=run.summary if run else None,
    )
