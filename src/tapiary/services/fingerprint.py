"""What tells one state of a file from another without reading all of it."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from tapiary.services.first_packet import first_time, looks_like_capture

#: How much of a file's head and tail goes into its quick hash: a capture that grew or was rewritten differs there.
EDGE_BYTES = 64 * 1024
#: End of the year 9999 in microseconds since 1970: the latest time that the meter gives a packet, too.
LATEST_US = 253_402_300_799_999_999


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Size in bytes, time of modification in ns, and the quick hash (BLAKE2b of size, head and tail)."""

    size: int
    mtime_ns: int
    quick_hash: str
    capture: bool

    def times(self, path: Path) -> tuple[int | None, int | None]:
        """First packet's time and, for want of the last packet's, the modification time, in µs."""
        start = first_time(path)
        if start is None:
            return None, None
        first = min(max(int(start * 1e6), 0), LATEST_US)  # clocks in a file may say anything
        return first, max(first, self.mtime_ns // 1000)


def fingerprint(path: Path) -> Fingerprint:
    """The fingerprint of a regular file. Raises OSError, also when the path is none."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode):
            raise OSError(f"{path} is not a regular file")
        head = file.read(EDGE_BYTES)
        digest = hashlib.blake2b(str(info.st_size).encode(), digest_size=16)
        digest.update(head)
        if info.st_size > EDGE_BYTES:
            file.seek(max(EDGE_BYTES, info.st_size - EDGE_BYTES))
            digest.update(file.read(EDGE_BYTES))
    return Fingerprint(info.st_size, info.st_mtime_ns, digest.hexdigest(), looks_like_capture(head))
