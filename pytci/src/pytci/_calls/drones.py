"""Drones, which were called lines once."""

from __future__ import annotations

from pytci._calls._base import DroneRef, call, drone_name, nothing, segment, text
from pytci._effects import Plan
from pytci._model import many, one
from pytci.models import Drone, DroneQueue


def get_drones() -> Plan[list[Drone]]:
    """The drones by name, with their shares of jobs."""
    return call("GET", "/drones", many(Drone))


def get_lines() -> Plan[list[Drone]]:
    """The drones by name; the same as `get_drones`."""
    return get_drones()


def get_drone(drone: DroneRef) -> Plan[Drone]:
    """A drone."""
    return call("GET", _path(drone), one(Drone))


def get_drone_queue(drone: DroneRef) -> Plan[DroneQueue]:
    """The job that a drone works on, and those that wait for it."""
    return call("GET", f"{_path(drone)}/queue", one(DroneQueue))


def create_drone(name: str, description: str = "") -> Plan[Drone]:
    """Make a drone; its `token`, which the drone's settings need, is shown this once. Needs ADMIN."""
    return call("POST", "/drones", one(Drone), {"name": name, "description": description})


def regenerate_drone_token(drone: DroneRef) -> Plan[str]:
    """A new token for a drone, which is disconnected; the old one is void. Needs ADMIN."""
    return call("PUT", _path(drone), text("token"), {})


def change_drone_color(drone: DroneRef, color: str) -> Plan[Drone]:
    """Change what pages paint a drone with, as #RRGGBB. Needs ADMIN."""
    return call("PATCH", _path(drone), one(Drone), {"color": color})


def delete_drone(drone: DroneRef) -> Plan[None]:
    """Delete a drone that no job speaks of. Needs ADMIN."""
    return call("DELETE", _path(drone), nothing)


def disconnect_drone(drone: DroneRef) -> Plan[None]:
    """Disconnect a drone; it comes back by itself. Needs ADMIN."""
    return call("DELETE", f"/drones/disconnect/{segment(drone_name(drone))}", nothing)


def disconnect_drones() -> Plan[None]:
    """Disconnect all drones; they come back by themselves. Needs ADMIN."""
    return call("DELETE", "/drones/disconnect", nothing)


def get_deactivated_drones() -> Plan[list[Drone]]:
    """The drones that may not connect. Needs ADMIN."""
    return call("GET", "/drones/deactivated", many(Drone))


def deactivate_drone(drone: DroneRef) -> Plan[None]:
    """Disconnect a drone and keep it away until it is reactivated. Needs ADMIN."""
    return call("DELETE", f"/drones/deactivate/{segment(drone_name(drone))}", nothing)


def reactivate_drone(drone: DroneRef) -> Plan[None]:
    """Let a deactivated drone connect again. Needs ADMIN."""
    return call("PATCH", f"/drones/reactivate/{segment(drone_name(drone))}", nothing)


def _path(drone: DroneRef) -> str:
    return f"/drones/{segment(drone_name(drone))}"
