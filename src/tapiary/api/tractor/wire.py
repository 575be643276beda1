"""The services' values as the dialect's models, and models as answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from flask import Response
from pydantic import BaseModel

from tapiary.api.tractor import models
from tapiary.services import FileView, JobView, Statistic, UploadView, country_name

#: Waiting is part of being processed for clients of the document, which knows no such state.
_STATES: dict[str, models.State] = {"queued": "in_progress", "new": "in_progress"}
KILOBYTE = 1000


def reply(model: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A model as JSON, without the members that do not apply."""
    return Response(model.model_dump_json(exclude_none=True), status, headers, mimetype="application/json")


def error(status: int, message: str, headers: Mapping[str, str]) -> Response:
    """An error as the document shapes it; `status` and `code` both are the HTTP status."""
    body = msgspec.json.encode({"status": status, "code": status, "message": message})
    return Response(body, status, headers, mimetype="application/json")


def status_of_job(job: JobView) -> models.FileStatus:
    """A job as the status of its file."""
    started = job.started_at if job.started_at is not None else job.created_at
    state: Any = _STATES.get(job.state, job.state)
    return models.FileStatus(
        state=state,
        started_at=int(started),
        job_id=job.id,
        finished_at=None if job.finished_at is None else int(job.finished_at),
        error=job.error if job.state == "failed" else None,
    )


def file_of(view: FileView, job: JobView | None = None) -> models.File:
    """A file with the status of its latest job, or of the given one."""
    job = job or view.job
    return models.File(
        name=view.name,
        extension=view.extension,
        time_start=int(view.time_start),
        time_end=int(view.time_end),
        status=status_of_job(job) if job else models.FileStatus(state="new"),
        size=-(-view.size // KILOBYTE),
        flows_count=view.flows if job and job.id == view.run_job_id else None,
    )


def statistics_of(statistics: tuple[Statistic, ...]) -> list[models.StatisticItem]:
    """Statistics as the document shapes them; countries by their names."""
    return [models.StatisticItem.model_construct(title=s.title, content=_content(s)) for s in statistics]


def _content(statistic: Statistic) -> list[models.ContentItem]:
    name = country_name if statistic.title == "countries" else str
    return [models.ContentItem.model_construct(label=name(c.label), count=c.count) for c in statistic.content]


def progress_of(job: JobView) -> models.Progress:
    """How far a job is."""
    known = {
        name: job.progress.get(name)
        for name in ("bytes", "total_bytes", "packets", "flows", "seconds", "packets_per_s", "seconds_left")
    }
    percent = None
    if known["bytes"] is not None and known["total_bytes"]:
        percent = round(min(100.0 * known["bytes"] / known["total_bytes"], 100.0), 1)
    return models.Progress(
        job_id=job.id, state=job.state, percent=percent, error=job.error if job.state == "failed" else None, **known
    )


def upload_of(view: UploadView) -> models.Upload:
    """A file on its way."""
    return models.Upload(upload_id=view.id, name=view.name, size=view.size, offset=view.offset, complete=view.complete)
