"""The core's part that watches recorders: beginning, limits, rings, interruptions, ending."""

from __future__ import annotations

from collections.abc import Sequence

from tapiary.capture import states
from tapiary.capture.drone import phases
from tapiary.capture.drone.actions import Action, Closed, Delete, Drop, Keep, Meter, Save, Seen, Signal, Start
from tapiary.capture.drone.board import Board
from tapiary.capture.drone.phases import ENDING, PAUSED, RECORDING
from tapiary.capture.drone.records import JobRecord, Part, Recording

#: A recorder that has not begun after this long never will.
BEGIN_S = 30.0
#: A recorder that has not ended this long after it was told to is killed.
END_S = 15.0
#: Longest wait before an interrupted recorder is tried again.
RETRY_S = 30.0
#: How much longer than its job a recorder lives without a drone.
GUARD_S = 60
#: How long uploads and metering rest after packets were lost: they take processor and disk from capturing.
STRAIN_S = 30.0
DISK_FULL = "No space left on device"


class Running(Board):
    """Decides by what is seen of recorders."""

    def __init__(self) -> None:
        super().__init__()
        #: When a job's recorders are told to end, and when they are killed.
        self._end_at: dict[int, float] = {}
        self._kill_at: dict[int, float] = {}
        #: When an interrupted source is tried again.
        self._retry_at: dict[tuple[int, str], float] = {}

    def launch(self, record: JobRecord, now: float, only: str | None = None) -> list[Action]:
        """Start a recorder for each source, or for one of them."""
        actions: list[Action] = []
        for source in record.sources if only is None else [only]:
            record.runs += 1
            recording = Recording(stem=f"{record.runs:04d}", source=source, began=now)
            record.recordings.append(recording)
            spent = now - record.since if record.since else 0.0
            guard = min(1 << 30, max(1, int(record.order.duration - spent)) + GUARD_S)
            actions += [Save(record), Start(record, recording, guard)]
        return actions

    def failed(self, record: JobRecord, text: str, now: float) -> list[Action]:
        """The shell could not start a job's recorders."""
        if record.phase != RECORDING:
            return []
        return self.end(record, "break", states.FAILED, text, now, at_once=True)

    def end(
        self, record: JobRecord, event: str, outcome: str, message: str, now: float, *, at_once: bool = False,
    ) -> list[Action]:
        """Let a job's recorders end: when all that arrived until now is with them, or at once."""
        record.phase = phases.after(event, record.phase)
        record.outcome, record.message = outcome, message
        self._end_at[record.id] = now if at_once else now + self.lag_s
        return [Save(record), self.update(record)]

    def time_passed(self, now: float) -> list[Action]:
        """What time alone brings about."""
        actions: list[Action] = []
        record = self.active()
        if record is None:
            return actions
        if record.phase == RECORDING:
            if record.since and now - record.since >= record.order.duration:
                return self.end(record, "limit", states.CAPTURED, "Max capture time reached.", now)
            if not record.since and record.recordings and now - record.recordings[-1].began > BEGIN_S:
                return self.end(record, "break", states.FAILED, "The recorder does not begin.", now, at_once=True)
            for key, when in list(self._retry_at.items()):
                if key[0] == record.id and now >= when:
                    del self._retry_at[key]
                    actions += self.launch(record, now, key[1])
            return actions
        if now >= self._end_at.setdefault(record.id, now + self.lag_s):     # after a restart it is not known
            self._end_at[record.id] = now + 1.0     # told again each second, should one have begun late
            self._kill_at.setdefault(record.id, now + END_S)
            actions.append(Signal(record, "kill" if now >= self._kill_at[record.id] else "end"))
        return actions

    def observed(self, record: JobRecord, seen: Sequence[Seen], now: float) -> list[Action]:
        """A look at a job's recorders and their files."""
        by_stem = {recording.stem: recording for recording in record.recordings}
        actions: list[Action] = []
        for one in seen:
            recording = by_stem[one.stem]
            if one.counts.packets is not None:
                if (one.counts.dropped or 0) > (recording.dropped or 0):
                    self.strained_until = now + STRAIN_S
                recording.packets, recording.dropped = one.counts
            self.open_bytes.setdefault(record.id, {})[one.stem] = one.open_bytes
            actions += self._close_files(record, recording, one.closed, now)
            if not one.alive:
                recording.ended = True
                self.open_bytes[record.id].pop(one.stem, None)
                actions += [Save(record)]
        actions += self._turn_ring(record, now)
        if record.phase == RECORDING:
            return actions + self._while_recording(record, seen, now)
        if record.phase == ENDING and all(recording.ended for recording in record.recordings):
            return actions + self._all_closed(record)
        return actions

    def _close_files(
        self, record: JobRecord, recording: Recording, closed: Sequence[Closed], now: float
    ) -> list[Action]:
        """Number files that are complete; nothing is said or sent of a file before that is durable."""
        fresh: list[Part] = []
        known = {part.origin for part in record.parts}
        for file in closed:
            if file.name in known:
                continue
            copies = self.copies_of(record)
            for copy in range(copies):
                interface = recording.source if copies == 1 else f"{recording.source}/dma{copy}"
                fresh.append(Part(
                    number=record.next_number, interface=interface, file=f"{record.next_number:06d}.pcap",
                    origin=file.name, size=file.size, closed=now,
                ))
                record.next_number += 1
        if not fresh:
            return []
        record.parts += fresh
        return [Save(record), *(Keep(record, part) for part in fresh)]

    def _turn_ring(self, record: JobRecord, now: float) -> list[Action]:
        """Take the oldest files out of a ring that is full."""
        if not record.ring:
            return []
        limit, seconds = record.options.ring_bytes, record.options.ring_seconds
        size = sum(part.size for part in record.parts) + sum(self.open_bytes.get(record.id, {}).values())
        gone: list[Part] = []
        for part in record.parts[:-1]:
            full = limit and size > limit
            old = seconds and part.closed < now - seconds
            if not full and not old:
                break
            size -= part.size
            gone.append(part)
        record.parts = record.parts[len(gone):]
        return [Save(record), *(Drop(record, part) for part in gone)] if gone else []

    def _while_recording(self, record: JobRecord, seen: Sequence[Seen], now: float) -> list[Action]:
        actions: list[Action] = []
        if not record.since:
            dead = [one for one in seen if not one.alive]
            if dead:
                text = dead[0].complaint or "The recorder ended at once."
                return self.end(record, "break", states.FAILED, text, now, at_once=True)
            if not seen or not all(one.listening for one in seen):
                return actions
            record.since, record.message = now, "Capturing."
            actions += [Save(record), self.update(record), Meter(record, True)]
        for one in seen:
            if one.overflow:
                return actions + self.end(record, "limit", states.CAPTURED, f"Capture ended: {one.overflow}", now,
                                          at_once=True)
        if any(DISK_FULL in one.complaint for one in seen if not one.alive):
            return actions + self._disk_full(record, now)
        limit = min(record.order.max_capture_data, self.capture_limit or record.order.max_capture_data)
        if self.captured(record) >= limit:
            return actions + self.end(record, "limit", states.CAPTURED, "Max capture data reached.", now, at_once=True)
        actions += self._interruptions(record, seen, now)
        if self.free_bytes is not None and self.free_bytes < self.min_free_bytes:
            spare = [part for part in record.parts if part.sent and not part.dropped]
            if not spare:
                return actions + self._disk_full(record, now)
            spare[0].dropped = True     # the hive has it
            actions += [Save(record), Drop(record, spare[0])]
        return actions

    def _disk_full(self, record: JobRecord, now: float) -> list[Action]:
        text = "Stopped: the drone's disk is full. What was captured until then is kept."
        return self.end(record, "limit", states.STOPPED, text, now, at_once=True)

    def _interruptions(self, record: JobRecord, seen: Sequence[Seen], now: float) -> list[Action]:
        """A recorder that ended by itself is tried again: the interface may come back."""
        actions: list[Action] = []
        for one in seen:
            if one.alive:
                continue
            source = next(r.source for r in record.recordings if r.stem == one.stem)
            tries = sum(r.source == source for r in record.recordings)
            self._retry_at[record.id, source] = now + min(RETRY_S, 2.0 ** min(tries - 1, 10))
            why = f": {one.complaint}" if one.complaint else ""
            record.message = f"Capturing; {source} was interrupted ({tries}){why}"[:500]
            actions += [Save(record), self.update(record)]
        return actions

    def _all_closed(self, record: JobRecord) -> list[Action]:
        """Every file of an ending job is closed."""
        self._forget_times(record.id)
        if record.deleting:
            record.phase = phases.GONE
            self.jobs.pop(record.id, None)
            return [Meter(record, False), Delete(record), *self.status_if_changed()]
        paused = record.outcome == states.PAUSED
        record.phase = phases.after("closed_paused" if paused else "closed", record.phase)
        assert not paused or record.phase == PAUSED
        record.since = 0.0
        return [Save(record), Meter(record, False), self.update(record), self.status()]

    def _forget_times(self, job_id: int) -> None:
        self._end_at.pop(job_id, None)
        self._kill_at.pop(job_id, None)
        self.open_bytes.pop(job_id, None)
        self._retry_at = {key: when for key, when in self._retry_at.items() if key[0] != job_id}
