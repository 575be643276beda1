"""Does what the core decides: one method for each kind of action."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from tapiary import telemetry
from tapiary.capture.drone import actions as act
from tapiary.capture.drone.backends import Backend
from tapiary.capture.drone.chunks import chunk_of
from tapiary.capture.drone.core import Core
from tapiary.capture.drone.link import Link
from tapiary.capture.drone.metering import Metering
from tapiary.capture.drone.one_file import unite
from tapiary.capture.drone.records import JobRecord, Part, Records
from tapiary.capture.drone.shelf import Shelf
from tapiary.capture.drone.upload import CompleteTask, PutTask, Uploader
from tapiary.errors import InternalError, TapiaryError

_log = telemetry.logger("drone")
#: How often a state that could not be written is tried again.
SAVE_AGAIN_S = 1.0


class Hands:
    """The parts that touch the world, used by the loop's thread only. `call` runs something in that
    thread and waits for it, `later` does not wait."""

    def __init__(
        self, core: Core, records: Records, shelf: Shelf, backend: Backend, *, link: Link, uploader: Uploader,
        metering: Metering, mergecap: str, now: Callable[[], float], call: Callable[[Callable[[], Any]], Any],
        later: Callable[[Callable[[], None]], None],
    ) -> None:
        self._core, self._records, self._shelf, self._backend = core, records, shelf, backend
        self._link, self._uploader, self._metering = link, uploader, metering
        self._mergecap, self._now, self._call, self._later = mergecap, now, call, later
        self._unsaved: set[int] = set()
        self._save_at = 0.0

    def do(self, actions: Sequence[act.Action]) -> None:
        """Do all of it, in order; what one of them leads to comes right after it."""
        for action in actions:
            self._one(action)

    def _one(self, action: act.Action) -> None:
        match action:
            case act.Send(event, message):
                self._link.send(event, message)
            case act.Save(record):
                self._save(record)
            case act.Prepare(record):
                self._attempt(record, lambda: self._backend.prepare(record))
            case act.Start(record, recording, guard_s):
                if record.phase == "recording" and record.id not in self._unsaved:
                    self._attempt(record, lambda: self._shelf.start(record, recording, guard_s))
            case act.Signal(record, use):
                self._shelf.signal(record, self._backend.end_signal if use == "end" else "SIGKILL")
            case act.Keep(record, part):
                if record.id not in self._unsaved:  # else when the state could be written
                    self._shelf.keep(record, part)
            case act.Drop(record, part):
                self._shelf.drop(record, part)
            case act.Put(record, part):
                path = self._shelf.path(record, part)
                self._uploader.add(PutTask(record.id, part.number, part.interface, path, part.size, part.sha256))
            case act.Complete(record, completion):
                self._uploader.add(CompleteTask(record.id, completion))
            case act.Merge(record):
                threading.Thread(target=self._unite, args=(record,), name="tapiary-drone-merge", daemon=True).start()
            case act.Chunk(record, number):
                self._chunk(record, number)
            case act.Delete(record):
                self._records.delete(record.id)
                self._shelf.forget(record.id)
                self._unsaved.discard(record.id)
            case act.Leave():
                self._link.leave()
            case act.Meter(record, on):
                (self._metering.begin if on else self._metering.end)(record)

    def _attempt(self, record: JobRecord, step: Callable[[], None]) -> None:
        """A step without which the job cannot be: what goes wrong becomes its message."""
        try:
            step()
        except (TapiaryError, OSError) as error:
            text = error.message if isinstance(error, TapiaryError) else f"The recorder cannot be started: {error}"
            self.do(self._core.failed(record, text, self._now()))

    def _save(self, record: JobRecord) -> None:
        """A state that cannot be written (the disk is full) is written later; until then no file gets a part's name,
        as a restart would not know it.
        """
        if record.id in self._unsaved and self._now() < self._save_at:
            return
        try:
            self._records.save(record)
        except OSError as error:
            if record.id not in self._unsaved:
                _log.error("the state of job %d cannot be written: %s", record.id, error)
            self._unsaved.add(record.id)
            self._save_at = self._now() + SAVE_AGAIN_S
        else:
            if record.id in self._unsaved:
                self._unsaved.discard(record.id)
                self._shelf.sweep(record)

    def save_again(self) -> None:
        """Try again what could not be written; called now and then."""
        for job_id in list(self._unsaved):
            record = self._core.jobs.get(job_id)
            if record is None:
                self._unsaved.discard(job_id)
            else:
                self._save(record)

    def _chunk(self, record: JobRecord, number: int) -> None:
        path = self._shelf.path(record, record.parts[0]) if record.parts else None
        message = chunk_of(path, record.id, number)

        def answered(*values: Any) -> None:
            code = values[0] if values and isinstance(values[0], int) else 0
            self._later(lambda: self.do(self._core.acknowledged(record.id, code)))

        self._link.send("upload", message, answered)

    def _unite(self, record: JobRecord) -> None:
        """Make one file of a job, in a thread of its own."""
        started = time.monotonic()

        def commit(parts: list[Part]) -> None:
            def change() -> None:
                if record.id not in self._core.jobs:
                    raise InternalError("the job was deleted")
                record.parts = list(parts)
                record.next_number = max([record.next_number, *(part.number + 1 for part in parts)])
                self._records.save(record)
                self._shelf.sweep(record)

            self._call(change)

        try:
            unite(record, lambda part: self._shelf.path(record, part), commit, self._mergecap)
        except (TapiaryError, OSError) as error:
            _log.error("job %d: no file for the hive could be made: %s", record.id, error)
            ok = False
        else:
            _log.info("job %d: one file in %.1f s", record.id, time.monotonic() - started)
            ok = True
        self._call(lambda: self.do(self._core.merged(record.id, ok)))
