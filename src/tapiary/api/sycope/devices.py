"""inventory/device: what people and scripts have written about an address."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_openapi3 import APIBlueprint, Tag

from tapiary.accounts import WRITE, Right
from tapiary.api.context import actor, services
from tapiary.api.sycope import element_models as models
from tapiary.api.sycope.answers import SycopeError, reply

INVENTORY = Tag(name="npm inventory", description="What is known of addresses")

RIGHTS: dict[str, Right | None] = {"device_additional": WRITE}


def device_additional(path: models.DevicePath, body: models.Additional) -> Response:
    """Replace the additional fields of a device

    Texts by name; `{}` clears them.
    """
    view = services().devices.set_additional(actor(), path.device_id, body.root)
    return reply({
        "id": view.id,
        "name": view.name or None,
        "domainName": view.domain_name or None,
        "ip": view.ip,
        "description": view.description or None,
        "timestamp": round(view.modified_at * 1000),
        "tags": view.tags or None,
        "additional": view.additional,
        "dnsRecords": view.dns_records,
    })


def add_routes(blueprint: APIBlueprint) -> None:
    """Add this module's route."""
    responses: dict[str | int, Any] = {200: models.Device, 409: SycopeError}
    one = "/inventory/device/<device_id>/additional"
    blueprint.put(one, tags=[INVENTORY], responses=responses)(device_additional)
