"""IP: options, lengths, fragments, extension headers; the protocols above."""

# One case a row, however long.
# ruff: noqa: E501
# fmt: off
from __future__ import annotations

import struct

from cases import case
from layers import (
    ACK,
    C4,
    SYN,
    each_second,
    ethernet,
    extension,
    fragment6,
    ipv4,
    ipv6,
    pcap,
    tcp,
    udp,
)  # fmt: skip

ETHER, ETHER6 = ethernet(), ethernet(0x86DD)
DATAGRAM = udp(4000, 5000, bytes(range(64)))


def seconds(*frames: bytes) -> bytes:
    return pcap(each_second(frames))


case("ipv4-options", "options before the ports", seconds(ETHER + ipv4(udp(1, 2, b"x"), options=b"\x94\4\0\0")))
case("ipv4-padding", "Ethernet's padding is no payload", seconds(ETHER + ipv4(tcp(1, 2, ACK), 6) + bytes(6)))
case("ipv4-zero-length", "total length 0, as segmentation offload leaves it: the wire's length counts",
     seconds(ETHER + ipv4(udp(1, 2, b"12345"), total=0)), rows=[{"flow_id": 1, "client_bytes": 33, "client_payload_bytes": 5, "client_port": 1}])
case("ipv4-long", "a total length beyond the frame is an anomaly, and still what counts",
     seconds(ETHER + ipv4(udp(1, 2, b"12345"), total=100)), anomalies={"bad_ip_length": 1},
     rows=[{"flow_id": 1, "client_bytes": 100, "client_payload_bytes": 72, "client_wire_bytes": 47}])
case("ipv4-bad", "no flows: total length below the header's, header below 20 bytes, versions 5 and 0, header beyond the capture",
     seconds(ETHER + ipv4(DATAGRAM, total=19), ETHER + ipv4(DATAGRAM, ihl=4), ETHER + ipv4(DATAGRAM, version=5),
             ETHER + bytes(40), ETHER + ipv4(b"", ihl=15), ETHER), rows=[],
     not_flows={"bad_ip_length": 2, "unknown_ip_version": 2, "truncated_header": 2},
     anomalies={"bad_ip_length": 2, "unknown_ip_version": 2, "truncated_header": 2})
case("version-by-nibble", "the packet's version counts, not the ethertype's", seconds(ETHER + ipv6(udp(1, 2)), ETHER6 + ipv4(udp(1, 2))),
     rows=[{"flow_id": 1, "ip_version": 6, "client_port": 1}, {"flow_id": 2, "ip_version": 4, "client_port": 1}])
PARTS = [ipv4(DATAGRAM[i : i + 24], fragment=i, more=i + 24 < len(DATAGRAM), number=77) for i in range(0, len(DATAGRAM), 24)]
WHOLE = {"client_port": 4000, "server_port": 5000, "client_packets": 3, "client_payload_bytes": 16 + 24 + 24, "client_bytes": 132}
case("fragments", "later fragments belong to their first one's flow", seconds(*(ETHER + part for part in PARTS)), rows=[{"flow_id": 1, **WHOLE}])
case("fragments-late-first", "fragments before their first one have no ports", seconds(*(ETHER + PARTS[i] for i in (1, 0, 2))),
     rows=[{"flow_id": 1, "client_port": 0, "server_port": 0, "client_packets": 1, "client_payload_bytes": 24},
           {"flow_id": 2, "client_port": 4000, "client_packets": 2, "client_payload_bytes": 40}], anomalies={"orphan_fragment": 1})
case("fragments-others", "fragments of another identifier, protocol, sender or VLAN are of other packets",
     seconds(ETHER + PARTS[0], ETHER + ipv4(bytes(8), fragment=24, number=78), ETHER + ipv4(bytes(8), 6, fragment=24, number=77),
             ETHER + ipv4(bytes(8), src=C4, fragment=24, number=77), ethernet(0x8100) + b"\0\7\x08\0" + PARTS[1]),
     rows=[{"flow_id": 1, "client_port": 4000, "client_packets": 1}, {"flow_id": 2, "client_port": 0},
           {"flow_id": 3, "protocol": 6, "client_port": 0, "client_tcp_flags": 0, "client_payload_bytes": 8},
           {"flow_id": 4, "client_ip": C4, "client_port": 0}, {"flow_id": 5, "vlan": 7, "client_port": 0}], anomalies={"orphan_fragment": 4})
