"""Headers as bytes, outermost first: captures and random packets are sums of these.

Plain struct, no library, so that every field can be wrong on purpose.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable, Sequence

MAC_A, MAC_B = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
A4, B4, C4, D4 = "192.0.2.1", "198.51.100.2", "10.1.1.1", "10.2.2.2"
A6, B6, C6, D6 = "2001:db8::1", "2001:db8::2", "fd00::1", "fd00::2"
SYN, FIN, RST, PSH, ACK = 2, 1, 4, 8, 16

Frame = tuple[int, bytes] | tuple[int, bytes, int]
"""Time in the capture's units, bytes, and the length on the wire where it is another."""


def ethernet(kind: int = 0x0800, src: bytes = MAC_A, dst: bytes = MAC_B) -> bytes:
    return dst + src + struct.pack(">H", kind)


def tag(vlan: int, kind: int = 0x0800) -> bytes:
    return struct.pack(">HH", vlan, kind)


def label(value: int, bottom: bool) -> bytes:
    return struct.pack(">I", value << 12 | bottom << 8 | 64)


def snap(kind: int, oui: bytes = b"\0\0\0") -> bytes:
    return b"\xaa\xaa\x03" + oui + struct.pack(">H", kind)


def ipv4(
    payload: bytes, protocol: int = 17, src: str = A4, dst: str = B4, *, number: int = 1, fragment: int = 0,
    more: bool = False, options: bytes = b"", total: int | None = None, version: int = 4, ihl: int | None = None,
) -> bytes:  # fmt: skip
    header = 20 + len(options)
    word = version << 4 | (header // 4 if ihl is None else ihl)
    length = header + len(payload) if total is None else total
    head = struct.pack(">BBHHHBBH", word, 0, length, number, more << 13 | fragment // 8, 64, protocol, 0)
    head += ipaddress.IPv4Address(src).packed + ipaddress.IPv4Address(dst).packed + options
    total_sum = sum(struct.unpack(f">{len(head) // 2}H", head))
    while total_sum >> 16:
        total_sum = (total_sum & 0xFFFF) + (total_sum >> 16)
    return head[:10] + struct.pack(">H", 0xFFFF - total_sum) + head[12:] + payload


def ipv6(payload: bytes, protocol: int = 17, src: str = A6, dst: str = B6, *, length: int | None = None) -> bytes:
    head = struct.pack(">IHBB", 6 << 28, len(payload) if length is None else length, protocol, 64)
    return head + ipaddress.IPv6Address(src).packed + ipaddress.IPv6Address(dst).packed + payload


def extension(following: int, size: int = 8) -> bytes:
    """An IPv6 extension header of `size` bytes, filled with a PadN option."""
    return struct.pack(">BBBB", following, size // 8 - 1, 1, size - 4) + bytes(size - 4)


def fragment6(following: int, number: int, offset: int = 0, more: bool = False) -> bytes:
    return struct.pack(">BBHI", following, 0, offset | more, number)


def tcp(
    sport: int, dport: int, flags: int, seq: int = 0, payload: bytes = b"", *, offset: int = 5, ack: int = 0
) -> bytes:
    return struct.pack(">HHIIBBHHH", sport, dport, seq % 2**32, ack, offset << 4, flags, 8192, 0, 0) + payload


def udp(sport: int, dport: int, payload: bytes = b"", *, length: int | None = None) -> bytes:
    return struct.pack(">HHHH", sport, dport, 8 + len(payload) if length is None else length, 0) + payload


def gre(kind: int, *, checksum: bool = False, key: bool = False, sequence: bool = False) -> bytes:
    flags = checksum << 15 | key << 13 | sequence << 12
    return struct.pack(">HH", flags, kind) + bytes(4 * (checksum + key + sequence))


def gtp(inner: bytes, *, flags: int = 0x30, extensions: bytes = b"") -> bytes:
    return struct.pack(">BBHI", flags, 255, len(extensions) + len(inner), 7) + extensions + inner


def vxlan(network: int = 5) -> bytes:
    return struct.pack(">II", 8 << 24, network << 8)


def geneve(kind: int = 0x6558, options: bytes = b"") -> bytes:
    return struct.pack(">BBHI", len(options) // 4, 0, kind, 9 << 8) + options


def capwap(*, native: bool, flags: int = 0, radio: bool = False) -> bytes:
    """`radio`: with the radio's MAC address (flag M, RFC 5415, 4.3), padded to 4 bytes."""
    address = b"\x06" + MAC_A + b"\0" if radio else b""
    word = (8 + len(address)) // 4 << 19 | 1 << 14 | 1 << 9 | native << 8 | radio << 4 | flags
    return struct.pack(">II", word, 0) + address


def tzsp(encapsulation: int = 1, tags: bytes = b"\x0a\x01\xc0\x00") -> bytes:
    return struct.pack(">BBH", 1, 0, encapsulation) + tags + b"\x01"


def wifi(flags: int = 1, *, qos: bool = False, kind: int = 2, subtype: int = 0) -> bytes:
    """A data frame: `flags` 1 to the access point, 2 from it, 3 both, 64 protected. Addresses A, B, access points."""
    ap1, ap2 = bytes.fromhex("02000000aa01"), bytes.fromhex("02000000aa02")
    addresses = {0: MAC_B + MAC_A + ap1, 1: ap1 + MAC_A + MAC_B, 2: MAC_B + ap1 + MAC_A, 3: ap2 + ap1 + MAC_B}[
        flags & 3
    ]
    head = bytes((kind << 2 | (subtype | qos << 3) << 4, flags)) + b"\0\0" + addresses + b"\x10\0"
    return head + (MAC_A if flags & 3 == 3 else b"") + (b"\0\0" if qos else b"")


def radiotap(flags: int | None = None, *, tsft: bool = False) -> bytes:
    present = tsft | (flags is not None) << 1
    fields = (bytes(8) if tsft else b"") + (bytes((flags,)) if flags is not None else b"")
    return struct.pack("<BBHI", 0, 0, 8 + len(fields), present) + fields


def pcap(
    frames: Iterable[Frame], link: int = 1, *, order: str = "<", nanoseconds: bool = False, snap: int = 65535
) -> bytes:
    magic, per_second = (0xA1B23C4D, 10**9) if nanoseconds else (0xA1B2C3D4, 10**6)
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snap, link)]
    for time, data, *wire in frames:
        out.append(
            struct.pack(order + "IIII", time // per_second, time % per_second, len(data), *(wire or [len(data)]))
        )
        out.append(data)
    return b"".join(out)


class Pcapng:
    """Blocks of one byte order, added one by one."""

    def __init__(self, order: str = "<") -> None:
        self.order, self.data = order, b""

    def block(self, kind: int, body: bytes, *, length: int | None = None, trailer: int | None = None) -> Pcapng:
        size = 12 + len(body) if length is None else length
        self.data += struct.pack(self.order + "II", kind, size) + body
        self.data += struct.pack(self.order + "I", size if trailer is None else trailer)
        return self

    def section(self) -> Pcapng:
        return self.block(0x0A0D0D0A, struct.pack(self.order + "IHHq", 0x1A2B3C4D, 1, 0, -1))

    def option(self, code: int, value: bytes) -> bytes:
        return struct.pack(self.order + "HH", code, len(value)) + value + bytes(-len(value) % 4)

    def interface(
        self, link: int = 1, snap: int = 0, *, resolution: int | None = None, offset: int | None = None
    ) -> Pcapng:
        options = b""
        if resolution is not None:
            options += self.option(9, bytes((resolution,)))
        if offset is not None:
            options += self.option(14, struct.pack(self.order + "q", offset))
        if options:
            options = self.option(2, b"eth0") + options + self.option(0, b"")
        return self.block(1, struct.pack(self.order + "HHI", link, 0, snap) + options)

    def packet(self, time: int, data: bytes, interface: int = 0, wire: int | None = None) -> Pcapng:
        lengths = (len(data), len(data) if wire is None else wire)
        head = struct.pack(self.order + "IIIII", interface, time >> 32, time & 0xFFFFFFFF, *lengths)
        return self.block(6, head + data + bytes(-len(data) % 4) + self.option(2, b"\1\0\0\0") + self.option(0, b""))

    def old_packet(self, time: int, data: bytes, interface: int = 0) -> Pcapng:
        head = struct.pack(self.order + "HHIIII", interface, 0, time >> 32, time & 0xFFFFFFFF, len(data), len(data))
        return self.block(2, head + data + bytes(-len(data) % 4))

    def simple_packet(self, data: bytes, wire: int | None = None) -> Pcapng:
        body = struct.pack(self.order + "I", len(data) if wire is None else wire)
        return self.block(3, body + data + bytes(-len(data) % 4))


def each_second(frames: Sequence[bytes], start: int = 1_600_000_000_000_000) -> list[Frame]:
    """The frames one second after the other, in µs."""
    return [(start + i * 1_000_000, frame) for i, frame in enumerate(frames)]
