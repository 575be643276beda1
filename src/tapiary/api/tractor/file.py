"""/file/{job_id}: one processed capture."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from flask import Response, request
from flask_openapi3 import APIBlueprint

from tapiary.api.tractor import models
from tapiary.api.tractor.context import FILE, services
from tapiary.api.tractor.wire import file_of, progress_of, reply, statistics_of, status_of_job
from tapiary.errors import Unavailable
from tapiary.services import FlowFilter, JobView, Services, country_name

#: Seconds between two looks at a job that somebody watches, and between two signs of life when nothing happens.
WATCH_S, ALIVE_S = 0.2, 15.0
ENDED = frozenset({"finished", "failed", "cancelled"})
UNKNOWN = "unknown"


class _Watchers:
    value = 0


_watchers = _Watchers()
_watching = threading.Lock()


def file_status(path: models.JobPath) -> Response:
    """Get status of file"""
    return reply(status_of_job(services().ingest.get(path.job_id)))


def file_details(path: models.JobPath) -> Response:
    """Get file details by job id"""
    job = services().ingest.get(path.job_id)
    return reply(file_of(services().files.by_job(path.job_id), job))


def file_statistics(path: models.JobPath, query: models.LimitQuery) -> Response:
    """Get general statistic of processed file"""
    found = services().search.statistics(path.job_id, limit=query.limit)
    return reply(models.Statistics(statistics_of(found)))


def file_statistics_labels(path: models.JobPath, query: models.LabelQuery) -> Response:
    """Get statistics based by Labels"""
    found = services().search.statistics(path.job_id, FlowFilter(label=query.label), limit=query.limit)
    return reply(models.Statistics(statistics_of(found)))


def file_statistics_ip(path: models.JobPath, query: models.IpQuery) -> Response:
    """Get statistics based by IP

    Takes an IPv4 or IPv6 address or a CIDR network. Country and city are the most frequent ones of the matching ends,
    the user agent that of matching clients, the domain name that of matching servers.
    """
    found = services().search.address(path.job_id, query.ip, limit=query.limit)
    return reply(
        models.DetailsIp(
            country=country_name(found.country) if found.country else UNKNOWN,
            city=found.city or UNKNOWN,
            user_agent=found.user_agent,
            domain_name=found.domain_name,
            statistics=statistics_of(found.statistics),
        )
    )


def file_cancel(path: models.JobPath) -> Response:
    """Cancel a job that waits or works"""
    return reply(status_of_job(services().ingest.cancel(path.job_id)))


def file_delete(path: models.JobPath) -> Response:
    """Delete the job's file with all that was made of it"""
    view = services().files.by_job(path.job_id)
    services().files.delete(view)
    return reply(file_of(view))


def file_progress(path: models.JobPath) -> Response:
    """Get progress of a job

    With `Accept: text/event-stream` a stream of events named progress, one for each change, until the job has ended.
    """
    job = services().ingest.get(path.job_id)
    if request.accept_mimetypes.best_match(["application/json", "text/event-stream"]) != "text/event-stream":
        return reply(progress_of(job))
    return _watch(services(), job)


def _watch(services: Services, job: JobView) -> Response:
    """Server-sent events (WHATWG HTML, 9.2) of a job's progress.

    Each watcher keeps one of the server's threads, so half of them at most may watch.
    """
    with _watching:
        if _watchers.value >= max(1, services.config.server.threads // 2):
            raise Unavailable("too many requests watch jobs; ask without Accept: text/event-stream")
        _watchers.value += 1
    response = Response(_events(services, job), mimetype="text/event-stream", headers={"Cache-Control": "no-store"})

    @response.call_on_close
    def leave() -> None:
        with _watching:
            _watchers.value -= 1

    return response


def _events(services: Services, job: JobView) -> Iterator[str]:
    told, told_at = "", time.monotonic()
    while True:
        text = progress_of(job).model_dump_json(exclude_none=True)
        if text != told:
            told, told_at = text, time.monotonic()
            yield f"event: progress\ndata: {text}\n\n"
        elif time.monotonic() - told_at > ALIVE_S:
            told_at = time.monotonic()
            yield ": alive\n\n"
        if job.state in ENDED:
            return
        time.sleep(WATCH_S)
        job = services.ingest.get(job.id)


def add_routes(blueprint: APIBlueprint) -> None:
    """Add this module's routes."""
    routes = (
        ("/status", file_status, models.FileStatus),
        ("/details", file_details, models.File),
        ("/statistics", file_statistics, models.Statistics),
        ("/statistics/labels", file_statistics_labels, models.Statistics),
        ("/statistics/ip", file_statistics_ip, models.DetailsIp),
        ("/progress", file_progress, models.Progress),
    )
    for rule, view, model in routes:
        blueprint.get(f"/file/<job_id>{rule}", tags=[FILE], responses={200: model})(view)
    blueprint.post("/file/<job_id>/cancel", tags=[FILE], responses={200: models.FileStatus, 409: models.Error})(
        file_cancel
    )
    blueprint.delete("/file/<job_id>", tags=[FILE], responses={200: models.File})(file_delete)
