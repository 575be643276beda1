"""Live metering from the drone's side: a child process at the lowest priority, told of files, answering with totals.

A process of its own, as it must neither slow uploads nor take memory or processor from what captures: when it cannot
keep up it leaves captured bytes out, and when it dies nothing is lost but the view.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec

from tapiary import telemetry
from tapiary.capture.drone.records import JobRecord
from tapiary.capture.drone.shelf import Shelf
from tapiary.capture.messages import Live

_log = telemetry.logger("drone")


class Metering:
    """Runs one child for the job that is captured. `told` gets its messages, in a thread of this object."""

    def __init__(self, command: Sequence[str], shelf: Shelf, told: Callable[[int, Live], None]) -> None:
        self._command, self._shelf, self._told = list(command), shelf, told
        self._child: subprocess.Popen[str] | None = None
        self._job_id = 0

    @property
    def possible(self) -> bool:
        """Whether there is a meter."""
        return bool(self._command)

    def begin(self, record: JobRecord) -> None:
        """Start metering a job, if there is a meter and the job wants it."""
        self.stop()
        if not self._command or not record.options.live:
            return
        try:
            self._child = subprocess.Popen(
                [*self._command, str(record.id)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, text=True, start_new_session=True)
        except OSError as error:
            _log.warning("no live metering: %s", error)
            return
        self._job_id = record.id
        threading.Thread(target=self._listen, args=(self._child, record.id), name="tapiary-drone-live",
                         daemon=True).start()

    def feed(self, record: JobRecord) -> None:
        """Tell the child of the files that there are now."""
        if self._child is None or record.id != self._job_id:
            return
        lines = [_line(part.interface, part.origin, str(self._shelf.path(record, part)))
                 for part in record.parts[-64:] if not part.dropped]
        for recording in record.recordings:
            path = None if recording.ended else self._shelf.open_file(record, recording)
            if path is not None:
                lines.append(_line(recording.source, path.name, str(path)))
        self._write("".join(lines) + "\n")

    def _write(self, text: str) -> None:
        child = self._child
        if child is None or child.stdin is None:
            return
        try:
            child.stdin.write(text)
            child.stdin.flush()
        except OSError:
            _log.warning("live metering of job %d ended with %s", self._job_id, child.poll())
            self.stop()

    def _listen(self, child: subprocess.Popen[str], job_id: int) -> None:
        assert child.stdout is not None
        for line in child.stdout:
            try:
                self._told(job_id, msgspec.json.decode(line, type=Live))
            except msgspec.MsgspecError as error:
                _log.debug("no live message: %s", error)
        child.wait()

    def end(self, record: JobRecord) -> None:
        """Stop metering a job; it says what it has, and ends by itself."""
        if record.id == self._job_id:
            self.feed(record)
            self.stop()

    def stop(self) -> None:
        """Let the child end: nothing more comes."""
        child, self._child = self._child, None
        if child is not None and child.stdin is not None:
            with suppress(OSError):
                child.stdin.close()


def _line(source: str, name: str, path: str) -> str:
    return json.dumps({"source": source, "name": name, "path": path}) + "\n"
