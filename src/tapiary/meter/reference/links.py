"""Link layers: from a captured frame to the IP packet inside, or to the reason why there is none.

Link types as in draft-ietf-opsawg-pcaplinktype; ethertypes from IANA's registry "IEEE 802 Numbers".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tapiary.meter.reference.view import NotFlow, View


@dataclass(frozen=True, slots=True)
class Around:
    """What the headers around an IP packet said: the innermost VLAN identifier and link-layer addresses.

    `pseudowires`: how many Ethernet frames in MPLS were entered; their nesting has a limit as tunnels have.
    """

    vlan: int = 0
    source_mac: int | None = None
    destination_mac: int | None = None
    pseudowires: int = 0


#: More packets within packets than this are an attack or noise; nDPI and tshark stop at similar depths.
MAX_DEPTH = 8

#: A decoder gives the IP packet's bytes and what is around them, or raises `NotFlow`.
Decoder = Callable[[View, Around], tuple[View, Around]]

_KINDS = {
    0x0806: "arp", 0x8035: "rarp", 0x88CC: "lldp", 0x888E: "eapol", 0x8863: "pppoe_discovery", 0x8137: "ipx",
    0x2000: "cdp", 0x9000: "loopback", 0x88E5: "macsec",
}  # fmt: skip


def ip(view: View, around: Around) -> tuple[View, Around]:
    """Raw IP: nothing around it."""
    return view, around


def ethertype(kind: int, view: View, around: Around) -> tuple[View, Around]:
    """What follows an ethertype: IP, or tags and labels before it."""
    while kind in (0x8100, 0x88A8, 0x9100):
        view.need(4)
        around, kind, view = replace(around, vlan=view.u16(0) & 0xFFF), view.u16(2), view.skip(4)
    if kind in (0x0800, 0x86DD):
        return view, around
    if kind in (0x8847, 0x8848):
        return mpls(view, around)
    if kind == 0x8864:
        return pppoe(view, around)
    raise NotFlow("non_ip", _KINDS.get(kind, "other"))


def ethernet(view: View, around: Around) -> tuple[View, Around]:
    """Ethernet II and IEEE 802.3 with LLC."""
    view.need(14)
    around = replace(around, source_mac=_mac(view.data[6:12]), destination_mac=_mac(view.data[0:6]))
    kind, rest = view.u16(12), view.skip(14)
    if kind >= 1536:
        return ethertype(kind, rest, around)
    if kind <= 1500:
        return llc(rest, around)
    raise NotFlow("non_ip", "other")


def llc(view: View, around: Around) -> tuple[View, Around]:
    """IEEE 802.2 LLC, with SNAP (RFC 1042)."""
    view.need(3)
    points = (view.data[0], view.data[1])
    if points == (0x42, 0x42):
        raise NotFlow("non_ip", "stp")
    if points in ((0xE0, 0xE0), (0xFF, 0xFF)):
        raise NotFlow("non_ip", "ipx")
    if points != (0xAA, 0xAA) or view.data[2] != 3:
        raise NotFlow("non_ip", "llc")
    view.need(8)
    organisation, kind = view.data[3:6], view.u16(6)
    if organisation in (b"\0\0\0", b"\0\0\xf8"):
        return ethertype(kind, view.skip(8), around)
    raise NotFlow("non_ip", "cdp" if organisation == b"\0\0\x0c" and kind == 0x2000 else "llc")


def mpls(view: View, around: Around) -> tuple[View, Around]:
    """RFC 3032 label stack; a first nibble of 0 is a pseudowire's control word before Ethernet (RFC 4385, 4448)."""
    bottom = False
    while not bottom:
        bottom = bool(view.u32(0) & 0x100)
        view = view.skip(4)
    version = view.u8(0) >> 4
    if version in (4, 6):
        return view, around
    if version == 0:
        if around.pseudowires == MAX_DEPTH:
            raise NotFlow("too_many_tunnels")
        return ethernet(view.skip(4), replace(around, pseudowires=around.pseudowires + 1))
    raise NotFlow("non_ip", "other")


def pppoe(view: View, around: Around) -> tuple[View, Around]:
    """RFC 2516: version and type, code, session, length, then PPP without its framing."""
    view.need(6)
    if view.u8(1) != 0:
        raise NotFlow("non_ip", "pppoe_discovery")
    return _ppp_protocol(view.skip(6), around)


def ppp(view: View, around: Around) -> tuple[View, Around]:
    """PPP with or without its framing bytes (RFC 1661, RFC 1662)."""
    view.need(2)
    if view.data[:2] == b"\xff\x03":
        view = view.skip(2)
    return _ppp_protocol(view, around)


def _ppp_protocol(view: View, around: Around) -> tuple[View, Around]:
    # RFC 1661, 6.5: an odd first byte is a protocol number compressed to one byte.
    if view.u8(0) & 1:
        protocol, view = view.u8(0), view.skip(1)
    else:
        protocol, view = view.u16(0), view.skip(2)
    if protocol in (0x0021, 0x0057):
        return view, around
    if protocol in (0x0281, 0x0283):
        return mpls(view, around)
    raise NotFlow("non_ip", "ppp_control" if protocol >= 0x8000 else "other")


def ppp_or_hdlc(view: View, around: Around) -> tuple[View, Around]:
    """PPP links, whose frames may also be Cisco's HDLC (first byte 0f or 8f)."""
    return cisco_hdlc(view, around) if view.u8(0) in (0x0F, 0x8F) else ppp(view, around)


def hdlc_or_ppp(view: View, around: Around) -> tuple[View, Around]:
    """Cisco HDLC links, whose frames may also be PPP (RFC 1547, 4.3.1)."""
    view.need(2)
    return ppp(view, around) if view.data[:2] == b"\xff\x03" else cisco_hdlc(view, around)


def cisco_hdlc(view: View, around: Around) -> tuple[View, Around]:
    """Address, control, ethertype; 8035 is SLARP here, not RARP."""
    view.need(4)
    kind = view.u16(2)
    if kind == 0x8035:
        raise NotFlow("non_ip", "slarp")
    return ethertype(kind, view.skip(4), around)


def null(view: View, around: Around) -> tuple[View, Around]:
    """BSD loopback: the address family in the byte order of the capturing host."""
    return _family(view, around, {view.u32(0), view.u32le(0)})


def loop(view: View, around: Around) -> tuple[View, Around]:
    """OpenBSD loopback: the address family in network order."""
    return _family(view, around, {view.u32(0)})


def _family(view: View, around: Around, families: set[int]) -> tuple[View, Around]:
    if families & {2, 10, 24, 28, 30}:
        return view.skip(4), around
    raise NotFlow("non_ip", "other")


def linux_cooked(view: View, around: Around) -> tuple[View, Around]:
    """LINUX_SLL: packet type, ARPHRD, address length, address (8), protocol."""
    view.need(16)
    return _cooked(view.u16(4), view.data[6:12], view.u16(14), view.skip(16), around)


def linux_cooked2(view: View, around: Around) -> tuple[View, Around]:
    """LINUX_SLL2: protocol, reserved (2), interface (4), ARPHRD (2), packet type, address length, address (8)."""
    view.need(20)
    return _cooked(view.u8(11), view.data[12:18], view.u16(0), view.skip(20), around)


def _cooked(length: int, address: bytes, kind: int, rest: View, around: Around) -> tuple[View, Around]:
    if length == 6:
        around = replace(around, source_mac=_mac(address))
    return llc(rest, around) if kind == 4 else ethertype(kind, rest, around)


def _mac(data: bytes) -> int:
    return int.from_bytes(data, "big")
