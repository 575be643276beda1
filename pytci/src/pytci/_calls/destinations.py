"""Destinations: folders of the hive to which files of finished jobs are moved."""

from __future__ import annotations

from pytci._calls._base import call, given, nothing
from pytci._effects import Plan
from pytci._model import many, one
from pytci.models import Destination


def get_destinations() -> Plan[list[Destination]]:
    """One's own destinations."""
    return call("GET", "/destinations", many(Destination))


def get_destination(destination_id: int) -> Plan[Destination]:
    """A destination."""
    return call("GET", f"/destinations/{destination_id:d}", one(Destination))


def create_destination(name: str, path: str) -> Plan[Destination]:
    """Make a destination of a folder of the hive that exists and may be written. Needs SCRIPT_MASTER."""
    return call("POST", "/destinations", one(Destination), {"name": name, "path": path})


def edit_destination(destination_id: int, *, name: str | None = None, path: str | None = None) -> Plan[Destination]:
    """Change a destination's name or folder. Needs SCRIPT_MASTER."""
    return call("PUT", f"/destinations/{destination_id:d}", one(Destination), given(name=name, path=path))


def delete_destination(destination_id: int) -> Plan[None]:
    """Delete a destination that no job uses. Needs SCRIPT_MASTER."""
    return call("DELETE", f"/destinations/{destination_id:d}", nothing)
