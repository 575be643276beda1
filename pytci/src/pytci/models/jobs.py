"""Capture jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any, ClassVar

from pytci._model import Model, local_time, utc_time


class Priority(IntEnum):
    """How urgent a job is: smaller goes first, and a critical one pauses what runs."""

    LOW = 1
    NORMAL = 0
    HIGH = -1
    CRITICAL = -99


class _Timed:
    """Times with their zone, of the members that are text."""

    start_time: str | None
    end_time: str | None

    @property
    def started_at(self) -> datetime | None:
        """When the capture began, as a time with a zone; None before that."""
        return local_time(self.start_time)

    @property
    def ended_at(self) -> datetime | None:
        """When the capture ended or is due to end, as a time with a zone."""
        return local_time(self.end_time)


@dataclass(frozen=True)
class JobBrief(_Timed, Model):
    """A job in the list of jobs; times are text in the time of Prague, see `started_at` and `ended_at`."""

    id: int
    name: str
    status: str
    owner: str | None = None
    priority: int | None = None
    start_time: str | None = None
    end_time: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class JobDrone(Model):
    """One drone's share of a job; sizes are bytes, None is not known or not told by this hive."""

    name: str
    status: str
    captured_data: int = 0
    captured_data_human: str | None = None
    status_msg: str | None = None
    capture_backend: str | None = None
    color: str | None = None
    description: str | None = None
    packets: int | None = None
    dropped: int | None = None
    received: int | None = None
    total: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class JobOptions(Model):
    """What was ordered beyond TCI's members."""

    snaplen: int = 0
    interfaces: Mapping[str, Any] = field(default_factory=dict, hash=False)
    ring_bytes: int = 0
    ring_seconds: int = 0
    process: bool = True
    live: bool = True
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Processing(Model):
    """The way of a capture into flows.

    `state` is queued, in_progress, finished, failed or cancelled; `flows` how many there are at the end.
    """

    job_id: int
    state: str
    file_name: str | None = None
    flows: int | None = None
    error: str | None = None
    progress: Mapping[str, Any] = field(default_factory=dict, hash=False)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ("finished", "failed", "cancelled")


@dataclass(frozen=True)
class Job(_Timed, Model):
    """A capture job.

    Sizes are bytes and durations seconds. Times are text in the time of Prague (`archived_at`: UTC); `started_at`,
    `ended_at` and `archived_time` have them as times with a zone. None is not known, or not told by this hive.
    """

    _nested: ClassVar[Mapping[str, type[Model]]] = {
        "drones": JobDrone,
        "options": JobOptions,
        "processing": Processing,
    }

    id: int
    name: str
    status: str
    owner: str | None = None
    filter: str = ""
    duration: int | None = None
    duration_human: str | None = None
    max_capture_data: int | None = None
    max_capture_data_human: str | None = None
    paused_duration: int | None = None
    paused_max_capture_data: int | None = None
    status_msg: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    script_args: str | None = None
    script_name: str | None = None
    captured_data: int = 0
    captured_data_human: str | None = None
    destination_id: int | None = None
    priority: int | None = None
    ndp_trim_bytes: int | None = None
    ndp_capture_all: bool | None = None
    drones: tuple[JobDrone, ...] = ()
    archived_at: str | None = None
    lines: tuple[str, ...] | None = None
    created_at: str | None = None
    options: JobOptions | None = None
    processing: Processing | None = None
    moved_to: str | None = None
    has_file: bool | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def archived_time(self) -> datetime | None:
        """When the job was archived, as a time with a zone; None when it was not."""
        return utc_time(self.archived_at)

    @property
    def ordered_at(self) -> datetime | None:
        """When the job was ordered, as a time with a zone; None when this hive does not tell."""
        return local_time(self.created_at)
