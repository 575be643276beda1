"""Writes MaxMind DB files from address ranges: for lists that come as tables, and for the tests.

Format: https://maxmind.github.io/MaxMind-DB/ (version 2.0). The tree is built level by level in numpy, so that the
world's 600,000 announced networks take seconds.
"""

from __future__ import annotations

import struct
import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Record = Mapping[str, "str | int | float | bool | Record"]

_METADATA_MARK = b"\xab\xcd\xefMaxMind.com"


def mmdb(
    ranges: Sequence[tuple[bytes, bytes, int]], records: Sequence[Record], *, database_type: str,
    description: str = "", record_size: int | None = None, build_epoch: int | None = None,
) -> bytes:
    """A MaxMind DB file that says for each range (first, last, record number) of addresses its record.

    Addresses are 16 bytes, IPv4 as ::a.b.c.d, ranges sorted and disjoint. `record_size` is the smallest of 24, 28
    and 32 bits that will do, unless given. Raises ValueError when the ranges overlap or the size is too small.
    """
    data, places = _data_section(records)
    starts, values = _segments(ranges)
    levels = _levels(starts)
    node_count = sum(len(level) for level in levels)
    # A record holds the segment (as -1 - segment) or the number of a node.
    tree = np.concatenate(levels) if levels else np.empty((0, 2), np.int64)
    targets = np.where(values < 0, node_count, node_count + 16 + np.array([*places, 0], np.int64)[values])
    pairs = np.where(tree < 0, targets[-1 - np.minimum(tree, -1)], tree)
    needed = int(pairs.max(initial=0)).bit_length()
    size = record_size or next(size for size in (24, 28, 32) if needed <= size)
    if needed > size:
        raise ValueError(f"records of {size} bits cannot hold this file")
    metadata = {
        "binary_format_major_version": _Whole(5, 2), "binary_format_minor_version": _Whole(5, 0),
        "ip_version": _Whole(5, 6), "record_size": _Whole(5, size), "node_count": _Whole(6, node_count),
        "database_type": database_type, "languages": [], "description": {"en": description},
        "build_epoch": _Whole(9, int(time.time()) if build_epoch is None else build_epoch),
    }
    return _packed(pairs, size) + bytes(16) + data + _METADATA_MARK + _Encoder().value(metadata)


def _segments(ranges: Sequence[tuple[bytes, bytes, int]]) -> tuple[NDArray[np.bytes_], NDArray[np.int64]]:
    """First addresses of the stretches of one record each, and the record numbers (-1: none); covers everything."""
    starts, values = [bytes(16)], [-1]
    for first, last, record in ranges:
        if first > last or first < starts[-1]:
            raise ValueError("ranges are sorted and disjoint")
        if starts[-1] == first:
            values[-1] = record
        elif values[-1] != record:
            starts.append(first)
            values.append(record)
        behind = int.from_bytes(last, "big") + 1
        if behind < 1 << 128:
            starts.append(behind.to_bytes(16, "big"))
            values.append(-1)
    # Neighbours with the same record are one stretch.
    kept = [i for i in range(len(values)) if i == 0 or values[i] != values[i - 1]]
    return np.array([starts[i] for i in kept], "S16"), np.array([values[i] for i in kept], np.int64)


