"""The progress bar of a file that is being processed, on standard error, only where a person looks."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from tapiary.cli.layout import Screen
from tapiary.cli.numbers import count, duration, rate, size
from tapiary.cli.session import is_terminal

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

#: A file that is done sooner needs no bar, and no library to draw it.
PATIENCE_S = 0.3


class FileProgress:
    """Shows how far a file is; call it with what the services report of a job. Does nothing off a terminal."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._shown = is_terminal(sys.stderr)
        self._started = time.monotonic()
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, report: Mapping[str, Any]) -> None:
        """Draw a report with bytes, total_bytes, packets, flows, packets_per_s and seconds_left."""
        if not self._shown:
            return
        if self._bar is None:
            if time.monotonic() - self._started < PATIENCE_S:
                return
            self._start()
        assert self._bar is not None
        assert self._task is not None
        self._bar.update(
            self._task, completed=report.get("bytes", 0), total=report.get("total_bytes"), text=describe(report),
        )

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        name = Screen.of(sys.stderr).clip(self._name, 28)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(bar_width=24),
            TextColumn("{task.fields[text]}", markup=False),
            console=Console(file=sys.stderr, highlight=False), transient=True,
        )
        self._bar.start()
        self._task = self._bar.add_task(name, total=None, text="")


def describe(report: Mapping[str, Any]) -> str:
    """A report in words: bytes of how many, packets a second, flows, time left."""
    done, total = report.get("bytes", 0), report.get("total_bytes")
    parts = [f"{size(done)} of {size(total)}" if total else size(done)]
    parts.append(rate(report.get("packets_per_s") or 0, "packets"))
    if report.get("flows", 0) is not None:      # None: of something that makes none
        parts.append(f"{count(report.get('flows', 0))} flows")
    left = report.get("seconds_left")
    if left is not None:
        parts.append(f"{duration(left)} left")
    return ", ".join(parts)
