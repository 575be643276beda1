"""Capture files as blocks of many packets, which are rewritten together: pcap and pcapng, either byte order.

A block is an array of bytes with the places of the packets in it. Whoever rewrites changes bytes in place and says how
much of each packet to keep; headers, lengths and padding follow.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from tapiary.errors import InvalidInput

#: Bytes that are read at once: enough packets for array operations, little enough for memory.
READ = 8 << 20
#: A packet or block longer than this is damage (tcpdump's largest packets have 256 KiB).
LARGEST = 64 << 20

# draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng
_PCAP = {b"\xd4\xc3\xb2\xa1": "<", b"\x4d\x3c\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">", b"\xa1\xb2\x3c\x4d": ">"}
SECTION, INTERFACE, PACKET, SIMPLE, ENHANCED = 0x0A0D0D0A, 1, 2, 3, 6
_MAGIC = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}

Ints = NDArray[np.int64]
#: What to do with a block that holds no packet, by its type: its new form, or None to drop it.
Other = Callable[[int, bytes, str], bytes | None]


@dataclass(slots=True)
class Block:
    """Packets that lie in one array; positions are those in `data`."""

    data: NDArray[np.uint8]
    order: str
    pcapng: bool
    #: Where each packet's record begins and ends, where its bytes begin, and how many they are.
    start: Ints
    end: Ints
    packet: Ints
    captured: Ints
    link: Ints
    #: Packets whose record has no room for a captured length of its own (pcapng's simple packet block).
    simple: NDArray[np.bool_]
    #: Stretches that are dropped, as pairs; sorted.
    dropped: list[tuple[int, int]] = field(default_factory=list)

    def rewritten(self, keep: Ints, *, options: bool) -> bytes:
        """The block with `keep` bytes of each packet (0 to captured); `options`: whether pcapng's options stay.

        Packets without a length of their own keep it, with zeros in the place of what goes.
        """
        keep = np.clip(keep, 0, self.captured)
        for i in np.flatnonzero(self.simple & (keep < self.captured)).tolist():
            self.data[self.packet[i] + keep[i]:self.packet[i] + self.captured[i]] = 0
        keep = np.where(self.simple, self.captured, keep)
        cut_from, cut_to = self.packet + keep, self.packet + self.captured
        if self.pcapng:
            padded = self.packet + _padded(keep)
            cut_to = self.packet + _padded(self.captured)
            if not options:
                cut_to = np.where(self.simple, cut_to, self.end - 4)
            own = ~self.simple
            self._zero_padding(keep, padded)
            cut_from = padded
            length = self.end - self.start - (cut_to - cut_from)
            self._put(self.start[own] + 20, keep[own])
            self._put(self.start + 4, length)
            self._put(self.end - 4, length)
        else:
            self._put(self.start + 8, keep)
        return self._without(cut_from, cut_to)

    def _without(self, cut_from: Ints, cut_to: Ints) -> bytes:
        """The bytes without these stretches and the dropped ones; none overlap."""
        gaps = cut_from < cut_to
        starts, ends = cut_from[gaps], cut_to[gaps]
        if self.dropped:
            more = np.array(self.dropped, np.int64)
            starts, ends = np.append(starts, more[:, 0]), np.append(ends, more[:, 1])
            starts, ends = np.sort(starts), np.sort(ends)
        view = self.data.data
        kept = zip([0, *ends.tolist()], [*starts.tolist(), len(view)], strict=True)
        return b"".join([view[first:last] for first, last in kept])

    def _zero_padding(self, keep: Ints, padded: Ints) -> None:
        for i in range(3):
            at = self.packet + keep + i
            self.data[at[at < padded]] = 0

    def _put(self, at: Ints, values: Ints) -> None:
        octets = values.astype(f"{self.order}u4").view(np.uint8).reshape(-1, 4)
        for i in range(4):
            self.data[at + i] = octets[:, i]


def _padded(sizes: Ints) -> Ints:
    return (sizes + 3) & ~3


def blocks(source: BinaryIO, other: Other) -> Iterator[bytes | Block]:
    """The file as headers that stay as they are (bytes) and blocks of packets; where it is damaged, it ends.

    Raises InvalidInput when it is no pcap or pcapng.
    """
    magic = source.read(4)
    if magic in _PCAP:
        return _pcap(source, magic, _PCAP[magic])
    if magic == b"\x0a\x0d\x0d\x0a":
        return _pcapng(source, magic, other)
    raise InvalidInput("the file is neither pcap nor pcapng (a compressed one must be unpacked first)", field="file")


def _pcap(source: BinaryIO, magic: bytes, order: str) -> Iterator[bytes | Block]:
    header = magic + source.read(20)
    if len(header) < 24:
        raise InvalidInput("the file ends within its header", field="file")
    yield header
    link = int(struct.unpack_from(f"{order}I", header, 20)[0]) & 0xFFFF
    lengths = struct.Struct(f"{order}I").unpack_from
    rest = b""
    while more := source.read(READ):
        data = rest + more
        starts, at, size = [], 0, len(data)
        while at + 16 <= size:
            captured = lengths(data, at + 8)[0]
            if captured > LARGEST:
                size = 0  # damage: what comes before it is kept
                break
            if at + 16 + captured > size:
                break
            starts.append(at)
            at += 16 + captured
        rest = data[at:]
        if starts:
            start = np.array(starts, np.int64)
            end = np.append(start[1:], at)
            yield Block(np.frombuffer(data[:at], np.uint8).copy(), order, False, start, end, start + 16,
                        end - start - 16, np.full(len(start), link), np.zeros(len(start), bool))
        if size == 0:
            return


def _pcapng(source: BinaryIO, rest: bytes, other: Other) -> Iterator[bytes | Block]:
    section = _Section("<")
    while more := source.read(READ):
        data = rest + more
        at, found = 0, _Found(0)
        while at + 12 <= len(data):
            if data[at:at + 4] == b"\x0a\x0d\x0d\x0a":
                order = _MAGIC.get(data[at + 8:at + 12], "")
                if not order:
                    return
                if found.starts:
                    yield found.block(data, at, section.order)
                found, section = _Found(at), _Section(order)
            kind, length = section.head(data, at)
            if length < 12 or length % 4 or length > LARGEST:
                if found.starts:
                    yield found.block(data, at, section.order)
                return
            if at + length > len(data):
                break
            section.take(kind, data, at, length, found, other)
            at += length
        if found.starts or found.dropped or found.first < at:
            yield found.block(data, at, section.order)
        rest = data[at:]


class _Section:
    """What pcapng says once and means for all that follows: byte order and interfaces."""

    def __init__(self, order: str) -> None:
        self.order = order
        self._head = struct.Struct(f"{order}II").unpack_from
        self._words = struct.Struct(f"{order}II").unpack_from
        self._links: list[tuple[int, int]] = []  # link type and snaplen of each interface

    def head(self, data: bytes, at: int) -> tuple[int, int]:
        kind, length = self._head(data, at)
        return int(kind), int(length)

    def take(self, kind: int, data: bytes, at: int, length: int, found: _Found, other: Other) -> None:
        """Notes a block: a packet, or what becomes of it."""
        if kind in (ENHANCED, PACKET) and length >= 32:
            captured = self._words(data, at + 20)[0]
            interface = self._words(data, at + 8)[0]
            if kind == PACKET:
                interface = struct.unpack_from(f"{self.order}H", data, at + 8)[0]
            if captured <= length - 32 and interface < len(self._links):
                found.packet(at, at + length, 28, captured, self._links[interface][0], False)
            else:
                found.drop(at, at + length)
        elif kind == SIMPLE and length >= 16 and self._links:
            link, snaplen = self._links[0]
            size = self._words(data, at + 8)[0]
            captured = min(size, snaplen or size, length - 16)
            found.packet(at, at + length, 12, captured, link, True)
        else:
            body = data[at:at + length]
            if kind == INTERFACE and length >= 20:
                link = struct.unpack_from(f"{self.order}H", data, at + 8)[0]
                self._links.append((link, self._words(data, at + 12)[0]))
            if kind == SECTION:  # the section's length will not be what it was
                body = body[:16] + b"\xff" * 8 + body[24:]
            found.other(at, at + length, other(kind, body, self.order))


class _Found:
    """The packets of a block as they are met."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.starts: list[int] = []
        self.ends: list[int] = []
        self._heads: list[int] = []
        self._captured: list[int] = []
        self._links: list[int] = []
        self._simple: list[bool] = []
        self.dropped: list[tuple[int, int]] = []
        self._changed: list[tuple[int, bytes]] = []

    def packet(self, start: int, end: int, head: int, captured: int, link: int, simple: bool) -> None:
        self.starts.append(start)
        self.ends.append(end)
        self._heads.append(head)
        self._captured.append(captured)
        self._links.append(link)
        self._simple.append(simple)

    def drop(self, start: int, end: int) -> None:
        self.dropped.append((start, end))

    def other(self, start: int, end: int, new: bytes | None) -> None:
        """A block without a packet, in its new form, which is no longer than the old one."""
        new = new or b""
        self._changed.append((start, new))
        if start + len(new) < end:
            self.drop(start + len(new), end)

    def block(self, data: bytes, end: int, order: str) -> Block:
        array = np.frombuffer(data[self.first:end], np.uint8).copy()
        for place, new in self._changed:
            at = place - self.first
            array[at:at + len(new)] = np.frombuffer(new, np.uint8)
        start = np.array(self.starts, np.int64) - self.first
        return Block(
            array, order, True, start, np.array(self.ends, np.int64) - self.first,
            start + np.array(self._heads, np.int64), np.array(self._captured, np.int64),
            np.array(self._links, np.int64), np.array(self._simple, bool),
            [(a - self.first, b - self.first) for a, b in self.dropped],
        )
