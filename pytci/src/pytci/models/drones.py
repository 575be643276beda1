"""Drones, which were called lines once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pytci._model import Model


@dataclass(frozen=True)
class DroneJob(Model):
    """A drone's share of a job; `captured_data` is bytes."""

    job_id: int
    status: str
    drone_name: str | None = None
    captured_data: int = 0
    status_msg: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Drone(Model):
    """A probe that captures.

    `status` is Pending (never connected), Sleeping, Working, Disconnected, Deactivated, Error or Unknown. `token` is
    there in the answer to `create_drone` alone.
    """

    _nested: ClassVar[Mapping[str, type[Model]]] = {"jobs": DroneJob}

    name: str
    status: str
    description: str | None = None
    capture_backend: str | None = None
    color: str | None = None
    jobs: tuple[DroneJob, ...] = ()
    token: str | None = field(default=None, repr=False)
    created_at: str | None = None
    last_seen_at: str | None = None
    release: str | None = None
    interfaces: tuple[str, ...] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class DroneQueue(Model):
    """Numbers of jobs: the one that a drone works on, and those that wait for it in their order."""

    active: int | None = None
    queue: tuple[int, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
