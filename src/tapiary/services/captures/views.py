"""What the services of capturing hand out and take in; times are Unix seconds, sizes bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Order:
    """A capture job as a user orders it; `drones` are names, or `("*",)` for all that are connected."""

    name: str
    duration_s: int
    max_bytes: int
    drones: tuple[str, ...]
    filter: str = ""
    priority: int = 0
    script_name: str | None = None
    script_args: str = ""
    destination_id: int | None = None
    ndp_trim_bytes: int = 0
    ndp_capture_all: bool = False
    #: `tapiary.capture.messages.Options` as a plain mapping.
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DroneShare:
    """One drone's share of a job."""

    name: str
    color: str
    description: str
    capture_backend: str
    captured_data: int
    packets: int | None
    dropped: int | None
    status: str
    status_msg: str
    #: Bytes that have arrived, and how many there will be as far as is known.
    received: int
    total: int | None


@dataclass(frozen=True, slots=True)
class Processing:
    """The processing of a job's merged capture into flows: the queue's job, and the file of the repository."""

    job_id: int
    file_name: str
    #: As files have it: queued, in_progress, finished, failed, cancelled.
    state: str
    flows: int | None
    error: str | None
    progress: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CaptureView:
    """A capture job as its users see it."""

    id: int
    owner: str
    owner_id: int
    name: str
    filter: str
    duration_s: int
    max_bytes: int
    priority: int
    status: str
    status_msg: str
    created_at: float
    start_time: float | None
    end_time: float | None
    archived_at: float | None
    paused_elapsed_s: int
    paused_left_bytes: int
    script_name: str | None
    script_args: str
    destination_id: int | None
    ndp_trim_bytes: int
    ndp_capture_all: bool
    options: Mapping[str, Any]
    captured_data: int
    drones: tuple[DroneShare, ...]
    processing: Processing | None
    moved_to: str
    #: Whether there is a file to download.
    has_file: bool


@dataclass(frozen=True, slots=True)
class Deliverable:
    """A finished job's file: where it lies, and what to call it."""

    path: Path
    filename: str
    mimetype: str


@dataclass(frozen=True, slots=True)
class DroneView:
    """A drone as users see it."""

    name: str
    description: str
    color: str
    capture_backend: str
    status: str
    created_at: float
    last_seen_at: float | None
    deactivated_at: float | None
    #: What a drone of ours said of itself: release, interfaces; empty for TCI's.
    features: Mapping[str, Any]
    #: Its shares of jobs that are not archived, as (job id, share).
    shares: tuple[tuple[int, DroneShare], ...]
    #: The job it works on, and those that wait for it, in their order.
    active: int | None
    queue: tuple[int, ...]
