"""What the core asks of its shell, in this order; and what the shell tells it of recorders."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tapiary.capture.drone.backends import Counts
from tapiary.capture.drone.records import JobRecord, Part, Recording
from tapiary.capture.messages import Completion


@dataclass(frozen=True, slots=True)
class Send:
    """Say something to the hive; lost when there is no connection."""

    event: str
    message: Any | None = None


@dataclass(frozen=True, slots=True)
class Save:
    """Make a job's state durable before the next action."""

    record: JobRecord


@dataclass(frozen=True, slots=True)
class Start:
    """Start one recorder. What fails is told by `Core.failed`."""

    record: JobRecord
    recording: Recording
    guard_s: int


@dataclass(frozen=True, slots=True)
class Prepare:
    """Do what the backend needs before the recorders start. What fails is told by `Core.failed`."""

    record: JobRecord


@dataclass(frozen=True, slots=True)
class Signal:
    """Send a signal to all recorders of a job: the backend's own by its use (end, count, flush), or SIGKILL."""

    record: JobRecord
    use: str


@dataclass(frozen=True, slots=True)
class Keep:
    """Give a closed file the name of its part."""

    record: JobRecord
    part: Part


@dataclass(frozen=True, slots=True)
class Drop:
    """Remove the file of a part."""

    record: JobRecord
    part: Part


@dataclass(frozen=True, slots=True)
class Put:
    """Send a part to the hive by HTTP, then tell `Core.put`."""

    record: JobRecord
    part: Part


@dataclass(frozen=True, slots=True)
class Complete:
    """Tell the hive that all parts were sent, then tell `Core.completed`."""

    record: JobRecord
    completion: Completion


@dataclass(frozen=True, slots=True)
class Merge:
    """Make one file of a job's parts for TCI's hive, then tell `Core.merged`."""

    record: JobRecord


@dataclass(frozen=True, slots=True)
class Chunk:
    """Send one chunk of the one file."""

    record: JobRecord
    number: int


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove all of a job."""

    record: JobRecord


@dataclass(frozen=True, slots=True)
class Leave:
    """Drop the connection; the shell makes a new one."""


@dataclass(frozen=True, slots=True)
class Meter:
    """Begin or end the live metering of a job."""

    record: JobRecord
    on: bool


Action = Send | Save | Start | Prepare | Signal | Keep | Drop | Put | Complete | Merge | Chunk | Delete | Leave | Meter


@dataclass(frozen=True, slots=True)
class Closed:
    """A file that a recorder will not write to again."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Seen:
    """One recorder, as it is now."""

    stem: str
    alive: bool
    listening: bool
    complaint: str = ""
    overflow: str = ""
    counts: Counts = field(default_factory=Counts)
    #: Bytes of the file that is being written.
    open_bytes: int = 0
    closed: tuple[Closed, ...] = ()
