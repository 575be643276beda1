"""Loggers and counters by room: the hot path counts, everything else may log."""

from __future__ import annotations

import logging
import sys
import threading

_counters: dict[str, dict[str, Counter]] = {}
_registry_lock = threading.Lock()


class Counter:
    """A number that only grows, safe to add to from any thread; each process counts for itself."""

    __slots__ = ("_lock", "_value")

    def __init__(self) -> None:
        self._value = 0
        self._lock = threading.Lock()

    def add(self, n: int = 1) -> None:
        """Add `n`, which must not be negative."""
        with self._lock:
            self._value += n

    @property
    def value(self) -> int:
        """What was counted since the process began."""
        return self._value


def counter(room: str, name: str) -> Counter:
    """The counter of that name in that room, made at first use; keep it rather than look it up in a loop."""
    with _registry_lock:
        return _counters.setdefault(room, {}).setdefault(name, Counter())


def counters() -> dict[str, dict[str, int]]:
    """Every counter's value, by room and name."""
    with _registry_lock:
        return {room: {name: c.value for name, c in sorted(named.items())} for room, named in sorted(_counters.items())}


def logger(room: str) -> logging.Logger:
    """The logger of a room: `tapiary.<room>`."""
    return logging.getLogger(f"tapiary.{room}")


def setup_logging(level: str = "info") -> None:
    """Send the log of all rooms to standard error, from this level on (debug, info, warning, error).

    Only the `tapiary` logger is touched, so that a program that embeds us keeps its own logging. Calling it again
    changes the level.
    """
    root = logging.getLogger("tapiary")
    root.setLevel(level.upper())
    if not root.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
        root.addHandler(handler)
        root.propagate = False
