"""Loggers and counters by room: the hot path counts, everything else may log."""

from __future__ import annotations

import fcntl
import logging
import os
import sys
import threading
from pathlib import Path

_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"

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
        handler.setFormatter(logging.Formatter(_FORMAT))
        root.addHandler(handler)
        root.propagate = False


class LogFile(logging.Handler):
    """A log file that several processes write, with the former ones beside it as `NAME.1` (the newest) to `NAME.keep`.

    Each record is one write at the file's end, so none is torn or overwritten; whoever finds the file full moves it on,
    one process at a time, and the others notice by its inode that theirs is no longer the present one. Lines after a
    record's first are indented: text that came from outside cannot pass for a record.
    """

    def __init__(self, path: Path, max_bytes: int, keep: int) -> None:
        super().__init__()
        self._path, self._max_bytes, self._keep = path, max_bytes, keep
        self._fd = -1
        self.setFormatter(logging.Formatter(_FORMAT))

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        try:
            data = self.format(record).replace("\n", "\n    ").encode("utf-8", "backslashreplace") + b"\n"
            if not self._is_present():
                self._open()
            if os.fstat(self._fd).st_size + len(data) > self._max_bytes:
                self._move_on()
            os.write(self._fd, data)
        except Exception:  # noqa: BLE001 - logging must not break what it tells of
            self.handleError(record)

    def close(self) -> None:
        """Let go of the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        super().close()

    def _is_present(self) -> bool:
        if self._fd < 0:
            return False
        try:
            there, held = os.stat(self._path), os.fstat(self._fd)
        except FileNotFoundError:
            return False
        return (there.st_dev, there.st_ino) == (held.st_dev, held.st_ino)

    def _open(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)

    def _move_on(self) -> None:
        """Rename the full file, unless another process has done so a moment before."""
        with self._path.with_name(f".{self._path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self._is_present() and os.fstat(self._fd).st_size > 0:
                former = [self._path, *(self._path.with_name(f"{self._path.name}.{n + 1}") for n in range(self._keep))]
                former[-1].unlink(missing_ok=True)
                for older, newer in zip(former[:0:-1], former[-2::-1], strict=True):
                    if newer.exists():
                        newer.rename(older)
            self._open()


def log_to_file(path: Path, max_bytes: int, keep: int) -> None:
    """Write the log of all rooms also into a file; every process of the server calls this for itself."""
    root = logging.getLogger("tapiary")
    if not any(isinstance(handler, LogFile) for handler in root.handlers):
        root.addHandler(LogFile(path, max_bytes, keep))
