"""What a command writes to its outputs, kept in files that others read while it runs."""

from __future__ import annotations

import os
from pathlib import Path

#: Bytes that are kept of each output; what comes after is read and dropped, so that the command does not stall.
MAX_LOG_BYTES = 8 << 20
#: Longest line that is told as the last one.
LINE = 200


class Log:
    """One output of a command: its beginning in a file, and its last line."""

    def __init__(self, path: Path, limit: int = MAX_LOG_BYTES) -> None:
        self.path = path
        self._file = path.open("wb", buffering=0)
        self._left = limit
        self._tail = b""
        self.last_line = ""

    def write(self, data: bytes) -> None:
        """Takes up what the command wrote."""
        if self._left > 0:
            kept = data[: self._left]
            self._file.write(kept)
            self._left -= len(data)
            if self._left <= 0:
                self._file.write(b"\n[the rest was left out]\n")
        lines = (self._tail + data[-8 * LINE:]).split(b"\n")
        self._tail = lines[-1][-8 * LINE:]
        for line in reversed(lines):
            text = _readable(line)
            if text:
                self.last_line = text
                break

    def close(self) -> None:
        """Brings the file to the disk."""
        os.fsync(self._file.fileno())
        self._file.close()


def _readable(line: bytes) -> str:
    """A line without what would disturb a terminal or a page; a line that was overwritten by CR is its last form."""
    text = line.decode("utf-8", "replace").rstrip("\r").rsplit("\r", 1)[-1]
    return "".join(c if c.isprintable() else " " for c in text).strip()[:LINE]
