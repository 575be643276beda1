"""The wire models of drones, whose old name is lines."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, RootModel

from tapiary.api.tci.job_models import Status
from tapiary.api.tci.shapes import Model, Parameters, Stamp, Text

DroneStatus = Literal["Pending", "Sleeping", "Working", "Disconnected", "Error", "Unknown", "Deactivated"]


class DronePath(Parameters):
    """The drone in the path."""

    name: Annotated[Text, Field(description="Name of a drone")]


class NewDrone(Model):
    """A drone to be."""

    name: Annotated[Text, Field(min_length=1, max_length=30)]
    description: Annotated[Text | None, Field(max_length=65_536)] = ""


class DroneColor(Model):
    """What pages paint a drone with."""

    color: Annotated[str, Field(pattern=r"^#[0-9A-Fa-f]{6}$", examples=["#6c757d"])]


class DroneJob(Model):
    """A drone's share of a job that is not archived."""

    job_id: int
    drone_name: str
    captured_data: int
    status: Status
    status_msg: str


class OneDrone(Model):
    """A drone by itself."""

    name: str
    description: str
    capture_backend: str
    status: DroneStatus
    color: str
    created_at: Annotated[Stamp, Field(description="Beyond TCI")]
    last_seen_at: Annotated[Stamp | None, Field(description="Null when it never connected. Beyond TCI")]
    release: Annotated[str, Field(description="Version of a drone of ours, empty for TCI's. Beyond TCI")]
    interfaces: Annotated[list[str], Field(description="Interfaces that it says it has. Beyond TCI")]


class Drone(OneDrone):
    """A drone with its shares of jobs."""

    jobs: list[DroneJob]


class CreatedDrone(Drone):
    """A new drone, with the token that is shown this once."""

    token: str


class Drones(RootModel[list[Drone]]):
    """Drones by name."""


class DroneToken(Model):
    """A drone's new token, shown this once; the old one is void."""

    token: str


class DroneQueue(Model):
    """Numbers of jobs: the one that a drone works on, and those that wait for it in their order."""

    active: int | None
    queue: list[int]
