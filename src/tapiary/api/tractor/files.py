"""/files and /labels: what there is."""

from __future__ import annotations

from flask import Response
from flask_openapi3 import APIBlueprint

from tapiary.api.tractor import models
from tapiary.api.tractor.context import FILES, LABELS, actor, services
from tapiary.api.tractor.wire import file_of, reply, status_of_job


def files_list() -> Response:
    """Collection of available files in repository

    Files that came of captures are listed for those who may see the capture.
    """
    views = services().access.files(actor(), services().files.list())
    return reply(models.Files([file_of(view) for view in views]))


def files_process(body: models.FileName) -> Response:
    """Start process of file

    A file that already waits or is being processed keeps its job. One that is finished is processed again under a new
    job; its present rows stay visible until the new ones are complete.
    """
    services().access.name(actor(), body.file_name, "file_name")
    return reply(status_of_job(services().ingest.submit(body.file_name)))


def files_delete(body: models.FileName) -> Response:
    """Delete a file with all that was made of it

    A job that works on it is cancelled.
    """
    view = services().access.file(actor(), services().files.get(body.file_name, gone=True))
    services().files.delete(view)
    return reply(file_of(view))


def labels_list() -> Response:
    """Get labels collection"""
    return reply(
        models.Labels([models.Label(group_name=group.name, labels=list(group.labels)) for group in services().labels()])
    )


def add_routes(blueprint: APIBlueprint) -> None:
    """Add this module's routes."""
    blueprint.get("/files/list", tags=[FILES], responses={200: models.Files})(files_list)
    blueprint.post("/files/process", tags=[FILES], responses={200: models.FileStatus, 409: models.Error})(files_process)
    blueprint.post("/files/delete", tags=[FILES], responses={200: models.File})(files_delete)
    blueprint.get("/labels/list", tags=[LABELS], responses={200: models.Labels})(labels_list)
