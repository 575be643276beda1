"""One bidirectional flow and its counters."""

from __future__ import annotations

from dataclasses import dataclass, field

from tapiary.meter.reference.statistics import Summary

#: Sizes and times in 32-bit columns saturate here.
INT32_MAX = 2**31 - 1
#: The flag columns' bits of the TCP header (RFC 9293, 3.1).
FLAGS = {"syn": 2, "cwr": 128, "ece": 64, "urg": 32, "ack": 16, "psh": 8, "rst": 4, "fin": 1}

_SYN, _ACK, _RST, _FIN = 2, 16, 4, 1

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Packet:
    """All that a flow wants to know of one packet. Times in µs, on the monotonic clock."""

    frame: int
    time: int
    version: int
    protocol: int
    vlan: int
    tunnel: str | None
    source: tuple[bytes, int]
    destination: tuple[bytes, int]
    source_mac: int | None
    destination_mac: int | None
    ip_bytes: int
    wire_bytes: int
    payload: int
    tcp_flags: int
    sequence: int | None

    @property
    def key(self) -> tuple[object, ...]:
        """What the packets of one flow have in common, in either direction."""
        return (self.version, self.protocol, self.vlan, *sorted((self.source, self.destination)))

    @property
    def opens(self) -> bool:
        """SYN without ACK: the client's first segment."""
        return bool(self.tcp_flags & _SYN) and not self.tcp_flags & _ACK


@dataclass
class Direction:
    """Counters of one direction."""

    first: int = 0
    last: int = 0
    packets: int = 0
    bytes: int = 0
    wire_bytes: int = 0
    payload: int = 0
    tcp_flags: int = 0
    retransmissions: int = 0
    next_sequence: int | None = None
    flags: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FLAGS, 0))
    sizes: Summary = field(default_factory=Summary)
    gaps: Summary = field(default_factory=Summary)

    def add(self, packet: Packet) -> None:
        """Count one packet."""
        if self.packets:
            self.gaps.add(packet.time - self.last)
        else:
            self.first = packet.time
        self.last = packet.time
        self.packets += 1
        self.bytes += packet.ip_bytes
        self.wire_bytes += packet.wire_bytes
        self.payload += packet.payload
        self.tcp_flags |= packet.tcp_flags
        self.sizes.add(packet.wire_bytes)
        for name, bit in FLAGS.items():
            self.flags[name] += bool(packet.tcp_flags & bit)
        if packet.sequence is not None and packet.payload:
            self._follow(packet.sequence, packet.payload)

    def _follow(self, sequence: int, payload: int) -> None:
        """Tell new payload from payload that was sent before, by serial number arithmetic (RFC 1982)."""
        end = (sequence + payload) % 2**32
        if self.next_sequence is None:
            self.next_sequence = end
            return
        ahead = (end - self.next_sequence) % 2**32
        if 0 < ahead < 2**31:
            self.next_sequence = end
        elif not (payload == 1 and ahead == 0):  # RFC 9293, 3.8.4: a keep-alive sends the last byte again
            self.retransmissions += 1

    def columns(self, side: str) -> Row:
        """The direction's values under their column names."""
        return {
            f"{side}_duration_us": self.last - self.first,
            f"{side}_packets": self.packets,
            f"{side}_bytes": self.bytes,
            f"{side}_wire_bytes": self.wire_bytes,
            f"{side}_payload_bytes": self.payload,
            f"{side}_tcp_flags": self.tcp_flags,
            f"{side}_retransmissions": self.retransmissions,
            **{f"{side}_{name}_packets": count for name, count in self.flags.items()},
            **self.sizes.columns(f"{side}_size", INT32_MAX),
            **self.gaps.columns(f"{side}_gap_us"),
        }


class Flow:
    """A flow from its first packet on."""

    def __init__(self, packet: Packet, sequence_packets: int) -> None:
        self.opening = packet
        self.last = packet.time
        self.client, self.server = Direction(), Direction()
        self.sizes, self.gaps = Summary(), Summary()
        self.frames: list[int] = []
        self.sequence_packets = sequence_packets
        self.sequence: list[tuple[int, int]] = []

    def add(self, packet: Packet) -> None:
        """Count one packet, the first one included."""
        from_client = packet.source == self.opening.source and packet.destination == self.opening.destination
        (self.client if from_client else self.server).add(packet)
        size, since = min(packet.wire_bytes, INT32_MAX), min(packet.time - self.opening.time, INT32_MAX)
        self.sizes.add(packet.wire_bytes)
        if self.frames:
            self.gaps.add(packet.time - self.last)
        if len(self.frames) < self.sequence_packets:
            self.sequence.append((size if from_client else -size, since))
        self.last = packet.time
        self.frames.append(packet.frame)

    @property
    def closed(self) -> bool:
        """Whether TCP closed the connection: FIN both ways, or RST."""
        both, either = self.client.tcp_flags & self.server.tcp_flags, self.client.tcp_flags | self.server.tcp_flags
        return bool(both & _FIN or either & _RST)

    def row(self, ended: str) -> Row:
        """The flow's columns, without those of labels and places."""
        opening = self.opening
        if ended in ("idle", "end") and self.closed:
            ended = "tcp_close"
        return {
            "flow_id": opening.frame,
            "ip_version": opening.version,
            "protocol": opening.protocol,
            "vlan": opening.vlan,
            "tunnel": opening.tunnel,
            "client_ip": opening.source[0],
            "server_ip": opening.destination[0],
            "client_port": opening.source[1],
            "server_port": opening.destination[1],
            "client_mac": opening.source_mac,
            "server_mac": opening.destination_mac,
            "first_seen": opening.time,
            "last_seen": self.last,
            "server_delay_us": self.server.first - opening.time if self.server.packets else None,
            **self.client.columns("client"),
            **self.server.columns("server"),
            **self.sizes.columns("size", INT32_MAX),
            **self.gaps.columns("gap_us"),
            "packet_sizes": [size for size, _ in self.sequence],
            "packet_times": [time for _, time in self.sequence],
            "ended": ended,
        }
