"""/jobs/{job_id}/file and what leads to it: a job's script, its result, and links to it."""

from __future__ import annotations

from typing import Any

from flask import Response, request, send_file
from flask_openapi3 import APIBlueprint

from tapiary.accounts import READ, WRITE, Right
from tapiary.api.context import actor, services
from tapiary.api.dialect import PUBLIC
from tapiary.api.tci import job_models as models
from tapiary.api.tci.answers import TciError, nothing, reply
from tapiary.api.tci.jobs import JOBS
from tapiary.errors import InvalidInput
from tapiary.services import Deliverable

RIGHTS: dict[str, Right | None] = {
    "job_run": WRITE,
    "job_script_cancel": WRITE,
    "job_url": READ,
    "job_file": READ,
    "job_file_by_link": PUBLIC,
}

KINDS = ("application/vnd.tcpdump.pcap", "application/x-pcapng", "application/zip")


def job_run(path: models.JobPath, query: models.RunQuery) -> Response:
    """Run a capture job's script

    Answers when the script has ended, or after the wait, while it still runs; the job's status tells. A script that
    fails is told as 400 with the reason.
    """
    captures = services().captures
    wait_s = services().config.scripts.wait_s if query.wait is None else query.wait
    view = captures.process(actor(), path.job_id, wait_s=wait_s)
    if view.status == "Failed":
        raise InvalidInput(view.status_msg or "the script has failed")
    return Response(status=200)


def job_script_cancel(path: models.JobPath) -> Response:
    """Cancel the script that runs over a capture job"""
    services().captures.cancel_script(actor(), path.job_id)
    return nothing()


def job_url(path: models.JobPath) -> Response:
    """Make a public link to a capture job's file, good for capture.link_s seconds (a day)"""
    token = services().captures.link(actor(), path.job_id)
    base = services().config.server.url or request.host_url
    here = request.path.removesuffix(f"/{path.job_id}/url")
    return reply(models.JobLink(url=f"{base.rstrip('/')}{here}/file/{token}"))


def job_file(path: models.JobPath) -> Response:
    """Download a capture job's file: the result of its script as zip, without a script the capture

    Whole or in part (Range).
    """
    return _send(services().captures.file(actor(), path.job_id))


def job_file_by_link(path: models.LinkPath) -> Response:
    """Download a capture job's file by a public link

    Needs no token of a user. Whole or in part (Range).
    """
    return _send(services().captures.by_link(path.token))


def _send(found: Deliverable) -> Response:
    return send_file(
        found.path.resolve(),
        found.mimetype,
        as_attachment=True,
        download_name=found.filename,
        conditional=True,
        etag=True,
        max_age=0,
    )


def add_routes(blueprint: APIBlueprint) -> None:
    """Add this module's routes."""

    def files() -> dict[str | int, Any]:
        content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in KINDS}
        return {200: {"content": content}, 206: {"content": content}, 416: TciError}

    one = "/jobs/<int:job_id>"
    blueprint.patch(one, tags=[JOBS], responses={200: None})(job_run)
    blueprint.delete(f"{one}/script", tags=[JOBS], responses={204: None})(job_script_cancel)
    blueprint.get(f"{one}/url", tags=[JOBS], responses={200: models.JobLink})(job_url)
    blueprint.get(f"{one}/file", tags=[JOBS], responses=files())(job_file)
    blueprint.get("/jobs/file/<token>", tags=[JOBS], responses=files())(job_file_by_link)
    blueprint.paths["/jobs/file/{token}"].get.security = []
