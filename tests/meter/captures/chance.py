"""Random captures: stacks of layers from small pools of addresses and ports, some of their bytes changed.

The pools are small so that packets meet in flows, fragments find their first ones and sequences repeat.
"""

from __future__ import annotations

import struct
from random import Random

from layers import (
    Frame,
    Pcapng,
    capwap,
    ethernet,
    extension,
    fragment6,
    geneve,
    gre,
    gtp,
    ipv4,
    ipv6,
    label,
    pcap,
    radiotap,
    snap,
    tag,
    tcp,
    tzsp,
    udp,
    vxlan,
    wifi,
)  # fmt: skip

_FOUR = ("192.0.2.1", "192.0.2.2", "10.0.0.1")
_SIX = ("2001:db8::1", "2001:db8::2", "::ffff:192.0.2.1")
_PORTS = (80, 1024, 5247, 2152, 4789, 6081, 37008, 1701, 0, 65535)
_ETHERTYPES = (
    0x0806,
    0x88CC,
    0x8863,
    0x888E,
    0x9000,
    0x8035,
    0x88E5,
    0x8137,
    0x2000,
    0x1234,
    0,
    40,
    1500,
    1501,
    1535,
    1536,
)


def _some(chance: Random, most: int = 40) -> bytes:
    return chance.randbytes(chance.randrange(most))


def _transport(chance: Random) -> tuple[int, bytes]:
    ports = (chance.choice(_PORTS), chance.choice(_PORTS))
    kind = chance.randrange(12)
    if kind < 5:
        flags = chance.choice((2, 18, 16, 24, 17, 4, 20, chance.randrange(256)))
        sequence = chance.choice((0, 100, 101, 2**32 - 10, 2**31, chance.randrange(400)))
        return 6, tcp(*ports, flags, sequence, _some(chance, 12), offset=chance.choice((5, 5, 5, 5, 8, 4, 15)))
    if kind < 8:
        return 17, udp(*ports, _some(chance), length=chance.choice((None, None, None, 3)))
    protocol = chance.choice((1, 58, 132, 136, 33, 2, 50, 51, 59, 0, 43, 44, 60, 4, 41, 47, chance.randrange(256)))
    return protocol, _some(chance)


