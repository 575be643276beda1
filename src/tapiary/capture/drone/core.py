"""The drone without sockets, processes or files: what the hive says and what recorders do in, actions out.

All methods return actions, to be done in order. Times are Unix seconds of a clock that does not jump while the
program runs. TCI's hive hears the dialect of its drone 1.2.0, ours its own (`agreed`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tapiary.capture import states
from tapiary.capture.drone import phases
from tapiary.capture.drone.actions import Action, Chunk, Leave, Prepare, Save
from tapiary.capture.drone.phases import ENDED, ENDING, PAUSED, RECORDING
from tapiary.capture.drone.records import JobRecord
from tapiary.capture.drone.running import Running
from tapiary.capture.drone.sending import Sending
from tapiary.capture.messages import GetChunk, JobOrder, StartJob, StopJob, decode
from tapiary.errors import InvalidInput

#: How often the hive hears of an active job.
STATUS_S = 1.0
#: Acknowledgements: nothing on success, else a code and a text, as TCI's drone does.
Ack = tuple[int, str] | None
Answer = tuple[list[Action], Ack]


class Core(Running, Sending):
    """The drone's decisions. `jobs` are those that an earlier run of the program left behind."""

    def __init__(
        self, jobs: Iterable[JobRecord], sources: Callable[[JobRecord], list[str]], *, capture_limit: int = 0,
        min_free_bytes: int = 0, lag_s: float = 0.0, copies: Callable[[JobRecord], int] = lambda record: 1,
    ) -> None:
        super().__init__()
        self.jobs = {record.id: record for record in jobs}
        self.capture_limit, self.min_free_bytes, self.lag_s = capture_limit, min_free_bytes, lag_s
        self.copies_of = copies
        self._sources = sources
        self._status_at = 0.0

    def message(self, event: str, data: object, now: float) -> Answer:
        """An event of the hive: what to do, and the acknowledgement."""
        try:
            match event:
                case "start_job":
                    return self._start(decode(data, StartJob, event), now)
                case "stop_job":
                    order = decode(data, StopJob, event)
                    return self._stop(order.job_id, now, paused=order.paused)
                case "pause_job":
                    return self._stop(decode(data, JobOrder, event).job_id, now, paused=True)
                case "delete_job":
                    return self._delete(decode(data, JobOrder, event).job_id, now)
                case "get_chunk":
                    return self._get_chunk(decode(data, GetChunk, event)), None
                case "update_info":
                    return [self.status()], None
                case "force_disconnect":
                    return [Leave()], None
        except InvalidInput as error:
            return [], (406 if event == "start_job" else 400, error.message)
        return [], (400, f"unknown event {event}")

    def _start(self, order: StartJob, now: float) -> Answer:
        known, active = self.jobs.get(order.job_id), self.active()
        if known and known.phase != PAUSED:     # said twice: nothing is captured twice
            return [self.update(known)], None
        if active is None:
            return self._begin(order, now)
        if self.waiting is not None and self.waiting.job_id == order.job_id:
            return [], None
        critical = isinstance(order.priority, int) and order.priority <= states.CRITICAL
        pausing = active.phase == ENDING and active.outcome == states.PAUSED
        if self.waiting is not None or not (critical or pausing):
            return [], (400, f"busy with job {active.id}")
        self.waiting = order    # begins as soon as the other's files are closed
        if active.phase == RECORDING:
            return self.end(active, "pause", states.PAUSED, "Paused by critical job.", now), None
        return [], None

    def _begin(self, order: StartJob, now: float) -> Answer:
        fresh = JobRecord(order=order, sources=[])
        try:
            fresh.sources = self._sources(fresh)
        except InvalidInput as error:
            return [self.refusal(order, error.message), *self.status_if_changed()], (406, error.message)
        if self.free_bytes is not None and self.free_bytes < self.min_free_bytes:
            text = f"The drone's disk is full: {self.free_bytes} bytes left, {self.min_free_bytes} are reserved."
            return [self.refusal(order, text), *self.status_if_changed()], (400, text)
        record = self.jobs.get(order.job_id)
        if record is None:
            record = self.jobs[order.job_id] = fresh
        else:
            record.phase = phases.after("resume", record.phase)
            record.order, record.sources, record.outcome = order, fresh.sources, ""
            record.since, record.message = 0.0, "Just Created."
        actions: list[Action] = [Save(record), self.status(), self.status(), Prepare(record)]
        return [*actions, *self.launch(record, now)], None

    def _stop(self, job_id: int, now: float, *, paused: bool) -> Answer:
        record = self.jobs.get(job_id)
        if self.waiting is not None and self.waiting.job_id == job_id:
            order, self.waiting = self.waiting, None
            if record is None:
                return [self.refusal(order, "Stopped before it began.")], None
        if record is None:
            return [], (400, f"job {job_id} is not running")
        if record.phase == RECORDING:
            if paused:
                return self.end(record, "pause", states.PAUSED, "Paused.", now), None
            return self.end(record, "stop", states.STOPPED, "Stopped by user.", now), None
        if record.outcome == states.PAUSED and not paused and record.phase in (ENDING, PAUSED):
            if record.phase == PAUSED:
                record.phase = phases.after("give_up", record.phase)
            record.outcome, record.message = states.STOPPED, "Stopped by user."
            return [Save(record), self.update(record), *self.status_if_changed()], None
        return [self.update(record)], (400, f"job {job_id} is not running")

    def _delete(self, job_id: int, now: float) -> Answer:
        record = self.jobs.get(job_id)
        if record is None:
            return [], None
        if record.phase not in (RECORDING, ENDING):
            return self.forget(record, "delete"), None
        if not self.dialect:
            return [], (400, f"job {job_id} is running")
        record.deleting = True
        actions: list[Action] = [Save(record)]
        if record.phase == RECORDING:
            actions += self.end(record, "stop", states.STOPPED, "Deleted.", now, at_once=True)
        return actions, None

    def _get_chunk(self, order: GetChunk) -> list[Action]:
        record = self.jobs.get(order.job_id)
        if record is None:
            return []
        if order.chunk_number == 1:
            # Also while it is still recording or closing: TCI's hive asks once only, and too early after a stop.
            self.wanted.add(record.id)
            return self.serve(record)
        return [Chunk(record, order.chunk_number)] if record.merged else []

    def connected(self) -> list[Action]:
        """A new connection: the status follows `drone_init`, which is the shell's."""
        self.online, self.known, self.dialect = True, False, 0
        return [self.status()]

    def agreed(self, dialect: int) -> list[Action]:
        """The hive has said which dialect it speaks, 0 for TCI's; it now hears what it may have missed."""
        self.known, self.dialect = True, dialect
        self._rest_until.clear()
        return [self.update(record) for record in self.jobs.values() if record.phase in (ENDED, PAUSED)]

    def disconnected(self) -> list[Action]:
        """The connection is gone; captures go on."""
        self.online = self.known = False
        return []

    def tick(self, now: float) -> list[Action]:
        """Called often: what time brings about."""
        actions = self.time_passed(now)
        if self.waiting is not None and self.active() is None:
            order, self.waiting = self.waiting, None
            actions += self._begin(order, now)[0]
        if self.active() is not None and not 0 <= now - self._status_at < STATUS_S:
            self._status_at = now
            actions.append(self.status())
        for job_id in list(self.wanted):
            if job_id in self.jobs:
                actions += self.serve(self.jobs[job_id])
        return [*actions, *self.uploads(now)]
