"""One line on a terminal that is written again and again."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    from pytci.models import Job, Live

#: Seconds between two pictures of a download.
EVERY_S = 0.1


class Line:
    """A line on standard error, if that is a terminal; else nothing."""

    def __init__(self, wanted: bool) -> None:
        self._stream = sys.stderr
        self._on = wanted and self._stream is not None and self._stream.isatty()
        self._used = False

    def show(self, text: str) -> None:
        """Replace what the line says."""
        if self._on:
            width = max(20, shutil.get_terminal_size().columns) - 1
            clean = "".join(c if c.isprintable() else "?" for c in text)
            self._stream.write("\r" + clean[:width] + "\x1b[K")
            self._stream.flush()
            self._used = True

    def end(self) -> None:
        """Leave the line as it is and go to the next."""
        if self._used:
            self._stream.write("\n")
            self._stream.flush()
            self._used = False


def size(count: float) -> str:
    """Bytes in words, in steps of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


class Bytes:
    """The progress of a download."""

    def __init__(self, call: Callable[[int, int | None], object] | None, line: Line, name: str) -> None:
        self._call, self._line, self._name = call, line, name
        self._began, self._shown, self._first = time.monotonic(), 0.0, -1

    def show(self, done: int, total: int | None) -> None:
        """So many bytes of so many are there."""
        if self._call is not None:
            self._call(done, total)
        self._first = done if self._first < 0 else self._first
        now = time.monotonic()
        if now - self._shown < EVERY_S and done != total:
            return
        self._shown = now
        rate = (done - self._first) / max(now - self._began, 1e-3)
        whole = f" of {size(total)}, {100 * done // total if total else 100} %" if total is not None else ""
        self._line.show(f"{self._name or 'download'}: {size(done)}{whole}, {size(rate)}/s")

    def end(self) -> None:
        """No more will come."""
        self._line.end()


def bytes_line(progress: bool | Callable[[int, int | None], object], name: str) -> Bytes:
    """What `progress` asks for: a line on the terminal, a call, or nothing."""
    called = progress if callable(progress) else None
    return Bytes(called, Line(progress is True), name)


def job_line(job: Job, live: Live | None) -> str:
    """A job in one line: status, each drone's bytes, flows."""
    parts = [f"{job.name or 'job'} ({job.id}): {job.status}"]
    if job.max_capture_data:
        parts.append(f"{size(job.captured_data)} of {size(job.max_capture_data)}")
    parts += [f"{drone.name} {size(drone.captured_data)}" for drone in job.drones]
    processing = job.processing
    if processing is not None:
        flows = processing.flows if processing.flows is not None else processing.progress.get("flows")
        words = {"finished": "processed", "in_progress": "processing", "queued": "waits to be processed"}
        parts.append(words.get(processing.state, processing.state) + (f", {flows} flows" if flows is not None else ""))
    elif live is not None and live.flows:
        parts.append(f"{live.flows} flows, {live.labelled} labelled")
    return "  ".join(parts)