T0 = 1_600_000_000_000_000
case("fragments-life", "a first fragment is remembered for 30 s",
     pcap([(T0, ETHER + PARTS[0]), (T0 + 30_000_000, ETHER + PARTS[1]), (T0 + 30_000_001, ETHER + PARTS[2])]),
     rows=[{"flow_id": 1, "client_port": 4000, "client_packets": 2}, {"flow_id": 3, "client_port": 0, "client_packets": 1}], anomalies={"orphan_fragment": 1})
case("fragments-tcp", "flags and sequence are in the first fragment only",
     seconds(ETHER + ipv4(tcp(10, 20, SYN, 5, bytes(4)), 6, more=True), ETHER + ipv4(b"\xff" * 40, 6, fragment=24)),
     rows=[{"flow_id": 1, "client_port": 10, "client_packets": 2, "client_tcp_flags": 2, "client_payload_bytes": 44, "client_retransmissions": 0}])
SIXES = [fragment6(17, 9, i, i + 24 < len(DATAGRAM)) + DATAGRAM[i : i + 24] for i in range(0, len(DATAGRAM), 24)]
case("fragments6", "IPv6 fragments", seconds(*(ETHER6 + ipv6(part, 44) for part in SIXES)),
     rows=[{"flow_id": 1, "ip_version": 6, "protocol": 17, "client_port": 4000, "client_packets": 3, "client_payload_bytes": 64, "client_bytes": 3 * 48 + 72}])
BEHIND = extension(17) + DATAGRAM
case("fragments6-options", "destination options in the fragmented part: later fragments name another header than the first one's last",
     seconds(*(ETHER6 + ipv6(fragment6(60, 9, i, i < 48) + BEHIND[i : i + 24], 44) for i in (0, 24, 48))),
     rows=[{"flow_id": 1, "protocol": 17, "client_port": 4000, "client_packets": 3}])
case("fragments6-atomic", "an atomic fragment is a whole packet", seconds(ETHER6 + ipv6(fragment6(17, 9) + DATAGRAM, 44)))
case("fragments6-alone", "a later IPv6 fragment without its first one", seconds(ETHER6 + ipv6(fragment6(17, 9, 24) + bytes(24), 44)),
     rows=[{"flow_id": 1, "protocol": 17, "client_port": 0, "client_payload_bytes": 24, "client_bytes": 72}], anomalies={"orphan_fragment": 1})
case("ipv6-extensions", "hop-by-hop, routing, destination, mobility, host identity and shim6 headers",
     seconds(ETHER6 + ipv6(extension(43) + extension(60, 16) + extension(135) + extension(139) + extension(140) + extension(17) + DATAGRAM, 0)),
     rows=[{"flow_id": 1, "protocol": 17, "client_port": 4000, "client_payload_bytes": 64, "client_bytes": 40 + 56 + 72}])
case("ipv6-sixteen", "as many extension headers as are followed", seconds(ETHER6 + ipv6(extension(60) * 15 + extension(17) + DATAGRAM, 60)),
     rows=[{"flow_id": 1, "protocol": 17, "client_port": 4000}])
case("ipv6-loop", "one extension header more", seconds(ETHER6 + ipv6(extension(60) * 16 + extension(17) + DATAGRAM, 60)),
     rows=[{"flow_id": 1, "protocol": 60, "client_port": 0}], anomalies={"ipv6_extension_loop": 1})
case("ipv6-ends", "AH, ESP and no next header end the chain",
     seconds(*(ETHER6 + ipv6(struct.pack(">BB", 6, 4) + bytes(22) + tcp(1, 2, ACK), kind) for kind in (51, 50, 59))),
     rows=[{"flow_id": i + 1, "protocol": kind, "client_port": 0, "client_payload_bytes": 44} for i, kind in enumerate((51, 50, 59))])
case("ipv6-cut-chain", "an extension header beyond the payload, and one beyond the capture",
     pcap([(1, ETHER6 + ipv6(b"\x11\x09" + bytes(14), 60)), (2, (ETHER6 + ipv6(extension(60) + extension(17) + DATAGRAM, 0))[:65], 142)]),
     rows=[{"flow_id": 1, "protocol": 60, "client_port": 0, "client_packets": 2}],
     anomalies={"truncated_header": 2, "snapped": 1})
