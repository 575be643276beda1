"""Finds the addresses of a packet and the checksums that depend on them, tunnels included.

Each copy of a capture gets addresses of its own by xor-ing one 16-bit word of every address; a checksum follows by
RFC 1624 from that word's change alone, so that neither payloads nor whole packets are looked at again.
"""

from __future__ import annotations

from typing import NamedTuple

_VLAN_TYPES = {0x8100, 0x88A8, 0x9100, 0x9200}
_GTP, _VXLAN, _CAPWAP = 2152, 4789, 5247


class Places(NamedTuple):
    """Offsets into a packet: words to change, and (checksum, word, how often the word's change counts in it)."""

    words: list[int]
    sums: list[tuple[int, int, int]]


def places(data: bytes) -> Places:
    """What has to change in an Ethernet frame; nothing where it is not IP or is cut off within its headers."""
    found = Places([], [])
    _ethernet(data, 0, None, found)
    return found


def _u16(data: bytes, at: int) -> int:
    return int.from_bytes(data[at:at + 2], "big")


def _ethernet(data: bytes, at: int, outer: int | None, found: Places) -> None:
    at += 12
    kind = _u16(data, at)
    while kind in _VLAN_TYPES:
        at += 4
        kind = _u16(data, at)
    _by_type(data, at + 2, kind, outer, found)


def _by_type(data: bytes, at: int, kind: int, outer: int | None, found: Places) -> None:
    if kind in (0x8847, 0x8848):
        while at + 4 <= len(data) and not data[at + 2] & 1:
            at += 4
        at += 4
        _ip(data, at, outer, found)
    elif kind == 0x8864 and _u16(data, at + 6) in (0x21, 0x57):
        _ip(data, at + 8, outer, found)
    elif kind in (0x0800, 0x86DD):
        _ip(data, at, outer, found)


def _ip(data: bytes, at: int, outer: int | None, found: Places) -> None:
    """One IP packet at an offset; `outer` is the checksum of the nearest datagram around it, if that covers it."""
    if at >= len(data):
        return
    version = data[at] >> 4
    if version == 4 and at + 20 <= len(data):
        header = (data[at] & 15) * 4
        words = [at + 14 + side for side in (0, 4) if _movable4(data[at + 12 + side:at + 16 + side])]
        own = [at + 10]
        protocol, behind = data[at + 9], at + header
        first = _u16(data, at + 6) & 0x1FFF == 0
    elif version == 6 and at + 40 <= len(data):
        words = [at + 8 + side + word for side in (0, 16)
                 if (word := _movable6(data[at + 8 + side:at + 24 + side])) is not None]
        own = []
        protocol, behind, first = _extensions(data, at)
    else:
        return
    found.words.extend(words)
    transport = _transport_sum(data, behind, protocol, version) if first else None
    if transport is not None:
        own.append(transport)
    found.sums.extend((check, word, 1) for check in own for word in words)
    # What is around sees the word change, and every checksum of this packet change by the opposite.
    if outer is not None and len(own) != 1:
        found.sums.extend((outer, word, 1 - len(own)) for word in words)
    if first:
        _inside(data, behind, protocol, outer if transport is None else transport, found)


def _extensions(data: bytes, at: int) -> tuple[int, int, bool]:
    """(protocol, its offset, whether this is no later fragment) behind IPv6 extension headers."""
    protocol, behind, first = data[at + 6], at + 40, True
    while protocol in (0, 43, 44, 51, 60) and behind + 8 <= len(data):
        if protocol == 44:
            first = first and _u16(data, behind + 2) >> 3 == 0
        size = 8 if protocol == 44 else (data[behind + 1] + 2) * 4 if protocol == 51 else (data[behind + 1] + 1) * 8
        protocol, behind = data[behind], behind + size
    return protocol, behind, first


def _transport_sum(data: bytes, at: int, protocol: int, version: int) -> int | None:
    """Where the checksum over the pseudo-header stands, None where there is none."""
    offset = {6: 16, 17: 6, 58: 2 if version == 6 else -1}.get(protocol, -1)
    if offset < 0 or at + offset + 2 > len(data) or (protocol == 17 and _u16(data, at + offset) == 0):
        return None
    return at + offset


def _inside(data: bytes, at: int, protocol: int, outer: int | None, found: Places) -> None:
    if protocol in (4, 41):
        _ip(data, at, outer, found)
    elif protocol == 47 and at + 4 <= len(data) and data[at + 1] & 7 == 0:
        flags, kind = data[at], _u16(data, at + 2)
        behind = at + 4 + 4 * (bool(flags & 0x80) + bool(flags & 0x20) + bool(flags & 0x10))
        if kind == 0x6558:
            _ethernet(data, behind, outer, found)
        else:
            _by_type(data, behind, kind, outer, found)
    elif protocol == 17 and at + 16 <= len(data):
        ports = {_u16(data, at), _u16(data, at + 2)}
        payload = at + 8
        if _GTP in ports and data[payload] >> 5 == 1 and data[payload + 1] == 0xFF:
            behind = payload + 8 + (4 if data[payload] & 7 else 0)
            more = data[behind - 1] if data[payload] & 4 and behind <= len(data) else 0
            while more and behind < len(data) and data[behind]:
                behind += data[behind] * 4
                more = data[behind - 1] if behind <= len(data) else 0
            _ip(data, behind, outer, found)
        elif _VXLAN in ports and data[payload] == 8:
            _ethernet(data, payload + 8, outer, found)


def _movable4(address: bytes) -> bool:
    """False for addresses whose meaning would be lost: this host, loopback, multicast, broadcast."""
    return address[0] not in (0, 127) and address[0] < 224


def _movable6(address: bytes) -> int | None:
    """Offset of the word to change: within the site's prefix, or a link-local address's interface part."""
    if address[0] == 0xFF or address[:12] == bytes(12):
        return None
    return 10 if address[0] == 0xFE else 4
