"""Any set of packets out of a stored capture, as a valid capture of the same format."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

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
#: The largest stretch that is taken into memory: 64 frames of 256 KiB, tcpdump's largest. Longer ones, which a few
#: bytes of a packed file can claim, are walked record by record.
_LARGEST = 16 << 20
#: Types of pcapng blocks: with a packet, and carried along by every cut (as in native/reader.c).
_PACKET_BLOCKS, _CONTEXT_BLOCKS = (2, 3, 6), (0x0A0D0D0A, 1, 4, 10)
#: How a section begins, and its byte order magic in a section of that order.
_SECTION, _BIG = b"\x0a\x0d\x0d\x0a", b"\x1a\x2b\x3c\x4d"


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
        pcapng = head[:4] == _SECTION
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
) -> Generator[bytes, None, tuple[int, bool]]:
    """Yields the wanted records of a stretch; returns its bytes up to the last of them, and the byte order there."""
    from ._native import cut_frames

    size = until - at if until is not None else _READ
    while size <= _LARGEST:
        stretch = reader.read(at, size)
        found = cut_frames(stretch, wanted, pcapng, big)
        if found is not None:
            yield found[0]
            return found[1:]
        if until is not None or len(stretch) < size:
            raise reader.changed()
        size *= 2       # the last stretch: its end is where its frames end
    return (yield from _walk(reader, at, wanted.tolist(), pcapng, big))


def _walk(
    reader: _Reader, at: int, wanted: list[int], pcapng: bool, big: bool,
) -> Generator[bytes, None, tuple[int, bool]]:
    """As `_cut`, in little memory."""
    start, frame, found = at, 0, 0
    header = 12 if pcapng else 16
    while found < len(wanted):
        head = reader.read(at, header)
        if len(head) < header:
            raise reader.changed()
        packet, kept = True, False
        if pcapng:
            if head[:4] == _SECTION:
                big = head[8:12] == _BIG
            order: Literal["big", "little"] = "big" if big else "little"
            kind, size = (int.from_bytes(head[i : i + 4], order) for i in (0, 4))
            packet, kept = kind in _PACKET_BLOCKS, kind in _CONTEXT_BLOCKS
            if size < header:
                raise reader.changed()
        else:
            size = header + int.from_bytes(head[8:12], "big" if big else "little")
        if packet:
            kept = frame == wanted[found]
            found += kept
            frame += 1
        if kept:
            yield from reader.pieces(at, size)
        at += size
    return at - start, big


def _pcap(reader: _Reader, frames: NDArray[np.int64], anchors: bytes, head: bytes) -> Iterator[bytes]:
    yield head
    big = head[:1] == b"\xa1"
    for at, until, wanted in _stretches(frames, anchors):
        yield from _cut(reader, at, until, wanted, False, big)


def _pcapng(reader: _Reader, frames: NDArray[np.int64], anchors: bytes, context: NDArray[np.int64]) -> Iterator[bytes]:
    """Between the stretches go the sections, interfaces, names and secrets that lie there in the file."""
    big, passed = False, 0
    for at, until, wanted in _stretches(frames, anchors):
        if passed < at:
            first, last = np.searchsorted(context, (passed, at))
            for place in context[first:last].tolist():
                head = reader.read(place, 12)
                if head[:4] == _SECTION:
                    big = head[8:12] == _BIG
                yield from reader.block(place, head, big)
        used, big = yield from _cut(reader, at, until, wanted, True, big)
        passed = at + used      # blocks of context behind the last wanted frame are taken up by the next round
    if not len(frames) and len(context):
        head = reader.read(int(context[0]), 12)
        yield from reader.block(int(context[0]), head, head[8:12] == _BIG)


class _Reader:
    """Reads stretches of a capture, forward in general; a compressed one is unpacked as it goes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._source = Source(path)
        self._file: Any = None if self._source.compression else open(path, "rb")  # noqa: SIM115
        self._kept, self._kept_at = bytearray(), 0

    def read(self, at: int, size: int | None) -> bytes:
        """Bytes from `at` on; fewer at the end of the file, all that follow when size is None."""
        if self._file is not None:
            self._file.seek(at)
            return bytes(self._file.read() if size is None else self._file.read(size))
        if at < self._kept_at:      # back to what was passed: unpack anew
            self._source.close()
            self._source = Source(self._path)
            self._kept, self._kept_at = bytearray(), 0
        room = bytearray(_READ)
        while size is None or len(self._kept) - (at - self._kept_at) < size:
            passed = at - self._kept_at
            if passed > 0 and passed >= len(self._kept):
                self._kept_at += len(self._kept)
                self._kept = bytearray()
            elif passed > _READ:
                self._kept, self._kept_at = self._kept[passed:], at
            n = self._source.readinto(memoryview(room))
            if n == 0:
                break
            self._kept += room[:n]
        passed = at - self._kept_at
        return bytes(self._kept[passed:] if size is None else self._kept[passed : passed + size])

    def pieces(self, at: int, size: int) -> Iterator[bytes]:
        """Exactly so many bytes from `at` on."""
        while size:
            piece = self.read(at, min(size, _READ))
            if not piece:
                raise self.changed()
            yield piece
            at += len(piece)
            size -= len(piece)

    def block(self, at: int, head: bytes, big: bool) -> Iterator[bytes]:
        """One whole pcapng block that begins with this head."""
        size = int.from_bytes(head[4:8], "big" if big else "little")
        if size < 12 or size % 4:
            raise self.changed()
        end = b""
        for piece in self.pieces(at, size):
            end = (end + piece)[-4:]
            if size <= _READ and end != head[4:8]:
                raise self.changed()
            yield piece

    def changed(self) -> Conflict:
        """The error that the file is another one than was indexed."""
        return Conflict(f"{self._path.name} is not what it was when it was processed: process it again", field="file",
                        code="file_changed")

    def close(self) -> None:
        """Closes the file."""
        self._source.close()
        if self._file is not None:
            self._file.close()
