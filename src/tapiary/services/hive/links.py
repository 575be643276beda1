"""A drone that is connected: its channel, what it said last, and what it was told."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Protocol

from tapiary.capture import ARCHIVED, DONE, FAILED, Init, JobState

#: States of a share in which nothing is expected of its drone.
FINAL = (DONE, FAILED, ARCHIVED)


class Channel(Protocol):
    """One connection to a drone, as the sockets' side provides it."""

    def send(self, event: str, message: Any | None) -> None:
        """Send an event; never waits, never raises."""

    def call(self, event: str, message: Any | None, timeout_s: float) -> Any:
        """Send an event and wait for its acknowledgement. Raises TimeoutError."""

    def close(self) -> None:
        """Drop the connection."""


@dataclass
class Link:
    """One connection of one drone."""

    drone_id: int
    channel: Channel
    since: float = field(default_factory=time.monotonic)
    init: Init = field(default_factory=Init)
    #: The dialect of ours that was agreed, 0: TCI's protocol.
    dialect: int = 0
    #: Its latest status, None before the first one on this connection.
    said: str | None = None
    #: The job inside of its latest status, and since when there is none though one could be.
    job: JobState | None = None
    idle_since: float = field(default_factory=time.monotonic)
    seen: float = field(default_factory=time.time)
    #: When each order, by (event, capture), was sent on this connection.
    sent: dict[tuple[str, int], float] = field(default_factory=dict)
    #: Times that a job's start was sent, by capture.
    starts: dict[int, int] = field(default_factory=dict)
    #: The chunk that TCI's drone was asked for: capture, number, when.
    asked: tuple[int, int, float] | None = None
    #: Times that the same chunk was asked for again.
    unanswered: int = 0

    def idle_s(self) -> float:
        """Seconds since it has had no job, 0 while it has one or has not said."""
        return time.monotonic() - self.idle_since if self.said is not None and self.job is None else 0.0

    def due(self, event: str, capture_id: int, every_s: float) -> bool:
        """Whether an order has not been sent on this connection for so long."""
        sent = self.sent.get((event, capture_id))
        return sent is None or time.monotonic() - sent >= every_s

    def note(self, event: str, capture_id: int) -> None:
        """Remember that an order was sent."""
        self.sent[event, capture_id] = time.monotonic()
        if event == "start_job":
            self.idle_since = time.monotonic()
