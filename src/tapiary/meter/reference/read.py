"""Packet records out of pcap and pcapng, as the format documents have them.

Sources: draft-ietf-opsawg-pcap (pcap) and draft-ietf-opsawg-pcapng (pcapng).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from tapiary.errors import InvalidInput

#: No captured packet is longer; whatever claims to be is a damaged record.
MAX_CAPTURED = 0x1000000
#: A packet's or interface's block is not longer: a captured packet with its options.
MAX_BLOCK = MAX_CAPTURED + 0x10000
#: Interfaces of one pcapng section: whoever describes more wants our memory.
MAX_INTERFACES = 65536
#: 9999-12-31T23:59:59.999999: later times cannot be shown by Python and most databases.
MAX_TIME = 253_402_300_799_999_999

_PCAP_MAGICS = {0xA1B2C3D4: 1, 0xA1B23C4D: 1000}
_BYTE_ORDER_MAGIC = 0x1A2B3C4D
_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET = 0x0A0D0D0A, 1, 2, 3, 6
_OPTION_RESOLUTION, _OPTION_OFFSET = 9, 14


@dataclass(frozen=True, slots=True)
class Record:
    """One packet record: its number in the file from 1, its time in µs since 1970, link type, bytes, wire length.

    `out_of_range`: the file's time was none that can be shown, `time` is the nearest one that can.
    """

    frame: int
    time: int
    link_type: int
    data: bytes
    wire: int
    out_of_range: bool = False


class Stop(Exception):
    """Reading cannot go on; `anomaly` says why."""

    def __init__(self, anomaly: str) -> None:
        super().__init__(anomaly)
        self.anomaly = anomaly


def file_format(data: bytes) -> str:
    """ "pcap" or "pcapng"; raises InvalidInput when the bytes are neither."""
    if len(data) >= 24 and (
        int.from_bytes(data[:4], "little") in _PCAP_MAGICS or int.from_bytes(data[:4], "big") in _PCAP_MAGICS
    ):
        return "pcap"
    if len(data) >= 12 and data[:4] == b"\x0a\x0d\x0d\x0a" and _section_order(data[8:12]):
        return "pcapng"
    raise InvalidInput("this is neither a pcap nor a pcapng capture", field="file")


def records(data: bytes) -> Iterator[Record]:
    """The packet records in file order; raises `Stop` where the file ends early or makes no sense any more."""
    return _pcap(data) if file_format(data) == "pcap" else _pcapng(data)


def _pcap(data: bytes) -> Iterator[Record]:
    order = "little" if int.from_bytes(data[:4], "little") in _PCAP_MAGICS else "big"
    per_microsecond = _PCAP_MAGICS[_u32(data, 0, order)]
    link_type = _u32(data, 20, order) & 0xFFFF
    at, frame = 24, 0
    while at < len(data):
        if len(data) - at < 16:
            raise Stop("truncated_file")
        seconds, fraction, captured, wire = (_u32(data, at + i, order) for i in (0, 4, 8, 12))
        if captured > MAX_CAPTURED:
            raise Stop("bad_record")
        if len(data) - at - 16 < captured:
            raise Stop("truncated_file")
        frame += 1
        time = seconds * 1_000_000 + fraction // per_microsecond
        yield Record(frame, time, link_type, data[at + 16 : at + 16 + captured], max(wire, captured))
        at += 16 + captured


@dataclass
class _Interface:
    link_type: int
    snap_length: int
    units_per_second: int = 1_000_000
    offset_seconds: int = 0

    def time(self, units: int) -> int:
        return Fraction(units * 1_000_000, self.units_per_second) // 1 + self.offset_seconds * 1_000_000


@dataclass
class _Section:
    order: str
    interfaces: list[_Interface] = field(default_factory=list)

    def interface(self, number: int) -> _Interface:
        if number >= len(self.interfaces):
            raise Stop("bad_block")
        return self.interfaces[number]


def _pcapng(data: bytes) -> Iterator[Record]:
    section = _Section(_section_order(data[8:12]))
    at, frame, last_time = 0, 0, 0
    while at < len(data):
        if len(data) - at < 12:
            raise Stop("truncated_file")
        if data[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            order = _section_order(data[at + 8 : at + 12])
            if not order:
                raise Stop("bad_block")
            section = _Section(order)
        order = section.order
        kind, length = _u32(data, at, order), _u32(data, at + 4, order)
        if length < 12 or length % 4 or (kind == _SECTION and length < 28):
            raise Stop("bad_block")
        if length > MAX_BLOCK and kind in (_INTERFACE, _PACKET, _OLD_PACKET, _SIMPLE_PACKET):
            raise Stop("bad_block")
        if len(data) - at < length:
            raise Stop("truncated_file")
        # Longer ones are skipped unread, their end included.
        if length <= MAX_BLOCK and _u32(data, at + length - 4, order) != length:
            raise Stop("bad_block")
        body = data[at + 8 : at + length - 4]
        at += length
        if kind == _INTERFACE:
            if len(section.interfaces) == MAX_INTERFACES:
                raise Stop("bad_block")
            section.interfaces.append(_interface(body, order))
        elif kind in (_PACKET, _OLD_PACKET, _SIMPLE_PACKET):
            claimed, link_type, captured, wire = _packet(kind, body, section, last_time)
            time = max(0, min(claimed, MAX_TIME))
            frame, last_time = frame + 1, time
            yield Record(frame, time, link_type, captured, max(wire, len(captured)), time != claimed)


def _section_order(magic: bytes) -> str:
    for order in ("little", "big"):
        if _u32(magic, 0, order) == _BYTE_ORDER_MAGIC:
            return order
    return ""


def _interface(body: bytes, order: str) -> _Interface:
    if len(body) < 8:
        raise Stop("bad_block")
    interface = _Interface(_u16(body, 0, order), _u32(body, 4, order))
    at = 8
    while at + 4 <= len(body):
        code, length = _u16(body, at, order), _u16(body, at + 2, order)
        value = body[at + 4 : at + 4 + length]
        if code == 0 or len(value) < length:
            break
        if code == _OPTION_RESOLUTION and length == 1:
            power = value[0] & 0x7F
            interface.units_per_second = 2**power if value[0] & 0x80 else 10**power
        elif code == _OPTION_OFFSET and length == 8:
            interface.offset_seconds = int.from_bytes(value, "little" if order == "little" else "big", signed=True)
        at += 4 + (length + 3) // 4 * 4
    return interface


def _packet(kind: int, body: bytes, section: _Section, last_time: int) -> tuple[int, int, bytes, int]:
    """Time, link type, captured bytes and wire length of a packet block."""
    order = section.order
    if kind == _SIMPLE_PACKET:
        if len(body) < 4:
            raise Stop("bad_block")
        interface, wire = section.interface(0), _u32(body, 0, order)
        captured = min(wire, interface.snap_length or wire, len(body) - 4)
        if captured > MAX_CAPTURED:
            raise Stop("bad_record")
        return last_time, interface.link_type, body[4 : 4 + captured], wire
    if len(body) < 20:
        raise Stop("bad_block")
    number = _u32(body, 0, order) if kind == _PACKET else _u16(body, 0, order)
    high, low, captured, wire = (_u32(body, i, order) for i in (4, 8, 12, 16))
    if captured > MAX_CAPTURED:
        raise Stop("bad_record")
    interface = section.interface(number)
    if len(body) - 20 < captured:
        raise Stop("bad_block")
    return interface.time(high << 32 | low), interface.link_type, body[20 : 20 + captured], wire


def _u16(data: bytes, at: int, order: str) -> int:
    return int.from_bytes(data[at : at + 2], "little" if order == "little" else "big")


def _u32(data: bytes, at: int, order: str) -> int:
    return int.from_bytes(data[at : at + 4], "little" if order == "little" else "big")
