"""IEEE 802.11 frames and the capture headers before them (radiotap, Prism, AVS, PPI)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tapiary.meter.reference import links
from tapiary.meter.reference.links import Around
from tapiary.meter.reference.view import NotFlow, View

PPI = 192

_MANAGEMENT, _CONTROL, _DATA = 0, 1, 2
_TO_DS, _FROM_DS, _PROTECTED, _ORDER = 0x01, 0x02, 0x40, 0x80
_QOS, _NO_DATA = 0x8, 0x4
_RADIOTAP_FCS, _RADIOTAP_DATA_PAD, _RADIOTAP_BAD_FCS = 0x10, 0x20, 0x40


def wifi(view: View, around: Around, padded: bool = False) -> tuple[View, Around]:
    """An 802.11 frame from its frame control field on (IEEE 802.11-2020, 9.2.4.1).

    `padded`: the header is padded to a multiple of 4 bytes, as some drivers do (radiotap's flag DATAPAD).
    """
    view.need(2)
    control, flags = view.u8(0), view.u8(1)
    kind, subtype = control >> 2 & 3, control >> 4
    if control & 3:
        raise NotFlow("non_ip", "other")
    if kind == _MANAGEMENT:
        raise NotFlow("non_ip", "wifi_management")
    if kind == _CONTROL:
        raise NotFlow("non_ip", "wifi_control")
    if kind != _DATA:
        raise NotFlow("non_ip", "other")
    if subtype & _NO_DATA:
        raise NotFlow("non_ip", "wifi_no_data")
    if flags & _PROTECTED:
        raise NotFlow("non_ip", "wifi_encrypted")
    length = 24
    if flags & _TO_DS and flags & _FROM_DS:
        length += 6
    if subtype & _QOS:
        length += 2
        if flags & _ORDER:
            length += 4
    if padded:
        length = (length + 3) // 4 * 4
    view.need(length)
    one, two, three, four = (int.from_bytes(view.data[at : at + 6], "big") for at in (4, 10, 16, 24))
    if flags & _TO_DS:
        destination, source = three, four if flags & _FROM_DS else two
    else:
        destination, source = one, three if flags & _FROM_DS else two
    return links.llc(view.skip(length), replace(around, source_mac=source, destination_mac=destination))


def swapped_wifi(view: View, around: Around) -> tuple[View, Around]:
    """802.11 in CAPWAP: some Cisco devices swap the two bytes of the frame control field."""
    view.need(2)
    if view.data[0] & 3 and not view.data[1] & 3:
        view = View(view.data[1::-1] + view.data[2:], view.wire)
    return wifi(view, around)


def radiotap(view: View, around: Around) -> tuple[View, Around]:
    """radiotap.org: version, pad, length, presence words, fields; then 802.11."""
    view.need(8)
    if view.data[0] != 0:
        raise NotFlow("non_ip", "other")
    length = view.u16le(2)
    view.need(length)
    flags = _radiotap_flags(View(view.data[:length], length)) if length >= 8 else 0
    frame = view.skip(length)
    if flags & _RADIOTAP_BAD_FCS:
        raise NotFlow("non_ip", "other")
    if flags & _RADIOTAP_FCS:
        frame = frame.limit(frame.wire - 4)
    return wifi(frame, around, bool(flags & _RADIOTAP_DATA_PAD))


def _radiotap_flags(header: View) -> int:
    """The Flags field (bit 1), which only the TSFT field (bit 0, 8 bytes, aligned to 8) can precede."""
    present, at = header.u32le(4), 8
    word = present
    while word & 0x80000000:
        if at + 4 > len(header.data):
            return 0
        word, at = header.u32le(at), at + 4
    if not present & 2:
        return 0
    if present & 1:
        at = (at + 7) // 8 * 8 + 8
    return header.data[at] if at < len(header.data) else 0


def prism(view: View, around: Around) -> tuple[View, Around]:
    """Prism header: message code and length in host order; an AVS header may come under this link type, too."""
    view.need(8)
    if view.u32(0) & 0xFFFFF000 == 0x80211000:
        return avs(view, around)
    length = view.u32le(4) if view.u32le(0) in (0x41, 0x44) else view.u32(4)
    return wifi(view.skip(length), around)


def avs(view: View, around: Around) -> tuple[View, Around]:
    """AVS header: version and length in network order."""
    view.need(8)
    return wifi(view.skip(view.u32(4)), around)


def ppi(view: View, around: Around, decoders: Mapping[int, links.Decoder]) -> tuple[View, Around]:
    """Per-Packet Information: version, flags, length, link type of what follows, all little-endian."""
    view.need(8)
    link_type = view.u32le(4)
    if link_type == PPI:  # would nest without end
        raise NotFlow("unknown_link_type")
    inner = view.skip(view.u16le(2))
    if link_type not in decoders:
        raise NotFlow("unknown_link_type")
    return decoders[link_type](inner, around)
