"""/drones, and /lines, their old name: the probes."""

from __future__ import annotations

from flask import Response
from flask_openapi3 import APIBlueprint, Tag

from tapiary.accounts import ADMINISTER, READ, Right
from tapiary.api.context import actor, services
from tapiary.api.tci import drone_models as models
from tapiary.api.tci.answers import NO_STORE, nothing, reply
from tapiary.api.tci.times import prague
from tapiary.errors import InvalidInput
from tapiary.services import DroneView

DRONES = Tag(name="drones", description="Probes, also called lines")

RIGHTS: dict[str, Right] = {
    "drones_list": READ,
    "drone_get": READ,
    "lines_list": READ,
    "line_get": READ,
    "drone_queue": READ,
    "drone_create": ADMINISTER,
    "drone_renew_token": ADMINISTER,
    "drone_recolor": ADMINISTER,
    "drone_delete": ADMINISTER,
    "drone_disconnect": ADMINISTER,
    "drones_disconnect": ADMINISTER,
    "drones_deactivated": ADMINISTER,
    "drone_deactivate": ADMINISTER,
    "drone_reactivate": ADMINISTER,
}

#: Words of the paths below /drones: a drone of such a name could not be asked for.
RESERVED = frozenset({"disconnect", "deactivate", "deactivated", "reactivate"})


def drones_list() -> Response:
    """List drones"""
    return reply(models.Drones([models.Drone.model_validate(_whole(view)) for view in services().drones.list()]))


def drone_get(path: models.DronePath) -> Response:
    """Get a drone"""
    return reply(models.OneDrone.model_validate(_one(services().drones.get(path.name))))


def drone_create(body: models.NewDrone) -> Response:
    """Make a drone; the answer has its token, which is not shown again"""
    if body.name in RESERVED or "/" in body.name:
        raise InvalidInput(f"name: {body.name!r} cannot be a drone's name; choose another, without /", field="name")
    view, token = services().drones.create(actor(), body.name, body.description or "")
    return reply(models.CreatedDrone.model_validate({**_whole(view), "token": token}), headers=NO_STORE)


def drone_renew_token(path: models.DronePath) -> Response:
    """Make a new token for a drone and disconnect it; the old one is void"""
    token = services().drones.renew_token(actor(), path.name)
    return reply(models.DroneToken(token=token), headers=NO_STORE)


def drone_recolor(path: models.DronePath, body: models.DroneColor) -> Response:
    """Change a drone's colour"""
    view = services().drones.recolor(actor(), path.name, body.color)
    return reply(models.Drone.model_validate(_whole(view)))


def drone_delete(path: models.DronePath) -> Response:
    """Delete a drone that no job speaks of"""
    services().drones.delete(actor(), path.name)
    return nothing()


def drone_queue(path: models.DronePath) -> Response:
    """Get the job that a drone works on, and those that wait for it"""
    view = services().drones.get(path.name)
    return reply(models.DroneQueue(active=view.active, queue=list(view.queue)))


def drone_disconnect(path: models.DronePath) -> Response:
    """Disconnect a drone; it comes back by itself"""
    services().drones.disconnect(actor(), path.name)
    return Response(status=200)


def drones_disconnect() -> Response:
    """Disconnect all drones; they come back by themselves"""
    services().drones.disconnect(actor(), None)
    return Response(status=200)


def drones_deactivated() -> Response:
    """List drones that are deactivated"""
    return reply(models.Drones([models.Drone.model_validate(_whole(view)) for view in services().drones.deactivated()]))


def drone_deactivate(path: models.DronePath) -> Response:
    """Deactivate a drone: it may no longer connect"""
    services().drones.deactivate(actor(), path.name)
    return Response(status=200)


def drone_reactivate(path: models.DronePath) -> Response:
    """Let a deactivated drone connect again"""
    services().drones.reactivate(actor(), path.name)
    return Response(status=200)


def _one(view: DroneView) -> dict[str, object]:
    return {
        "name": view.name,
        "description": view.description,
        "capture_backend": view.capture_backend,
        "status": view.status,
        "color": view.color,
        "created_at": prague(view.created_at),
        "last_seen_at": prague(view.last_seen_at),
        "release": str(view.features.get("release", "")),
        "interfaces": list(view.features.get("interfaces", [])),
    }


def _whole(view: DroneView) -> dict[str, object]:
    jobs = [
        {
            "job_id": job_id,
            "drone_name": view.name,
            "captured_data": share.captured_data,
            "status": share.status,
            "status_msg": share.status_msg,
        }
        for job_id, share in view.shares
    ]
    return {**_one(view), "jobs": jobs}


def add_routes(blueprint: APIBlueprint) -> None:
    """Add this module's routes."""
    for word in ("drone", "line"):
        whole, one = f"{word}s_list", f"{word}_get"
        blueprint.get(f"/{word}s", endpoint=whole, tags=[DRONES], responses={200: models.Drones})(drones_list)
        blueprint.get(f"/{word}s/<name>", endpoint=one, tags=[DRONES], responses={200: models.OneDrone})(drone_get)
    one = "/drones/<name>"
    blueprint.post("/drones", tags=[DRONES], responses={200: models.CreatedDrone})(drone_create)
    blueprint.put(one, tags=[DRONES], responses={200: models.DroneToken})(drone_renew_token)
    blueprint.patch(one, tags=[DRONES], responses={200: models.Drone})(drone_recolor)
    blueprint.delete(one, tags=[DRONES], responses={204: None})(drone_delete)
    blueprint.get(f"{one}/queue", tags=[DRONES], responses={200: models.DroneQueue})(drone_queue)
    blueprint.delete("/drones/disconnect", tags=[DRONES], responses={200: None})(drones_disconnect)
    blueprint.delete("/drones/disconnect/<name>", tags=[DRONES], responses={200: None})(drone_disconnect)
    blueprint.get("/drones/deactivated", tags=[DRONES], responses={200: models.Drones})(drones_deactivated)
    blueprint.delete("/drones/deactivate/<name>", tags=[DRONES], responses={200: None})(drone_deactivate)
    blueprint.patch("/drones/reactivate/<name>", tags=[DRONES], responses={200: None})(drone_reactivate)