def _tunnel(chance: Random, depth: int) -> tuple[int, bytes]:
    """A tunnel's protocol number and bytes, something random inside."""
    version, packet = _ip(chance, depth + 1)
    frame = (
        _ethernet(chance, depth + 1) if chance.random() < 0.6 else ethernet(0x0800 if version == 4 else 0x86DD) + packet
    )
    kind, other = (0x0800 if version == 4 else 0x86DD), chance.choice(_PORTS)
    ppp = (
        chance.choice((b"", b"\xff\x03"))
        + chance.choice((b"\0\x21", b"\0\x57", b"\x21", b"\x57", b"\xc0\x21"))
        + packet
    )
    match chance.randrange(13):
        case 0 | 1:
            return (4 if version == 4 else 41), packet
        case 2:
            flags = {name: chance.random() < 0.3 for name in ("checksum", "key", "sequence")}
            return 47, gre(kind, **flags) + packet
        case 3:
            return 47, gre(chance.choice((0x6558, 0x88BE)), sequence=chance.random() < 0.3) + frame
        case 4:
            return 47, gre(chance.choice((0x8847, 0x8848))) + label(3, True) + packet
        case 5:
            flags_word = chance.choice((0x3001, 0x3081, 0x2001, 0x2081, 0x7001))
            return 47, struct.pack(">HHHHI", flags_word, 0x880B, 0, 0, 0) + bytes(4 * bool(flags_word & 0x80)) + ppp
        case 6:
            extensions = chance.choice(
                (b"", b"\0\0\0\0", b"\0\0\0\x85\1\0\0\0", b"\0\0\0\x85\2\0\0\0\0\0\0\x40\1\0\0\0")
            )
            flags_byte = 0x30 if not extensions else 0x32 if len(extensions) == 4 else 0x34
            return 17, udp(*_either(chance, 2152, other), gtp(packet, flags=flags_byte, extensions=extensions))
        case 7:
            return 17, udp(other, 4789, vxlan() + frame)
        case 8:
            body = (
                geneve(0x6558, bytes(4 * chance.randrange(3))) + frame
                if chance.random() < 0.5
                else geneve(kind) + packet
            )
            return 17, udp(other, 6081, body)
        case 9:
            native = chance.random() < 0.5
            inner = _wifi(chance, depth) if native else frame
            if native and chance.random() < 0.3:
                inner = inner[1::-1] + inner[2:]
            head = capwap(native=native, flags=chance.choice((0, 0, 0, 8, 0x80)), radio=chance.random() < 0.3)
            return 17, udp(*_either(chance, 5247, other), head + inner)
        case 10:
            wireless = chance.random() < 0.5
            tags = chance.choice((b"", b"\0\0", b"\x0a\1\0", b"\x0a\0", b"\x29\4abcd\0"))
            head = tzsp(18 if wireless else 1, tags)
            return 17, udp(*_either(chance, 37008, other), head + (_wifi(chance, depth) if wireless else frame))
        case 11:
            word = chance.choice((2, 0x4002, 0x0802, 0x0202, 0x4A02, 0xC802, 3, 0x1002))
            length, numbers, offset = bool(word & 0x4000), bool(word & 0x0800), bool(word & 0x0200)
            head = struct.pack(">H", word) + bytes(2 * length + 4 + 4 * numbers) + b"\0\2\0\0" * offset
            return 17, udp(*_either(chance, 1701, other), head + ppp)
    route = struct.pack(">HBB", 0x0800, 0, 4) + bytes(4)
    return 47, struct.pack(">HHHH", 0x4000, kind, 0, 0) + route * chance.randrange(3) + bytes(4) + packet


def _either(chance: Random, port: int, other: int) -> tuple[int, int]:
    return (port, other) if chance.random() < 0.5 else (other, port)


def _ip(chance: Random, depth: int = 0) -> tuple[int, bytes]:
    """An IP version and a packet of it."""
    inside = depth < 11 and chance.random() < (0.5 if depth == 0 else 0.35 if depth < 3 else 0.9)
    protocol, payload = _tunnel(chance, depth) if inside else _transport(chance)
    if chance.random() < 0.6:
        pick = {"src": chance.choice(_FOUR), "dst": chance.choice(_FOUR)}
        options = bytes(4 * chance.randrange(11)) if chance.random() < 0.1 else b""
        total = chance.choice((0, 10, 20, 24, 60, 2000)) if chance.random() < 0.08 else None
        fragment, more = (
            (chance.choice((0, 8, 16, 1480)), chance.random() < 0.5) if chance.random() < 0.2 else (0, False)
        )
        return 4, ipv4(
            payload,
            protocol,
            number=chance.randrange(3),
            fragment=fragment,
            more=more,
            options=options,
            total=total,
            **pick,
        )
    if chance.random() < 0.2:
        offset = chance.choice((0, 0, 8, 64))
        payload = fragment6(protocol, chance.randrange(3), offset, chance.random() < 0.6) + payload
        protocol = 44
    for _ in range(chance.choice((0, 0, 0, 0, 1, 2, 17))):
        payload = extension(protocol, chance.choice((8, 16, 24))) + payload
        protocol = chance.choice((0, 43, 60, 135, 139, 140))
    length = chance.choice((0, 4, 30, 3000)) if chance.random() < 0.08 else None
    return 6, ipv6(payload, protocol, chance.choice(_SIX), chance.choice(_SIX), length=length)


