"""What the parts of the core share: the jobs, the connection, and how both are told to the hive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tapiary.capture import states
from tapiary.capture.drone import phases
from tapiary.capture.drone.actions import Action, Send
from tapiary.capture.drone.phases import ENDED, ENDING, RECORDING
from tapiary.capture.drone.records import JobRecord
from tapiary.capture.messages import StartJob, StatusUpdate


class Board:
    """The state that decisions are made from. Nothing here does anything by itself."""

    def __init__(self) -> None:
        self.jobs: dict[int, JobRecord] = {}
        self.online = False
        #: The hive's dialect: 0 is TCI's. Only meant while `known`.
        self.dialect = 0
        self.known = False
        self.free_bytes: int | None = None
        self.min_free_bytes = 0
        self.capture_limit = 0
        self.lag_s = 0.0
        self.copies_of: Callable[[JobRecord], int] = lambda record: 1
        #: An order that begins when the active job's files are closed.
        self.waiting: StartJob | None = None
        #: Bytes in files that are being written, by job and recording.
        self.open_bytes: dict[int, dict[str, int]] = {}
        #: Until when nothing but capturing is done, as packets were lost a moment ago.
        self.strained_until = 0.0
        #: Processors that nobody used in the last second; None when that cannot be told.
        self.spare: float | None = None
        self._told = ""

    def active(self) -> JobRecord | None:
        """The job that records, or whose recorders are ending."""
        return next((r for r in self.jobs.values() if r.phase in (RECORDING, ENDING)), None)

    def captured(self, record: JobRecord) -> int:
        """Bytes of a job so far: all of it, or what the ring holds."""
        return sum(part.size for part in record.kept()) + sum(self.open_bytes.get(record.id, {}).values())

    def members(self, record: JobRecord) -> dict[str, Any]:
        """A job as the hive hears of it: TCI's nine members, in our dialect also packets and lost packets."""
        order = record.order
        told: dict[str, Any] = {
            "id": record.id, "filter": order.filter, "duration": order.duration,
            "max_capture_data": order.max_capture_data, "trim_bytes": record.trim,
            "ndp_capture_all": record.all_channels, "captured": self.captured(record),
            "status": phases.said(record.phase, record.outcome, bool(record.since)), "status_msg": record.message,
        }
        if self.dialect:
            packets, dropped = record.counted()
            told |= {} if packets is None else {"packets": packets}
            told |= {} if dropped is None else {"dropped": dropped}
        return told

    def update(self, record: JobRecord) -> Send:
        """The job's state, for the hive."""
        return Send("job_update", self.members(record))

    def refusal(self, order: StartJob, text: str) -> Send:
        """A job that did not begin, for the hive."""
        record = JobRecord(order=order, sources=[], phase=ENDED, outcome=states.FAILED, message=text)
        return Send("job_update", self.members(record))

    def status(self) -> Send:
        """The drone's state, for the hive: working until the hive has what was captured, as TCI's drone."""
        active = self.active()
        self._told = self._word()
        return Send("drone_update_status", StatusUpdate(self._told, self.members(active) if active else {}))

    def status_if_changed(self) -> list[Action]:
        """The drone's state, when it is not what the hive heard last."""
        return [self.status()] if self._told != self._word() else []

    def _word(self) -> str:
        unsent = any(r.phase == ENDED and r.outcome != states.FAILED for r in self.jobs.values())
        busy = self.active() is not None or unsent or self.waiting is not None
        return states.WORKING if busy else states.SLEEPING
