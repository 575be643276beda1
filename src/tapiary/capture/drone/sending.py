"""The core's part that hands captures over: one file in chunks to TCI's hive, parts by HTTP to ours."""

from __future__ import annotations

from collections.abc import Sequence

from tapiary import telemetry
from tapiary.capture import states
from tapiary.capture.drone import phases
from tapiary.capture.drone.actions import Action, Chunk, Complete, Delete, Drop, Merge, Put, Save
from tapiary.capture.drone.board import Board
from tapiary.capture.drone.phases import ENDED, PAUSED, RECORDING
from tapiary.capture.drone.records import JobRecord
from tapiary.capture.messages import Completion, PartInfo

_log = telemetry.logger("drone")
#: How long a job that the hive does not know rests before it is offered again.
UNKNOWN_S = 60.0
#: Idle processors that sending while capturing asks for; and how many times the reserve of disk is short.
SPARE_PROCESSORS, SHORT = 0.5, 3
#: How long a part rests while its job records, so that what `spare` says covers the time since.
SETTLE_S = 2.0
#: How long sending waits for an idle processor at most, while no packets are lost: some machines never have one.
PATIENCE_S = 10.0
#: TCI's codes of an upload's acknowledgement.
STORED, DONE = 202, 200


class Sending(Board):
    """Decides what is sent when; one thing at a time is under way by HTTP."""

    def __init__(self) -> None:
        super().__init__()
        #: Jobs that TCI's hive asked for, and those whose one file is being made.
        self.wanted: set[int] = set()
        self.merging: set[int] = set()
        self._under_way = False
        self._rest_until: dict[int, float] = {}
        self._waits_since: float | None = None

    # Our dialect.

    def uploads(self, now: float) -> list[Action]:
        """The next thing to send, if there is one and nothing is under way."""
        if not self.online or not self.dialect or self._under_way:
            return []
        if self.active() is not None and self._capturing_needs_all(now):
            return []
        for record in sorted(self.jobs.values(), key=lambda r: (r.phase != ENDED, r.id)):
            if record.deleting or record.outcome == states.FAILED or now < self._rest_until.get(record.id, 0.0):
                continue    # a job that failed captured nothing: it waits until the hive has heard of it
            if record.ring and record.phase != ENDED:
                continue    # what is closed may yet be taken out of the ring
            part = next((part for part in record.parts if not part.sent and not part.dropped), None)
            if part is not None and record.phase == RECORDING and now - part.closed < SETTLE_S:
                continue
            if part is not None:
                self._under_way, self._waits_since = True, None
                return [Put(record, part)]
            if record.phase == ENDED:
                packets, dropped = record.counted()
                parts = [PartInfo(p.number, p.interface, p.size, p.sha256) for p in record.kept()]
                self._under_way = True
                return [Complete(record, Completion(parts, packets, dropped))]
        return []

    def _capturing_needs_all(self, now: float) -> bool:
        """Whether sending would cost packets: some were lost a moment ago, or no processor is idle. A disk that gets
        short is worse, and so is never sending at all.
        """
        if self.free_bytes is not None and self.free_bytes < self.min_free_bytes * SHORT:
            return False
        if now < self.strained_until:
            return True
        if self.spare is None or self.spare >= SPARE_PROCESSORS:
            self._waits_since = None
            return False
        if self._waits_since is None:
            self._waits_since = now
        return now - self._waits_since < PATIENCE_S

    def put(self, job_id: int, number: int, sha256: str, checked: bool = False) -> list[Action]:
        """The hive has a part's bytes. The file stays until the hive has compared its checksum (`checked`, or when all
        is complete), unless the disk gets short before.
        """
        self._under_way = False
        record = self.jobs.get(job_id)
        part = next((part for part in record.parts if part.number == number), None) if record else None
        if record is None or part is None:
            return []
        part.sent, part.sha256, part.dropped = True, sha256, checked
        return [Save(record), Drop(record, part)] if checked else [Save(record)]

    def completed(self, job_id: int, again: Sequence[int]) -> list[Action]:
        """The hive has confirmed a job, or wants some parts once more."""
        self._under_way = False
        record = self.jobs.get(job_id)
        if record is None or record.phase != ENDED:
            return []
        if not again:
            return self.forget(record, "sent")
        for part in [part for part in record.parts if part.number in again]:
            part.sent = False
            if part.dropped:
                _log.error("job %d: the hive asks again for part %d, which is no longer here", job_id, part.number)
                record.parts.remove(part)
        return [Save(record)]

    def postponed(self, job_id: int, until: float) -> list[Action]:
        """Something could not be sent for now."""
        self._under_way = False
        self._rest_until[job_id] = until
        return []

    def gone(self, job_id: int) -> list[Action]:
        """The hive needs a job no longer."""
        self._under_way = False
        record = self.jobs.get(job_id)
        if record is None or record.phase not in (ENDED, PAUSED):
            return []
        return self.forget(record, "delete")

    # TCI's protocol.

    def serve(self, record: JobRecord) -> list[Action]:
        """Begin the upload in TCI's protocol, when the hive has asked for it and the job's files are closed."""
        if record.id not in self.wanted or record.phase not in (ENDED, PAUSED) or record.id in self.merging:
            return []
        if not record.merged:
            if record.phase == PAUSED:
                record.phase = phases.after("give_up", record.phase)
            self.merging.add(record.id)
            return [Save(record), Merge(record)]
        self.wanted.discard(record.id)
        return [Chunk(record, 1)]

    def merged(self, job_id: int, ok: bool) -> list[Action]:
        """The one file of a job is there, or could not be made."""
        self.merging.discard(job_id)
        record = self.jobs.get(job_id)
        if record is None:
            return []
        record.merged = ok
        if not ok:
            self.wanted.discard(job_id)
            return [Save(record)]
        return [Save(record), *self.serve(record)]

    def acknowledged(self, job_id: int, code: int) -> list[Action]:
        """The hive's answer to a chunk."""
        record = self.jobs.get(job_id)
        if code != DONE or record is None or record.phase != ENDED or not record.merged:
            return []
        return self.forget(record, "sent")

    def forget(self, record: JobRecord, event: str) -> list[Action]:
        """Remove a job and its files."""
        record.phase = phases.after(event, record.phase)
        self.jobs.pop(record.id, None)
        self.wanted.discard(record.id)
        self._rest_until.pop(record.id, None)
        return [Delete(record), *self.status_if_changed()]
