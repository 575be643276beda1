"""How much of the machine's processors nobody uses: what is not needed for capturing waits for them."""

from __future__ import annotations

import os
from pathlib import Path

_STAT = Path("/proc/stat")


class Spare:
    """Measures between two calls."""

    def __init__(self) -> None:
        self._idle, self._all = _times()

    def processors(self) -> float | None:
        """The processors that were idle since the call before; None where the machine does not tell."""
        idle, total = _times()
        before_idle, before_total = self._idle, self._all
        self._idle, self._all = idle, total
        if total <= before_total:
            return None
        return (idle - before_idle) / (total - before_total) * (os.cpu_count() or 1)


def _times() -> tuple[int, int]:
    """Clock ticks idle (also waiting for disks) and in all, of all processors (proc(5))."""
    try:
        with _STAT.open() as file:
            ticks = [int(word) for word in file.readline().split()[1:9]]
    except (OSError, ValueError):
        return 0, 0
    return (ticks[3] + ticks[4], sum(ticks)) if len(ticks) == 8 else (0, 0)
