"""Whole-process measurements: wall time, processor time, peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_LAUNCHER = Path(__file__).with_name("launcher.py")
#: A run that takes longer is ended, and its tool reported as failed.
_LIMIT_S = 1800


class Failed(Exception):
    """The command ended with an error; the message has its last words."""


@dataclass(frozen=True)
class Sample:
    """One run: seconds, and bytes of the largest process of the command's family."""

    wall_s: float
    user_s: float
    system_s: float
    peak_bytes: int
    output: str


@dataclass(frozen=True)
class Spread:
    """Median, minimum and maximum of several runs."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of at least one value."""
        return cls(median(values), min(values), max(values))


def run(command: Sequence[str], environment: Mapping[str, str] | None = None, folder: Path | None = None) -> Sample:
    """Run a command to its end. Raises Failed when its exit code is not 0."""
    with tempfile.TemporaryDirectory(prefix="tapiary-bench-") as temporary:
        report, output, errors = (Path(temporary) / name for name in ("report", "output", "errors"))
        subprocess.run(
            [sys.executable, "-I", "-S", str(_LAUNCHER), str(_LIMIT_S), str(report), str(output), str(errors),
             *command],
            env={**os.environ, **(environment or {})}, cwd=folder, check=True,
        )
        wall, user, system, peak, code = report.read_text().split()
        if int(code) != 0:
            words = errors.read_text(errors="replace").strip() or output.read_text(errors="replace").strip()
            raise Failed(f"{command[0]} ended with {code}: {words[-400:]}")
        # Some tools write a line for each flow: the ends are what anyone looks at.
        text = output.read_text(errors="replace")
        if len(text) > 65_536:
            text = text[:32_768] + "\n" + text[-32_768:]
        return Sample(float(wall), float(user), float(system), int(peak), text)


def interleaved(
    names: Sequence[str], rounds: Mapping[str, int], once: Callable[[str], Sample], say: Callable[[str], object]
) -> tuple[dict[str, list[Sample]], dict[str, str]]:
    """Run A B C A B C …, each name as often as `rounds` says; also returns what failed and why."""
    samples: dict[str, list[Sample]] = {name: [] for name in names}
    failures: dict[str, str] = {}
    for number in range(max(rounds.values(), default=0)):
        for name in names:
            if number >= rounds[name] or name in failures:
                continue
            try:
                sample = once(name)
            except Failed as error:
                failures[name] = str(error)
                say(f"  {name}: {error}")
                continue
            samples[name].append(sample)
            say(f"  round {number + 1}: {name}: {sample.wall_s:.2f} s")
    return {name: taken for name, taken in samples.items() if taken}, failures
