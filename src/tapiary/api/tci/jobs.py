"""/jobs: capture jobs, ordered, watched and ended."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Response, request
from flask_openapi3 import APIBlueprint, Tag

from tapiary.accounts import READ, WRITE, Right
from tapiary.api.context import actor, services
from tapiary.api.tci import job_models as models
from tapiary.api.tci.answers import nothing, reply
from tapiary.api.tci.job_wire import brief_of, job_of, order_of

JOBS = Tag(name="jobs", description="Captures: jobs of drones")

RIGHTS: dict[str, Right] = {
    "jobs_list": READ,
    "jobs_history": READ,
    "job_get": READ,
    "job_create": WRITE,
    "job_stop": WRITE,
    "job_pause": WRITE,
    "job_resume": WRITE,
    "job_live": READ,
    "job_archive": WRITE,
    "job_forget": WRITE,
}


def jobs_list(query: models.JobsQuery) -> Response:
    """List capture jobs

    One's own; with JOB_MASTER those of all users of the same or a lower rank. Archived ones are in the history. The
    answer to a list without jobs is 204, without a body. The header Link has the address of the jobs before these
    where `limit` left some out.
    """
    found = [
        view
        for view in services().captures.list(actor())
        if (query.status is None or view.status == query.status) and (query.before is None or view.id < query.before)
    ]
    page = found if query.limit is None else found[-query.limit :]
    if not page:
        return nothing()
    headers = {}
    if len(page) < len(found):
        pairs = [(key, value) for key, value in request.args.items(multi=True) if key != "before"]
        headers["Link"] = f'<{request.path}?{urlencode([*pairs, ("before", str(page[0].id))])}>; rel="next"'
    return reply(models.JobList([brief_of(view) for view in page]), headers=headers)


def jobs_history() -> Response:
    """List archived capture jobs"""
    return reply(models.Jobs([job_of(view) for view in services().captures.history(actor())]))


def job_get(path: models.JobPath) -> Response:
    """Get a capture job"""
    return reply(job_of(services().captures.get(actor(), path.job_id)))


def job_create(body: models.NewJob) -> Response:
    """Order a capture job

    It starts at once where all its drones are free and no other job comes before it, else it waits in their queues.
    """
    return reply(job_of(services().captures.create(actor(), order_of(body, actor()))))


def job_stop(path: models.JobPath) -> Response:
    """Stop a capture job

    What was captured is collected, as at the regular end.
    """
    services().captures.stop(actor(), path.job_id)
    return nothing()


def job_pause(path: models.JobPath) -> Response:
    """Pause a capture job until it is resumed"""
    return reply(job_of(services().captures.pause(actor(), path.job_id)))


def job_resume(path: models.JobPath) -> Response:
    """Resume a paused capture job with what remains of its limits"""
    return reply(job_of(services().captures.resume(actor(), path.job_id)))


def job_live(path: models.JobPath) -> Response:
    """Get what drones have labelled of a running capture

    Numbers are totals since the capture began. After the processing of the whole they are those of the file.
    """
    return reply(models.JobLive.model_validate(services().captures.live(actor(), path.job_id)))


def job_archive(path: models.JobPath) -> Response:
    """Archive a capture job: its files are deleted, here and on its drones"""
    services().captures.archive(actor(), path.job_id)
    return nothing()


def job_forget(path: models.JobPath) -> Response:
    """Delete an archived capture job from the history"""
    services().captures.forget(actor(), path.job_id)
    return nothing()


def add_routes(blueprint: APIBlueprint) -> None:
    """Add this module's routes."""
    blueprint.get("/jobs", tags=[JOBS], responses={200: models.JobList, 204: None})(jobs_list)
    blueprint.post("/jobs", tags=[JOBS], responses={200: models.Job})(job_create)
    blueprint.get("/jobs/history", tags=[JOBS], responses={200: models.Jobs})(jobs_history)
    blueprint.delete("/jobs/history/<int:job_id>", tags=[JOBS], responses={204: None})(job_forget)
    one = "/jobs/<int:job_id>"
    blueprint.get(one, tags=[JOBS], responses={200: models.Job})(job_get)
    blueprint.put(one, tags=[JOBS], responses={204: None})(job_stop)
    blueprint.delete(one, tags=[JOBS], responses={204: None})(job_archive)
    blueprint.post(f"{one}/pause", tags=[JOBS], responses={200: models.Job})(job_pause)
    blueprint.post(f"{one}/resume", tags=[JOBS], responses={200: models.Job})(job_resume)
    blueprint.get(f"{one}/live", tags=[JOBS], responses={200: models.JobLive})(job_live)
