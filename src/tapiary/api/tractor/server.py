"""/server: the server itself, for who runs it."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_openapi3 import APIBlueprint
from pydantic import Field

from tapiary import __version__
from tapiary.api.tractor.context import SERVER, services
from tapiary.api.tractor.models import Model
from tapiary.api.tractor.wire import reply
from tapiary.telemetry import counters


class ServerStatus(Model):
    """What the server is and has counted since it began."""

    version: str
    jobs: dict[str, int] = Field(description="Jobs by state")
    tables: dict[str, Any] = Field(description="Sizes of the tables")
    counters: dict[str, dict[str, int]] = Field(description="Counters of this process, by room and name")


def server_status() -> Response:
    """Get the server's state and counters"""
    return reply(
        ServerStatus(
            version=__version__,
            jobs=services().ingest.count_by_state(),
            tables=services().store.size(),
            counters=counters(),
        )
    )


def add_routes(blueprint: APIBlueprint) -> None:
    """Add this module's routes."""
    blueprint.get("/server/status", tags=[SERVER], responses={200: ServerStatus})(server_status)
