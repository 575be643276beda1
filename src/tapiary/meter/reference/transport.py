"""Transport headers: ports, TCP flags and sequence numbers, payload lengths."""

from __future__ import annotations

from dataclasses import dataclass

from tapiary.meter.reference.ip import IpPacket

_ICMP, _TCP, _UDP, _DCCP, _ICMPV6, _SCTP, _UDP_LITE = 1, 6, 17, 33, 58, 132, 136
_LEAST_HEADER = {_TCP: 20, _UDP: 8, _DCCP: 12, _SCTP: 12, _UDP_LITE: 8}
PROTOCOLS_WITH_PORTS = frozenset(_LEAST_HEADER)


@dataclass(frozen=True, slots=True)
class Transport:
    """Ports (source, destination), payload bytes as claimed, TCP flags and sequence number where there are any.

    `ports_read`: False when the ports were not captured and are 0 for that.
    """

    ports: tuple[int, int] = (0, 0)
    payload: int = 0
    tcp_flags: int = 0
    sequence: int | None = None
    anomalies: frozenset[str] = frozenset()
    ports_read: bool = True


def transport(packet: IpPacket) -> Transport:
    """Read the transport header of a whole packet or first fragment."""
    claimed, protocol = packet.claimed, packet.protocol
    if protocol in (_ICMP, _ICMPV6):
        return Transport(payload=max(0, claimed - 8))
    if protocol not in PROTOCOLS_WITH_PORTS:
        return Transport(payload=claimed)
    view = packet.payload
    if len(view.data) < 4:
        return Transport(payload=_payload(packet), anomalies=frozenset({"truncated_header"}), ports_read=False)
    ports = (view.u16(0), view.u16(2))
    if protocol == _TCP:
        return _tcp(packet, ports)
    bad = protocol == _UDP and len(view.data) >= 6 and view.u16(4) < 8
    return Transport(ports, _payload(packet), anomalies=frozenset({"bad_udp_length"} if bad else ()))


def _payload(packet: IpPacket) -> int:
    """Claimed payload bytes behind the header, of whose length the least possible is taken when it was not captured."""
    view, header = packet.payload, _LEAST_HEADER[packet.protocol]
    if packet.protocol == _DCCP and len(view.data) >= 5:  # RFC 4340, 5.1: data offset in words
        header = view.data[4] * 4
    return max(0, packet.claimed - header)


def _tcp(packet: IpPacket, ports: tuple[int, int]) -> Transport:
    """RFC 9293, 3.1."""
    view = packet.payload
    if len(view.data) < 14:
        return Transport(ports, _payload(packet), anomalies=frozenset({"truncated_header"}))
    offset = (view.u8(12) >> 4) * 4
    bad = offset < 20 or offset > packet.claimed
    return Transport(
        ports,
        max(0, packet.claimed - offset),
        view.u8(13),
        view.u32(4),
        frozenset({"bad_tcp_offset"} if bad else ()),
    )
