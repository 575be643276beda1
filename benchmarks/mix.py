"""Trace (a), the DPI torture mix: many small captures of every kind of protocol, copied under other addresses."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from . import captures
from .rewrite import places

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

PACKETS = 2_040_000
#: Idle times are cut to this, longer than the usual idle timeout, so that hours of silence do not stretch the trace.
_LONGEST_GAP_US = 300_000_000
#: Captures begin spread over this time, and each copy this much after the one before.
_SPREAD_S, _COPY_SHIFT_S = 600, 13
_START_US = 1_700_000_000_000_000
_CHUNK = 50_000
_RECORD = 16
_SNAP_LENGTH = 262_144


class _Base(NamedTuple):
    """All captures as one copy."""

    records: list[bytes]  # record header and bytes of each packet
    lengths: NDArray[np.int64]
    times: NDArray[np.int64]
    words: _Lists
    sums: _Lists
    covered: NDArray[np.int64]
    weights: NDArray[np.int64]


class _Lists:
    """A list of numbers for each packet, flat; `take` collects those of many packets at once."""

    def __init__(self, lists: Sequence[Sequence[int]]) -> None:
        self.sizes = np.array([len(one) for one in lists], np.int64)
        self.starts = np.cumsum(self.sizes) - self.sizes
        self.values = np.array([value for one in lists for value in one], np.int64)

    def take(self, packets: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(place in `packets`, place in `values`) of every element of these packets' lists."""
        sizes = self.sizes[packets]
        rows = np.repeat(np.arange(len(packets)), sizes)
        inside = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return rows, self.starts[packets][rows] + inside


def write(path: Path, sources: Sequence[Path], packets: int = PACKETS) -> dict[str, int]:
    """Write the trace from these captures, with at least this many packets; returns what it holds.

    Raises ValueError when the captures hold no Ethernet packet.
    """
    base = _load(sources)
    copies = -(-packets // len(base.records))
    size = 24
    with open(path, "wb", buffering=0) as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, _SNAP_LENGTH, captures.ETHERNET))
        for chunk in _chunks(base, copies):
            out.write(chunk)
            size += len(chunk)
    return {"packets": copies * len(base.records), "bytes": size, "copies": copies, "captures": len(sources)}


def _load(sources: Sequence[Path]) -> _Base:
    records, times, words, sums = [], [], [], []
    for number, source in enumerate(sources):
        packets = captures.read(source)
        if not packets:
            continue
        clock = np.array([packet.time_us for packet in packets], np.int64)
        gaps = np.clip(np.diff(clock, prepend=clock[:1]), 0, _LONGEST_GAP_US)
        times.append(np.cumsum(gaps) + number * 37 % _SPREAD_S * 1_000_000)
        for packet in packets:
            # Some captures were made to break readers; a length that no link carries is one of their tricks.
            wire = packet.wire_length if len(packet.data) <= packet.wire_length <= _SNAP_LENGTH else len(packet.data)
            header = struct.pack("<IIII", 0, 0, len(packet.data), wire)
            records.append(header + packet.data)
            found = places(packet.data)
            words.append(found.words)
            sums.append(found.sums)
    if not records:
        raise ValueError("no Ethernet capture among the sources")
    return _Base(
        records, np.array([len(record) for record in records], np.int64), np.concatenate(times), _Lists(words),
        _Lists([[check for check, _, _ in one] for one in sums]),
        np.array([word for one in sums for _, word, _ in one], np.int64),
        np.array([weight for one in sums for _, _, weight in one], np.int64),
    )


def _chunks(base: _Base, copies: int) -> Iterator[bytearray]:
    count = len(base.records)
    shifts = np.arange(copies) * (_COPY_SHIFT_S * 1_000_000)
    times = (base.times[None, :] + shifts[:, None]).ravel()
    # Stable, so that packets of one microsecond keep their order.
    order = np.argsort(times, kind="stable")
    for start in range(0, len(order), _CHUNK):
        some = order[start:start + _CHUNK]
        yield _chunk(base, some % count, some // count, times[some] + _START_US)


def _chunk(base: _Base, packets: NDArray[np.int64], copies: NDArray[np.int64], times: NDArray[np.int64]) -> bytearray:
    raw = bytearray().join(map(base.records.__getitem__, packets.tolist()))
    octets = np.frombuffer(raw, np.uint8)
    ends = np.cumsum(base.lengths[packets])
    starts = ends - base.lengths[packets]
    stamp = np.stack((times // 1_000_000, times % 1_000_000), 1).astype("<u4").view(np.uint8)
    octets[starts[:, None] + np.arange(8)] = stamp
    # The first 256 copies change the high byte alone, which keeps neighbours of a network neighbours.
    key = (copies & 255) << 8 | copies >> 8
    body = starts + _RECORD
    rows, at = base.sums.take(packets)
    check, covered = body[rows] + base.sums.values[at], body[rows] + base.covered[at]
    old = _words(octets, covered)
    change = ((old ^ key[rows]) - old) * base.weights[at]
    _update_sums(octets, check, change)
    rows, at = base.words.take(packets)
    word = body[rows] + base.words.values[at]
    _put(octets, word, _words(octets, word) ^ key[rows])
    return raw


def _words(octets: NDArray[np.uint8], at: NDArray[np.int64]) -> NDArray[np.int64]:
    return octets[at].astype(np.int64) << 8 | octets[at + 1]


def _put(octets: NDArray[np.uint8], at: NDArray[np.int64], words: NDArray[np.int64]) -> None:
    octets[at] = words >> 8
    octets[at + 1] = words & 255


def _update_sums(octets: NDArray[np.uint8], check: NDArray[np.int64], change: NDArray[np.int64]) -> None:
    """RFC 1624, equation 3, for checksums that several changed words share."""
    if not len(check):
        return
    order = np.argsort(check, kind="stable")
    check, change = check[order], change[order]
    first = np.flatnonzero(np.concatenate(([True], check[1:] != check[:-1])))
    total, check = np.add.reduceat(change, first), check[first]
    value = ((_words(octets, check) ^ 0xFFFF) + total) % 0xFFFF
    # Of the two zeros of ones' complement the sum 0xFFFF is written as checksum 0 only where the data are all zeros.
    _put(octets, check, np.where(value == 0, 0xFFFF, value) ^ 0xFFFF)
