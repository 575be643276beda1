"""Tunnels: the packets that an IP packet may carry inside.

Each function gives candidates only; whether there is a packet inside is known when it can be decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from tapiary.meter.reference import links, wifi
from tapiary.meter.reference.ip import IpPacket
from tapiary.meter.reference.view import NotFlow, View

_IP_IN_IP = {(4, 4): "IPIP", (6, 4): "4in6", (4, 41): "6in4", (6, 41): "6in6"}
_GRE, _UDP = 47, 17
_GTP_U, _TZSP, _CAPWAP_DATA, _VXLAN, _GENEVE, _L2TP = 2152, 37008, 5247, 4789, 6081, 1701


@dataclass(frozen=True, slots=True)
class Inside:
    """A packet that may lie inside: the tunnel's name, what decodes the layer inside, and its bytes."""

    tunnel: str
    decode: links.Decoder
    view: View


def inside(packet: IpPacket, kinds: Sequence[str]) -> Iterator[Inside]:
    """The candidates in the order in which they are tried; `kinds` names the tunnels of interest, as the setting."""
    if not packet.whole or (packet.fragment and packet.fragment.offset):
        return
    view = packet.payload
    if (name := _IP_IN_IP.get((packet.version, packet.protocol))) and "ipip" in kinds:
        yield Inside(name, links.ip, view)
    elif packet.protocol == _GRE and "gre" in kinds:
        yield from _try("GRE", _gre, view)
    elif packet.protocol == _UDP and len(view.data) >= 8:
        destination, ports, payload = view.u16(2), (view.u16(0), view.u16(2)), view.skip(8)
        if _GTP_U in ports and "gtp-u" in kinds:
            yield from _try("GTP-U", _gtp, payload)
        if _TZSP in ports and "tzsp" in kinds:
            yield from _try("TZSP", _tzsp, payload)
        if _CAPWAP_DATA in ports and "capwap" in kinds:
            yield from _try("CAPWAP", _capwap, payload)
        if destination == _VXLAN and "vxlan" in kinds:
            yield from _try("VXLAN", _vxlan, payload)
        if destination == _GENEVE and "geneve" in kinds:
            yield from _try("GENEVE", _geneve, payload)
        if _L2TP in ports and "l2tp" in kinds:
            yield from _try("L2TP", _l2tp, payload)


_Found = tuple[links.Decoder, View] | None


def _try(name: str, read: Callable[[View], _Found], view: View) -> Iterator[Inside]:
    try:
        found = read(view)
    except NotFlow:  # the tunnel's own header is cut
        return
    if found:
        yield Inside(name, *found)


def _gre(view: View) -> _Found:
    """RFC 2784 and 2890, with the source routes of RFC 1701; version 1 is PPTP's (RFC 2637)."""
    flags, protocol = view.u16(0), view.u16(2)
    checksum, routing, key, sequence, acknowledged = (
        bool(flags & bit) for bit in (0x8000, 0x4000, 0x2000, 0x1000, 0x80)
    )
    version = flags & 7
    if version == 1:
        if protocol != 0x880B or not key or not sequence:
            return None
        return links.ppp, view.skip(12 + 4 * acknowledged)
    if version != 0:
        return None
    view = view.skip(4 + 4 * (checksum or routing) + 4 * key + 4 * sequence)
    while routing:
        family, length = view.u16(0), view.u8(3)
        view = view.skip(4 + length)
        routing = bool(family or length)
    if protocol in (0x0800, 0x86DD):
        return links.ip, view
    if protocol == 0x6558:
        return links.ethernet, view
    if protocol == 0x88BE:  # ERSPAN: type I has no header of its own and no sequence number
        return links.ethernet, view.skip(8) if sequence else view
    if protocol in (0x8847, 0x8848):
        return links.mpls, view
    return None


def _gtp(view: View) -> _Found:
    """3GPP TS 29.281, 5.1: version 1, G-PDU."""
    flags, kind = view.u8(0), view.u8(1)
    if flags >> 5 != 1 or kind != 255:
        return None
    size = 12 if flags & 7 else 8
    extension = view.u8(11) if flags & 4 else 0
    view = view.skip(size)
    while extension:
        size = view.u8(0) * 4
        if not size:
            return None
        extension, view = view.u8(size - 1), view.skip(size)
    return links.ip, view


def _tzsp(view: View) -> _Found:
    """TaZmen Sniffer Protocol: version 1, received or sent packet, encapsulation, tags up to the end tag."""
    if view.u8(0) != 1 or view.u8(1) not in (0, 1):
        return None
    encapsulation, view = view.u16(2), view.skip(4)
    while (tag := view.u8(0)) != 1:
        view = view.skip(1 if tag == 0 else 2 + view.u8(1))
    view = view.skip(1)
    if encapsulation == 1:
        return links.ethernet, view
    return (wifi.wifi, view) if encapsulation == 18 else None


def _capwap(view: View) -> _Found:
    """RFC 5415, 4.3: a data packet's header; 802.11 inside with the T bit, else 802.3."""
    word, fragment = view.u32(0), view.u32(4)
    size, native, is_fragment, keep_alive = (word >> 19 & 31) * 4, word & 0x100, word & 0x80, word & 8
    if word >> 24 or size < 8 or keep_alive or (is_fragment and fragment & 0xFFF8):
        return None
    return (wifi.swapped_wifi if native else links.ethernet), view.skip(size)


def _vxlan(view: View) -> _Found:
    """RFC 7348, 5: the I flag, the network identifier, then Ethernet."""
    return (links.ethernet, view.skip(8)) if view.u8(0) & 8 else None


def _geneve(view: View) -> _Found:
    """RFC 8926, 3.4: version 0, options, protocol type."""
    if view.u8(0) >> 6:
        return None
    protocol, rest = view.u16(2), view.skip(8 + (view.u8(0) & 63) * 4)
    if protocol == 0x6558:
        return links.ethernet, rest
    return (partial(links.ethertype, protocol), rest) if protocol in (0x0800, 0x86DD) else None


def _l2tp(view: View) -> _Found:
    """RFC 2661, 3.1: a data message of version 2 with its reserved bits zero, then PPP."""
    flags = view.u16(0)
    if flags & 0x8000 or flags & 15 != 2 or flags & 0x34F0:
        return None
    view = view.skip(2 + 2 * bool(flags & 0x4000) + 4 + 4 * bool(flags & 0x0800))
    if flags & 0x0200:
        view = view.skip(2 + view.u16(0))
    return links.ppp, view