def _levels(starts: NDArray[np.bytes_]) -> list[NDArray[np.int64]]:
    """The tree's levels, each an array of shape (nodes, 2) of node numbers, or -1 - segment."""
    levels: list[NDArray[np.int64]] = []
    prefix = np.zeros((1, 16), np.uint8)
    low, high = np.array([0]), np.array([len(starts) - 1])
    count = 0
    for depth in range(128):
        if not len(prefix):
            break
        middle = prefix.copy()
        middle[:, depth // 8] |= 128 >> depth % 8
        # numpy strips trailing zeros of fixed-length bytes, which leaves their order as it is.
        words = middle.view("S16")[:, 0]
        last_left = np.searchsorted(starts, words, "left") - 1
        first_right = np.searchsorted(starts, words, "right") - 1
        children = np.stack((np.stack((low, last_left)), np.stack((first_right, high)))).transpose(2, 0, 1)
        inner = children[:, :, 0] != children[:, :, 1]
        count += len(prefix)
        numbers = np.cumsum(inner.ravel()).reshape(inner.shape) - 1 + count
        levels.append(np.where(inner, numbers, -1 - children[:, :, 0]))
        both = np.stack((prefix, middle), 1)
        prefix = both[inner]
        low, high = children[inner].T
    return levels


def _packed(pairs: NDArray[np.int64], size: int) -> bytes:
    """The search tree's bytes."""
    if size == 32:
        return pairs.astype(">u4").tobytes()
    left, right = pairs[:, 0], pairs[:, 1]
    octets = np.empty((len(pairs), size // 4), np.uint8)
    for place in range(3):
        octets[:, place] = left >> (16 - 8 * place) & 255
        octets[:, size // 4 - 3 + place] = right >> (16 - 8 * place) & 255
    if size == 28:
        octets[:, 3] = (left >> 24) << 4 | right >> 24
    return octets.tobytes()


def _data_section(records: Sequence[Record]) -> tuple[bytes, list[int]]:
    encoder, data, places = _Encoder(), bytearray(), []
    for record in records:
        places.append(len(data))
        data += encoder.value(record, len(data))
    return bytes(data), places


class _Whole(NamedTuple):
    """A whole number of a given data type: readers insist on those of the metadata."""

    kind: int
    number: int


class _Encoder:
    """Encodes values; strings that were written before become pointers."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def value(self, value: object, at: int | None = None) -> bytes:
        """One field; `at` is where it will stand in the data section, None in the metadata (which has no pointers)."""
        if isinstance(value, str):
            raw = value.encode()
            if at is not None and len(raw) > 2:
                if value in self._seen:
                    return self._pointer(self._seen[value])
                self._seen[value] = at
            return self._control(2, len(raw)) + raw
        if isinstance(value, bool):
            return self._control(14, int(value))
        if isinstance(value, int):
            value = _Whole(6 if value < 1 << 32 else 9, value)
        if isinstance(value, _Whole):
            raw = value.number.to_bytes((value.number.bit_length() + 7) // 8, "big")
            return self._control(value.kind, len(raw)) + raw
        if isinstance(value, float):
            return self._control(3, 8) + struct.pack(">d", value)
        if isinstance(value, dict):
            parts = [part for item in value.items() for part in item]
            out = bytearray(self._control(7, len(value)))
        elif isinstance(value, list):
            parts, out = value, bytearray(self._control(11, len(value)))
        else:
            raise TypeError(f"{type(value).__name__} has no place in a MaxMind DB file")
        for part in parts:
            out += self.value(part, None if at is None else at + len(out))
        return bytes(out)

    @staticmethod
    def _control(kind: int, size: int) -> bytes:
        more = b""
        if size >= 285:
            size, more = 30, (size - 285).to_bytes(2, "big")
        elif size >= 29:
            size, more = 29, bytes([size - 29])
        return bytes([kind << 5 | size]) + more if kind <= 7 else bytes([size, kind - 7]) + more

    @staticmethod
    def _pointer(target: int) -> bytes:
        if target < 2048:
            return bytes([1 << 5 | target >> 8, target & 255])
        if target < 526336:
            target -= 2048
            return bytes([1 << 5 | 1 << 3 | target >> 16]) + (target & 0xFFFF).to_bytes(2, "big")
        if target < 134744064:
            target -= 526336
            return bytes([1 << 5 | 2 << 3 | target >> 24]) + (target & 0xFFFFFF).to_bytes(3, "big")
        return bytes([1 << 5 | 3 << 3]) + target.to_bytes(4, "big")