def _after_type(chance: Random, depth: int) -> tuple[int, bytes]:
    """An ethertype and what follows it."""
    version, packet = _ip(chance, depth)
    kind = 0x0800 if version == 4 else 0x86DD
    match chance.randrange(14):
        case 0:
            inner, rest = _after_type(chance, depth)
            return chance.choice((0x8100, 0x88A8, 0x9100)), tag(chance.choice((1, 2, 0xE003)), inner) + rest
        case 1:
            stack = b"".join(label(16, False) for _ in range(chance.randrange(3))) + label(17, True)
            body = bytes(4) + _ethernet(chance, depth) if depth < 9 and chance.random() < 0.3 else packet
            return chance.choice((0x8847, 0x8848)), stack + body
        case 2:
            protocol = chance.choice((0x21, 0x57, 0xC021, 0x8021, 0x281, 0x3D))
            return 0x8864, struct.pack(
                ">BBHHH", 0x11, chance.choice((0, 0, 0, 9)), 1, 2 + len(packet), protocol
            ) + packet
        case 3:
            return chance.choice(_ETHERTYPES), _some(chance, 60)
    return kind, packet


def _ethernet(chance: Random, depth: int = 0) -> bytes:
    kind, rest = _after_type(chance, depth)
    if chance.random() < 0.05:
        oui = chance.choice((b"\0\0\0", b"\0\0\0", b"\0\0\xf8", b"\0\0\x0c"))
        return (
            ethernet(len(rest) % 1500)
            + chance.choice((snap(kind, oui), b"\x42\x42\3", b"\xe0\xe0\3", b"\xaa\xaa\1"))
            + rest
        )
    source = bytes.fromhex(f"02000000000{chance.randrange(4)}")
    return ethernet(kind, source) + rest


def _wifi(chance: Random, depth: int = 0) -> bytes:
    kind, rest = _after_type(chance, depth)
    flags = chance.randrange(4) | chance.choice((0, 0, 0, 0, 64, 128))
    head = wifi(
        flags, qos=chance.random() < 0.5, kind=chance.choice((2, 2, 2, 2, 0, 1, 3)), subtype=chance.choice((0, 0, 0, 4))
    )
    return head + snap(kind) + rest


def _frame(chance: Random, link: int) -> bytes:
    """A frame of this link type."""
    version, packet = _ip(chance)
    kind, rest = _after_type(chance, 0)
    ppp = chance.choice((b"", b"\xff\x03")) + (b"\0\x21" if version == 4 else b"\0\x57") + packet
    hdlc = struct.pack(">BBH", chance.choice((0x0F, 0x8F)), 0, chance.choice((kind, kind, kind, 0x8035))) + rest
    address = struct.pack(">8s", chance.randbytes(6))
    match link:
        case 0 | 108:
            order = ">" if link == 108 else chance.choice("<>")
            return struct.pack(order + "I", chance.choice((2, 10, 24, 28, 30, 7))) + packet
        case 1:
            return _ethernet(chance)
        case 9 | 50 | 104:
            return ppp if chance.random() < 0.5 else hdlc
        case 51:
            return struct.pack(">BBHH", 0x11, chance.choice((0, 0, 9)), 1, len(packet) + 2) + b"\0\x21" + packet
        case 105:
            return _wifi(chance)
        case 113:
            protocol = chance.choice((kind, kind, kind, 4, 1))
            return struct.pack(">HHH", 0, 1, chance.choice((6, 6, 0, 8))) + address + struct.pack(">H", protocol) + rest
        case 276:
            return struct.pack(">HHIHBB", kind, 0, 1, 1, 0, chance.choice((6, 0))) + address + rest
        case 119:
            head = struct.pack(chance.choice("<>") + "II", 0x44, 144) + bytes(136)
            return (
                head + _wifi(chance)
                if chance.random() < 0.7
                else struct.pack(">II", 0x80211001, 64) + bytes(56) + _wifi(chance)
            )
        case 127:
            flags = chance.choice((None, 0, 0x10, 0x20, 0x30, 0x40))
            tail = b"FCS!" if flags and flags & 0x10 else b""
            return radiotap(flags, tsft=chance.random() < 0.5) + _wifi(chance) + tail
        case 163:
            return struct.pack(">II", 0x80211001, 64) + bytes(56) + _wifi(chance)
        case 192:
            inner = chance.choice((1, 101, 105, 147, 192))
            return struct.pack("<BBHI", 0, 0, 8, inner) + _frame(chance, inner)
    return packet


