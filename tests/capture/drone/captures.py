"""Small pcap files, made by hand."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

MAGIC_NANO = 0xA1B23C4D


def pcap(
    times: Sequence[float], *, link_type: int = 1, order: str = "<", size: int = 60, magic: int = MAGIC_NANO
) -> bytes:
    """A capture with one packet a time (seconds); each packet holds its time as text."""
    data = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, link_type)
    for time in times:
        packet = f"{time:.3f}".encode().ljust(size, b".")
        fraction = round(time % 1 * (10**9 if magic == MAGIC_NANO else 10**6))
        data += struct.pack(order + "IIII", int(time), fraction, len(packet), len(packet)) + packet
    return data


def times_in(data: bytes) -> list[float]:
    """The times of a capture's packets, by their texts."""
    found, at = [], 24
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at + 8)
        found.append(float(data[at + 16 : at + 16 + length].rstrip(b".")))
        at += 16 + length
    return found


def write(path: Path, data: bytes) -> Path:
    """The file, written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
