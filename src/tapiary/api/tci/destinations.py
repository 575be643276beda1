"""/destinations: folders of the server to which files of finished jobs are moved."""

from __future__ import annotations

from flask import Response
from flask_openapi3 import APIBlueprint, Tag

from tapiary.accounts import READ, Permission, Right
from tapiary.api.context import actor, services
from tapiary.api.tci import destination_models as models
from tapiary.api.tci.answers import nothing, reply
from tapiary.errors import InvalidInput

DESTINATIONS = Tag(name="destinations", description="Folders of the server for finished captures")

RIGHTS: dict[str, Right] = {
    "destinations_list": READ,
    "destination_get": READ,
    "destination_create": Right("write", Permission.SCRIPT_MASTER),
    "destination_edit": Right("write", Permission.SCRIPT_MASTER),
    "destination_delete": Right("write", Permission.SCRIPT_MASTER),
}


def destinations_list() -> Response:
    """List one's destinations"""
    found = services().destinations.list(actor())
    return reply(models.Destinations([_destination(v.id, v.owner, v.name, v.path) for v in found]))


def destination_get(path: models.DestinationPath) -> Response:
    """Get a destination"""
    view = services().destinations.get(actor(), path.destination_id)
    return reply(_destination(view.id, view.owner, view.name, view.path))


def destination_create(body: models.NewDestination) -> Response:
    """Make a destination out of a folder that is there"""
    view = services().destinations.create(actor(), body.name, body.path)
    return reply(_destination(view.id, view.owner, view.name, view.path))


def destination_edit(path: models.DestinationPath, body: models.DestinationChange) -> Response:
    """Change a destination's name or folder"""
    if "id" in body.model_fields_set:
        raise InvalidInput("id: cannot be changed; make another destination", field="id")
    view = services().destinations.edit(actor(), path.destination_id, name=body.name, path=body.path)
    return reply(_destination(view.id, view.owner, view.name, view.path))


def destination_delete(path: models.DestinationPath) -> Response:
    """Delete a destination that no job speaks of; its folder stays"""
    services().destinations.delete(actor(), path.destination_id)
    return nothing()


def _destination(number: int, owner: str, name: str, path: str) -> models.Destination:
    return models.Destination(id=number, owner=owner, name=name, path=path)


def add_routes(blueprint: APIBlueprint) -> None:
    """Add this module's routes."""
    blueprint.get("/destinations", tags=[DESTINATIONS], responses={200: models.Destinations})(destinations_list)
    blueprint.post("/destinations", tags=[DESTINATIONS], responses={200: models.Destination})(destination_create)
    one = "/destinations/<int:destination_id>"
    blueprint.get(one, tags=[DESTINATIONS], responses={200: models.Destination})(destination_get)
    blueprint.put(one, tags=[DESTINATIONS], responses={200: models.Destination})(destination_edit)
    blueprint.delete(one, tags=[DESTINATIONS], responses={204: None})(destination_delete)