LINKS = (0, 1, 9, 12, 14, 50, 51, 101, 104, 105, 108, 113, 119, 127, 163, 192, 228, 229, 276)


def frame(chance: Random, link: int) -> bytes:
    """A frame, perhaps with changed, lost or added bytes."""
    data = bytearray(_frame(chance, link))
    if chance.random() < 0.3:
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(min(len(data), 120)) if data else 0
            data[at : at + 1] = bytes((chance.choice((0, 255, chance.randrange(256))),))
    if chance.random() < 0.1:
        data += bytes(chance.randrange(60))
    return bytes(data)


def capture(chance: Random, packets: int) -> bytes:
    """A capture file of random format and link type, with about so many packets."""
    link = 1 if chance.random() < 0.4 else chance.choice((*LINKS, 147))
    time, frames, known = chance.choice((0, 1_600_000_000_000_000, 2**32 * 1_000_000 - 9_000_000_000)), [], []
    for _ in range(packets):
        time = max(
            0,
            time + chance.choice((0, 1, 100, 5000, -300, 1_000_000, 30_000_000, 119_999_999, 120_000_000, 700_000_000)),
        )
        # Frames come again, so that flows have more than one packet.
        data = chance.choice(known) if known and chance.random() < 0.5 else frame(chance, link)
        known.append(data)
        wire = (
            chance.choice((len(data), len(data), len(data) + 30, 5, 0xFFFFFFFF)) if chance.random() < 0.1 else len(data)
        )
        if chance.random() < 0.1:
            data = data[: chance.randrange(len(data) + 1)]
        frames.append((min(time, 2**32 * 1_000_000 - 1), data, wire))
    if chance.random() < 0.6:
        out = _pcap(chance, frames, link)
    else:
        out = _pcapng(chance, frames, link)
    if chance.random() < 0.1:
        out = out[: chance.randrange(24, len(out) + 1)]
    if chance.random() < 0.1 and len(out) > 60:
        broken = bytearray(out)
        broken[chance.randrange(40, len(out))] = chance.randrange(256)
        out = bytes(broken)
    return out


def _pcap(chance: Random, frames: list[tuple[int, bytes, int]], link: int) -> bytes:
    nanoseconds = chance.random() < 0.3
    scaled: list[Frame] = [(time * 1000 + 7 if nanoseconds else time, data, wire) for time, data, wire in frames]
    return pcap(scaled, link, order=chance.choice("<>"), nanoseconds=nanoseconds)


def _pcapng(chance: Random, frames: list[tuple[int, bytes, int]], link: int) -> bytes:
    out = Pcapng(chance.choice("<>")).section()
    scales = []
    for _ in range(chance.randrange(1, 4)):
        resolution, scale = chance.choice(
            ((None, 1.0), (6, 1.0), (9, 1e3), (3, 1e-3), (0x80 | 20, 2**20 / 1e6), (0x80 | 3, 8e-6), (0, 1e-6))
        )
        out.interface(
            link, chance.choice((0, 65535, 90)), resolution=resolution, offset=chance.choice((None, None, 100, -3))
        )
        scales.append(scale)
    for time, data, wire in frames:
        number, kind = chance.randrange(len(scales)), chance.randrange(10)
        units = chance.getrandbits(64) if chance.random() < 0.01 else int(time * scales[number])
        if kind == 0:
            out.simple_packet(data, wire)
        elif kind == 1:
            out.old_packet(units, data, number)
        else:
            out.packet(units, data, number if chance.random() < 0.995 else 9, wire)
        if chance.random() < 0.1:
            out.block(chance.choice((4, 5, 0x0BAD, 0x40000000)), bytes(4 * chance.randrange(5)))
    return out.data
