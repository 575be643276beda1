"""The link types that are read, by their numbers in capture files."""

from __future__ import annotations

from tapiary.meter.reference import links, wifi
from tapiary.meter.reference.links import Around, Decoder
from tapiary.meter.reference.view import NotFlow, View

_DECODERS: dict[int, Decoder] = {
    0: links.null,
    1: links.ethernet,
    9: links.ppp_or_hdlc,
    12: links.ip,
    14: links.ip,
    50: links.ppp_or_hdlc,
    51: links.pppoe,
    101: links.ip,
    104: links.hdlc_or_ppp,
    105: wifi.wifi,
    108: links.loop,
    113: links.linux_cooked,
    119: wifi.prism,
    127: wifi.radiotap,
    163: wifi.avs,
    228: links.ip,
    229: links.ip,
    276: links.linux_cooked2,
}


def network(link_type: int, view: View) -> tuple[View, Around]:
    """The IP packet in a frame of this link type and what is around it; raises `NotFlow`."""
    if not view.data:
        raise NotFlow("zero_length_frame")
    if link_type == wifi.PPI:
        return wifi.ppi(view, Around(), _DECODERS)
    if link_type not in _DECODERS:
        raise NotFlow("unknown_link_type")
    return _DECODERS[link_type](view, Around())
