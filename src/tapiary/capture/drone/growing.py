"""What newly came into captures that are being written: whole records, a bounded number at a time."""

from __future__ import annotations

import os
import struct
from collections import deque
from contextlib import suppress

from tapiary.capture.drone.pcap import GLOBAL_BYTES, MAX_RECORD_BYTES, RECORD_BYTES

#: Most bytes of one look: they are metered in one go and held in memory.
LOOK_BYTES = 32 << 20
#: With more than this still to be read the oldest of it is left out, so that what is shown stays live.
BACKLOG_BYTES = 96 << 20


class Growing:
    """The files of one interface in the order of time. Files are opened when told of: they may be gone later."""

    def __init__(self) -> None:
        self.skipped_bytes = 0
        self._files: deque[tuple[int, str]] = deque()   # descriptor, and the name under which it was told
        self._told: deque[str] = deque(maxlen=4096)
        self._at = GLOBAL_BYTES

    def add(self, name: str, path: str) -> None:
        """There is a file (the newest so far); one that was told of before is not added again."""
        if name in self._told:
            return
        self._told.append(name)
        with suppress(OSError):
            self._files.append((os.open(path, os.O_RDONLY), name))

    def take(self) -> bytes:
        """A capture of records that were not taken before, empty when there are none."""
        self._catch_up()
        while self._files:
            descriptor = self._files[0][0]
            header = os.pread(descriptor, GLOBAL_BYTES, 0)
            data = os.pread(descriptor, LOOK_BYTES, self._at) if len(header) == GLOBAL_BYTES else b""
            n = whole_bytes(data, "<" if header[:1] in (b"\xd4", b"\x4d") else ">")
            if n:
                self._at += n
                return header + data[:n]
            if len(self._files) < 2:
                break
            self._next()
        return b""

    def _catch_up(self) -> None:
        while len(self._files) > 1 and self._behind() > BACKLOG_BYTES:
            self.skipped_bytes += max(0, os.fstat(self._files[0][0]).st_size - self._at)
            self._next()

    def _behind(self) -> int:
        return sum(os.fstat(descriptor).st_size for descriptor, _name in self._files) - self._at

    def _next(self) -> None:
        os.close(self._files.popleft()[0])
        self._at = GLOBAL_BYTES

    def close(self) -> None:
        """Close all files."""
        while self._files:
            self._next()


def whole_bytes(data: bytes, order: str) -> int:
    """How much of the beginning of `data` is whole records."""
    unpack, at, end = struct.Struct(order + "I").unpack_from, 0, len(data)
    while at + RECORD_BYTES <= end:
        length = unpack(data, at + 8)[0]
        if length > MAX_RECORD_BYTES:
            return at
        following = at + RECORD_BYTES + length
        if following > end:
            break
        at = following
    return at
