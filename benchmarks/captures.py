"""Reads small Ethernet captures into memory, as raw material for generated traces."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

ETHERNET = 1


class Packet(NamedTuple):
    """One captured packet: microseconds, length on the wire, captured bytes."""

    time_us: int
    wire_length: int
    data: bytes


def read(path: Path) -> list[Packet]:
    """The Ethernet packets of a pcap or pcapng file; other link types and a cut-off end are left out."""
    raw = path.read_bytes()
    if raw[:4] == b"\x0a\x0d\x0d\x0a":
        return _pcapng(raw)
    return _pcap(raw)


def _pcap(raw: bytes) -> list[Packet]:
    magics = {b"\xd4\xc3\xb2\xa1": ("<", 1), b"\xa1\xb2\xc3\xd4": (">", 1),
              b"\x4d\x3c\xb2\xa1": ("<", 1000), b"\xa1\xb2\x3c\x4d": (">", 1000)}
    if raw[:4] not in magics:
        return []
    order, divisor = magics[raw[:4]]
    if struct.unpack_from(order + "I", raw, 20)[0] & 0xFFFF != ETHERNET:
        return []
    packets, at = [], 24
    while at + 16 <= len(raw):
        seconds, fraction, captured, wire = struct.unpack_from(order + "IIII", raw, at)
        data = raw[at + 16:at + 16 + captured]
        if len(data) < captured:
            break
        packets.append(Packet(seconds * 1_000_000 + fraction // divisor, wire, data))
        at += 16 + captured
    return packets


def _pcapng(raw: bytes) -> list[Packet]:
    packets: list[Packet] = []
    order, at = "<", 0
    interfaces: list[tuple[int, int]] = []
    while at + 12 <= len(raw):
        kind = struct.unpack_from(order + "I", raw, at)[0]
        if kind == 0x0A0D0D0A:
            order = "<" if raw[at + 8:at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            interfaces = []
        size = struct.unpack_from(order + "I", raw, at + 4)[0]
        if size < 12 or at + size > len(raw):
            break
        if kind == 1:
            link = struct.unpack_from(order + "H", raw, at + 8)[0]
            interfaces.append((link, _ticks(raw[at + 16:at + size - 4], order)))
        elif kind == 6:
            interface, high, low, captured, wire = struct.unpack_from(order + "IIIII", raw, at + 8)
            link, per_second = interfaces[interface]
            if link == ETHERNET:
                time_us = int((high << 32 | low) * 1_000_000 // per_second)
                packets.append(Packet(time_us, wire, raw[at + 28:at + 28 + captured]))
        at += size
    return packets


def _ticks(options: bytes, order: str) -> int:
    """Ticks per second of an interface's clock (option if_tsresol), 1,000,000 unless said otherwise."""
    at = 0
    while at + 4 <= len(options):
        code, length = struct.unpack_from(order + "HH", options, at)
        if code == 9 and length:
            value = options[at + 4]
            return 1 << (value & 127) if value & 128 else 10 ** value
        if code == 0:
            break
        at += 4 + (length + 3 & ~3)
    return 1_000_000