case("ipv6-jumbo", "payload length 0: the wire's length counts", seconds(ETHER6 + ipv6(DATAGRAM, length=0)),
     rows=[{"flow_id": 1, "client_bytes": 112, "client_payload_bytes": 64, "client_port": 4000}])
case("ipv6-long", "a payload length beyond the frame", seconds(ETHER6 + ipv6(DATAGRAM, length=500)), anomalies={"bad_ip_length": 1},
     rows=[{"flow_id": 1, "client_bytes": 540, "client_payload_bytes": 492, "client_port": 4000}])
case("ipv6-cut", "captured up to within the IPv6 header", seconds((ETHER6 + ipv6(b""))[:-1]), rows=[],
     not_flows={"truncated_header": 1}, anomalies={"truncated_header": 1})

case("tcp-offset", "data offsets below 20 bytes and beyond the segment",
     seconds(ETHER + ipv4(tcp(1, 2, ACK, 0, b"12345678", offset=4), 6), ETHER + ipv4(tcp(1, 2, SYN, offset=15), 6)),
     anomalies={"bad_tcp_offset": 2}, rows=[{"flow_id": 1, "client_packets": 2, "client_payload_bytes": 12, "client_tcp_flags": 18}])
case("tcp-short", "a TCP header that ends before its flags", pcap([(1, (ETHER + ipv4(tcp(7, 8, SYN, 0, bytes(9)), 6))[:47], 63)]),
     rows=[{"flow_id": 1, "client_port": 7, "client_tcp_flags": 0, "client_payload_bytes": 9}], anomalies={"truncated_header": 1, "snapped": 1})
case("udp-length", "a UDP length below 8", seconds(ETHER + ipv4(udp(1, 2, b"abc", length=7))), anomalies={"bad_udp_length": 1},
     rows=[{"flow_id": 1, "client_port": 1, "client_payload_bytes": 3}])
case("no-ports", "payload of IP too short for ports: padding is not read", seconds(ETHER + ipv4(b"\0\1\0") + bytes(20)),
     rows=[{"flow_id": 1, "client_port": 0, "client_payload_bytes": 0}], anomalies={"truncated_header": 1})
SCTP = struct.pack(">HHII", 5000, 6000, 1, 0) + bytes(16)
DCCP = struct.pack(">HHBBHI", 5001, 6001, 3, 0, 0, 1 << 24) + b"data"
case("other-ports", "SCTP, UDP-Lite and DCCP have ports, too",
     seconds(ETHER + ipv4(SCTP, 132), ETHER + ipv4(udp(9, 10, b"lite", length=8), 136), ETHER + ipv4(DCCP, 33)),
     rows=[{"flow_id": 1, "protocol": 132, "client_port": 5000, "server_port": 6000, "client_payload_bytes": 16},
           {"flow_id": 2, "protocol": 136, "client_port": 9, "client_payload_bytes": 4},
           {"flow_id": 3, "protocol": 33, "client_port": 5001, "server_port": 6001, "client_payload_bytes": 4}])
case("icmp", "echo both ways is one flow without ports", seconds(ETHER + ipv4(b"\x08\0\0\0\0\1\0\1ping", 1), ETHER + ipv4(b"\0\0\0\0\0\1\0\1ping", 1, "198.51.100.2", "192.0.2.1")),
     change={1: {"client_payload_bytes": 4, "server_payload_bytes": 4}})
case("icmp-error", "an ICMP error is a packet of its own, not of the flow it speaks of",
     seconds(ETHER + ipv4(b"\x03\3\0\0\0\0\0\0" + ipv4(udp(1, 2), 17, "198.51.100.2", "192.0.2.1"), 1)))
case("icmpv6", "ICMPv6", seconds(ETHER6 + ipv6(b"\x80\0\0\0\0\1\0\1", 58)))
case("igmp-ospf", "protocols without ports: all of the payload is theirs", seconds(ETHER + ipv4(bytes(8), 2), ETHER + ipv4(bytes(30), 89)),
     change={1: {"client_payload_bytes": 8}, 2: {"client_payload_bytes": 30}})
