"""From a captured frame to the innermost packet that belongs to a flow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tapiary.meter.reference.ip import IpPacket, ip_packet
from tapiary.meter.reference.link_types import network
from tapiary.meter.reference.links import MAX_DEPTH, Around
from tapiary.meter.reference.tunnels import inside
from tapiary.meter.reference.view import NotFlow, View


@dataclass(frozen=True, slots=True)
class Decoded:
    """The packet that a flow is made of, what is around it, and the tunnels that it came through."""

    packet: IpPacket
    around: Around
    tunnels: tuple[str, ...]


def decode(link_type: int, data: bytes, wire: int, tunnels: Sequence[str]) -> Decoded:
    """Decode a frame as deep as it goes, into tunnels of these kinds only; raises `NotFlow`."""
    view, around = network(link_type, View(data, wire))
    return _decode(view, around, (), tunnels)


def _decode(view: View, around: Around, path: tuple[str, ...], tunnels: Sequence[str]) -> Decoded:
    packet = ip_packet(view)
    for found in inside(packet, tunnels):
        if len(path) == MAX_DEPTH:
            raise NotFlow("too_many_tunnels", anomalies=packet.anomalies)
        try:
            inner = _decode(*found.decode(found.view, around), (*path, found.tunnel), tunnels)
        except NotFlow as outcome:
            if outcome.reason == "too_many_tunnels":
                outcome.anomalies |= packet.anomalies
                raise
            continue
        anomalies = packet.anomalies | inner.packet.anomalies
        return replace(inner, packet=replace(inner.packet, anomalies=anomalies))
    return Decoded(packet, around, path)
