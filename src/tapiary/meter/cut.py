"""Any set of packets out of a stored capture, as a valid capture of the same format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tapiary.errors import Conflict

from .source import Source

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Frames between two anchors of the index: as ANCHOR_FRAMES in native/engine.h.
ANCHOR_FRAMES = 64
_PCAP_HEADER = 24
_READ = 1 << 20
_PIECE = 1 << 18


def decode_gaps(blob: bytes) -> NDArray[np.int64]:
    """The numbers of a run of LEB128 gaps: their running sum."""
    data = np.frombuffer(blob, np.uint8)
    if not len(data):
        return np.empty(0, np.int64)
    ends = np.flatnonzero(data < 0x80)
    starts = np.concatenate(([0], ends[:-1] + 1))
    position = np.arange(len(data)) - np.repeat(starts, ends - starts + 1)
    values = (data.astype(np.int64) & 0x7F) << (7 * position)
    return np.cumsum(np.add.reduceat(values, starts))


def decode_frames(first_frame: int, frame_count: int, blob: bytes) -> NDArray[np.int64]:
    """The frame numbers of one row of the packet index. Raises ValueError when the row is damaged."""
    frames = np.concatenate(([0], decode_gaps(blob))) + first_frame
    if len(frames) != frame_count:
        raise ValueError(f"{len(frames)} frames in a row of {frame_count}")
    return frames


def cut_packets(source: Path, frames: NDArray[np.int64], anchors: bytes, context: bytes) -> Iterator[bytes]:
    """Streams a capture of the given frames (sorted, from 1), reading only the stretches of the file that hold them.

    `anchors` and `context` are the joined `frames` of the index rows of flow 0 and -1. Compressed captures are read
    through. Raises Conflict when the file is not the one that was indexed.
    """
    reader = _Reader(source)
    try:
        head = reader.read(0, _PCAP_HEADER)
        pcapng = head[:4] == b"\x0a\x0d\x0d\x0a"
        if pcapng:
            pieces = _pcapng(reader, frames, anchors, decode_gaps(context))
        else:
            pieces = _pcap(reader, frames, anchors, head)
        pending, size = [], 0
        for piece in pieces:
            pending.append(piece)
            size += len(piece)
            if size >= _PIECE:
                yield b"".join(pending)
                pending, size = [], 0
        yield b"".join(pending)
    finally:
        reader.close()


def _stretches(frames: NDArray[np.int64], anchors: bytes) -> Iterator[tuple[int, int | None, NDArray[np.uint32]]]:
    """Where each stretch with wanted frames begins and ends (None: unknown), and their numbers within it."""
    if not len(frames):
        return
    places = decode_gaps(anchors)
    group, within = np.divmod(np.asarray(frames, np.int64) - 1, ANCHOR_FRAMES)
    groups, starts = np.unique(group, return_index=True)
    ends = np.append(starts[1:], len(group))
    for number, start, end in zip(groups.tolist(), starts.tolist(), ends.tolist(), strict=True):
        if number >= len(places):
            raise ValueError(f"frame {number * ANCHOR_FRAMES + 1} lies behind the index")
        until = int(places[number + 1]) if number + 1 < len(places) else None
        yield int(places[number]), until, within[start:end].astype(np.uint32)


def _cut(
    reader: _Reader, at: int, until: int | None, wanted: NDArray[np.uint32], pcapng: bool, big: bool,
) -> tuple[bytes, int, bool]:
    from ._native import cut_frames

    size = until - at if until is not None else _READ
    while True:
        stretch = reader.read(at, size)
        found = cut_frames(stretch, wanted, pcapng, big)
        if found is not None:
            return found
        if until is not None or len(stretch) < size:
            raise reader.changed()
        size *= 2       # the last stretch: its end is where its frames end


def _pcap(reader: _Reader, frames: NDArray[np.int64], anchors: bytes, head: bytes) -> Iterator[bytes]:
    yield head
    big = head[:1] == b"\xa1"
    for at, until, wanted in _stretches(frames, anchors):
        yield _cut(reader, at, until, wanted, False, big)[0]


def _pcapng(reader: _Reader, frames: NDArray[np.int64], anchors: bytes, context: NDArray[np.int64]) -> Iterator[bytes]:
    """Between the stretches go the sections, interfaces, names and secrets that lie there in the file."""
    big, passed = False, 0
    for at, until, wanted in _stretches(frames, anchors):
        if passed < at:
            for place in context[(context >= passed) & (context < at)].tolist():
                block = reader.block(place)
                if block[:4] == b"\x0a\x0d\x0d\x0a":
                    big = block[8:12] == b"\x1a\x2b\x3c\x4d"
                yield block
        piece, used, big = _cut(reader, at, until, wanted, True, big)
        yield piece
        passed = at + used      # blocks of context behind the last wanted frame are taken up by the next round
    if not len(frames) and len(context):
        yield reader.block(int(context[0]))


class _Reader:
    """Reads stretches of a capture, forward in general; a compressed one is unpacked as it goes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._source = Source(path)
        self._file: Any = None if self._source.compression else open(path, "rb")  # noqa: SIM115
        self._kept, self._kept_at = b"", 0

    def read(self, at: int, size: int | None) -> bytes:
        """Bytes from `at` on; fewer at the end of the file, all that follow when size is None."""
        if self._file is not None:
            self._file.seek(at)
            return bytes(self._file.read() if size is None else self._file.read(size))
        if at < self._kept_at:      # back to what was passed: unpack anew
            self._source.close()
            self._source = Source(self._path)
            self._kept, self._kept_at = b"", 0
        room = bytearray(_READ)
        while size is None or len(self._kept) - (at - self._kept_at) < size:
            passed = at - self._kept_at
            if passed > 0 and passed >= len(self._kept):
                self._kept_at += len(self._kept)
                self._kept = b""
            elif passed > _READ:
                self._kept, self._kept_at = self._kept[passed:], at
            n = self._source.readinto(memoryview(room))
            if n == 0:
                break
            self._kept += room[:n]
        passed = at - self._kept_at
        return bytes(self._kept[passed:] if size is None else self._kept[passed : passed + size])

    def block(self, at: int) -> bytes:
        """One whole pcapng block."""
        head = self.read(at, 12)
        for order in ("little", "big"):
            size = int.from_bytes(head[4:8], order)
            if size >= 12 and size % 4 == 0:
                block = self.read(at, size)
                if len(block) == size and block[-4:] == head[4:8]:
                    return block
        raise self.changed()

    def changed(self) -> Conflict:
        """The error that the file is another one than was indexed."""
        return Conflict(f"{self._path.name} is not what it was when it was processed: process it again", field="file",
                        code="file_changed")

    def close(self) -> None:
        """Closes the file."""
        self._source.close()
        if self._file is not None:
            self._file.close()
