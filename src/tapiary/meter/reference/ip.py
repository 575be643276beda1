"""IP headers: version 4 (RFC 791) and version 6 with its extension headers (RFC 8200)."""

from __future__ import annotations

from dataclasses import dataclass

from tapiary.meter.reference.view import NotFlow, View

#: A chain of more extension headers than this is an attack or noise.
MAX_EXTENSION_HEADERS = 16

_HOP_BY_HOP, _ROUTING, _FRAGMENT, _DESTINATION, _MOBILITY, _HOST_IDENTITY, _SHIM6 = 0, 43, 44, 60, 135, 139, 140
_EXTENSION_HEADERS = {_HOP_BY_HOP, _ROUTING, _FRAGMENT, _DESTINATION, _MOBILITY, _HOST_IDENTITY, _SHIM6}
_IPV4_MAPPED = b"\0" * 10 + b"\xff\xff"


@dataclass(frozen=True, slots=True)
class Fragment:
    """Where a fragment lies: `number` and `protocol` identify the packet that it is a part of, `offset` in bytes."""

    number: int
    protocol: int
    offset: int


@dataclass(frozen=True, slots=True)
class IpPacket:
    """An IP packet without its headers.

    `length`: the whole packet's bytes by its header. `claimed`: the payload's bytes by the header, `payload` what of
    them was captured and was on the wire. `whole`: the header of the transport protocol could be reached.
    """

    version: int
    source: bytes
    destination: bytes
    length: int
    protocol: int
    claimed: int
    payload: View
    fragment: Fragment | None
    whole: bool
    anomalies: frozenset[str]


def ip_packet(view: View) -> IpPacket:
    """Read the IP header; raises `NotFlow`. The version comes from its first four bits, whatever the link said."""
    version = view.u8(0) >> 4
    if version == 4:
        return _ipv4(view)
    if version == 6:
        return _ipv6(view)
    raise NotFlow("unknown_ip_version")


def _ipv4(view: View) -> IpPacket:
    view.need(20)
    header = (view.u8(0) & 15) * 4
    if header < 20:
        raise NotFlow("bad_ip_length")
    view.need(header)
    # Segmentation offload leaves 0 in packets captured before the network card filled it in.
    length = view.u16(2) or view.wire
    if length < header:
        raise NotFlow("bad_ip_length")
    anomalies = {"bad_ip_length"} if length > view.wire else set()
    word = view.u16(6)
    offset, more, protocol = (word & 0x1FFF) * 8, bool(word & 0x2000), view.u8(9)
    fragment = Fragment(view.u16(4), protocol, offset) if offset or more else None
    return IpPacket(
        4, _IPV4_MAPPED + view.data[12:16], _IPV4_MAPPED + view.data[16:20], length, protocol, length - header,
        view.skip(header).limit(length - header), fragment, True, frozenset(anomalies),
    )  # fmt: skip


def _ipv6(view: View) -> IpPacket:
    view.need(40)
    # 0: a jumbogram (RFC 2675) or segmentation offload.
    claimed = view.u16(4) or view.wire - 40
    length = claimed + 40
    anomalies = {"bad_ip_length"} if length > view.wire else set()
    protocol, rest = view.u8(6), view.skip(40).limit(claimed)
    fragment, whole, headers = None, True, 0
    while protocol in _EXTENSION_HEADERS:
        if headers == MAX_EXTENSION_HEADERS:
            anomalies.add("ipv6_extension_loop")
            whole = False
            break
        size = 8 if protocol == _FRAGMENT or len(rest.data) < 2 else (rest.data[1] + 1) * 8
        if len(rest.data) < size:
            anomalies.add("truncated_header")
            whole = False
            break
        following = rest.data[0]
        if protocol == _FRAGMENT:
            word = rest.u16(2)
            if word & 0xFFF9:
                fragment = Fragment(rest.u32(4), following, word & 0xFFF8)
        protocol, rest, claimed, headers = following, rest.skip(size), claimed - size, headers + 1
        if fragment and fragment.offset:
            break
    return IpPacket(
        6, view.data[8:24], view.data[24:40], length, protocol, claimed, rest, fragment, whole, frozenset(anomalies)
    )
