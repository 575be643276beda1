"""Tunnels: each alone, nested, and what only looks like one."""

# One case a row, however long.
# ruff: noqa: E501
# fmt: off
from __future__ import annotations

import struct

from cases import case
from layers import (
    A4,
    ACK,
    B4,
    C4,
    C6,
    D4,
    D6,
    capwap,
    each_second,
    ethernet,
    geneve,
    gre,
    gtp,
    ipv4,
    ipv6,
    label,
    pcap,
    snap,
    tag,
    tcp,
    tzsp,
    udp,
    vxlan,
    wifi,
)  # fmt: skip

ETHER, ETHER6 = ethernet(), ethernet(0x86DD)
INNER4 = ipv4(tcp(40000, 443, ACK, 1, b"inner"), 6, C4, D4)
INNER6 = ipv6(tcp(40000, 443, ACK, 1, b"inner"), 6, C6, D6)
FRAME = ethernet(0x0800, b"\2\0\0\0\0\3", b"\2\0\0\0\0\4") + INNER4


def seconds(*frames: bytes) -> bytes:
    return pcap(each_second(frames))


def outer(payload: bytes, protocol: int = 17) -> bytes:
    return ETHER + ipv4(payload, protocol, A4, B4)


case("ipip", "IPv4 in IPv4", seconds(outer(INNER4, 4)), tunnel="IPIP")
case("4in6", "IPv4 in IPv6, behind destination options", seconds(ETHER6 + ipv6(b"\4\0\1\4\0\0\0\0" + INNER4, 60)), tunnel="4in6")
case("6in4", "IPv6 in IPv4", seconds(outer(INNER6, 41)), tunnel="6in4")
case("6in6", "IPv6 in IPv6", seconds(ETHER6 + ipv6(INNER6, 41)), tunnel="6in6")
case("gre", "GRE: IPv4, IPv6, with checksum, key and sequence number, and over IPv6",
     seconds(outer(gre(0x0800) + INNER4, 47), outer(gre(0x86DD, key=True) + INNER6, 47),
             outer(gre(0x0800, checksum=True, key=True, sequence=True) + INNER4, 47), ETHER6 + ipv6(gre(0x0800) + INNER4, 47)), tunnel="GRE")
ROUTE = struct.pack(">HHHH", 0x4000, 0x0800, 0, 0) + struct.pack(">HBB", 0x0800, 0, 4) + bytes(4) + bytes(4)
case("gre-routing", "GRE with a source route (RFC 1701)", seconds(outer(ROUTE + INNER4, 47)), tunnel="GRE",
     rows=[{"flow_id": 1, "client_ip": C4, "client_port": 40000, "tunnel": "GRE"}])
case("gre-ethernet", "Ethernet in GRE: the inner addresses count", seconds(outer(gre(0x6558, key=True) + FRAME, 47)), tunnel="GRE")
ERSPAN = struct.pack(">II", 1 << 28 | 9 << 16, 0)
case("erspan", "ERSPAN type II, and type I without a header", seconds(outer(gre(0x88BE, sequence=True) + ERSPAN + FRAME, 47), outer(gre(0x88BE) + FRAME, 47)), tunnel="GRE")
case("gre-mpls", "MPLS in GRE", seconds(outer(gre(0x8847) + label(16, True) + INNER4, 47)), tunnel="GRE")
PPTP = struct.pack(">HHHHI", 0x3001, 0x880B, 4 + len(INNER4), 1, 1)
ACKED = struct.pack(">HHHHII", 0x3081, 0x880B, 4 + len(INNER4), 1, 2, 1)
case("pptp", "PPP in GRE version 1, with and without an acknowledgement",
     seconds(outer(PPTP + b"\xff\x03\x00\x21" + INNER4, 47), outer(ACKED + b"\x21" + INNER4, 47)), tunnel="GRE")
case("pptp-bare", "GRE version 1 that acknowledges only is a packet of the outer flow", seconds(outer(struct.pack(">HHHHI", 0x2081, 0x880B, 0, 1, 1), 47)),
     change={1: {"client_payload_bytes": 12}})
case("gre-keepalive", "GRE around nothing", seconds(outer(gre(0), 47)))
case("gtp", "GTP-U: IPv4 one way, IPv6 the other", seconds(outer(udp(2152, 2152, gtp(INNER4))), outer(udp(3000, 2152, gtp(INNER6, flags=0x32, extensions=bytes(4))))), tunnel="GTP-U")
EXTENSIONS = b"\0\1\0\x85" + b"\x01\x10\x05\x40" + b"\x02\0\0\0\0\0\0\0"
case("gtp-extensions", "GTP-U with a chain of extension headers", seconds(outer(udp(2152, 2152, gtp(INNER4, flags=0x34, extensions=EXTENSIONS)))), tunnel="GTP-U")
case("gtp-others", "GTP-U that carries no user packet: echo, version 2, an extension of length 0, an inner version 0",
     seconds(*(outer(udp(2152, 2152, data)) for data in (
         struct.pack(">BBHIHH", 0x32, 1, 4, 0, 9, 0), b"\x48\xff" + bytes(30), gtp(INNER4, flags=0x34, extensions=b"\0\0\0\x85" + bytes(4)), gtp(bytes(40))))),
     rows=[{"flow_id": 1, "client_ip": A4, "client_port": 2152, "client_packets": 4, "tunnel": None}])
case("vxlan", "VXLAN, with an inner VLAN tag in the second", seconds(
    outer(udp(55555, 4789, vxlan() + FRAME)), outer(udp(55555, 4789, vxlan() + ethernet(0x8100) + tag(12) + INNER4))), tunnel="VXLAN")
case("vxlan-others", "VXLAN around ARP, without its flag, and towards the client",
     seconds(outer(udp(5555, 4789, vxlan() + ethernet(0x0806) + bytes(28))), outer(udp(5555, 4789, bytes(8) + FRAME)),
             ETHER + ipv4(udp(4789, 5555, vxlan() + FRAME), 17, B4, A4)),
     rows=[{"flow_id": 1, "client_port": 5555, "client_packets": 2, "server_packets": 1, "tunnel": None}])
case("geneve", "GENEVE: Ethernet with an option, and IPv4 directly", seconds(
    outer(udp(5, 6081, geneve(options=b"\1\2\x80\1\0\0\0\0") + FRAME)), outer(udp(5, 6081, geneve(0x0800) + INNER4))), tunnel="GENEVE")
case("capwap", "CAPWAP: 802.3, and 802.11 with a radio header", seconds(
    outer(udp(5, 5247, capwap(native=False) + FRAME)), outer(udp(5247, 5, capwap(native=True, radio=True) + wifi(1) + snap(0x86DD) + INNER6))), tunnel="CAPWAP")
SWAPPED = wifi(1)
SWAPPED = SWAPPED[1::-1] + SWAPPED[2:]
case("capwap-swapped", "CAPWAP as Cisco writes it: the frame control bytes swapped", seconds(outer(udp(5, 5247, capwap(native=True) + SWAPPED + snap(0x0800) + INNER4))), tunnel="CAPWAP",
     rows=[{"flow_id": 1, "client_ip": C4, "client_port": 40000, "server_port": 443, "tunnel": "CAPWAP", "client_mac": "02:00:00:00:00:01"}])
case("capwap-others", "CAPWAP: keep-alive, a later fragment, DTLS, control",
     seconds(outer(udp(5, 5247, capwap(native=False, flags=8) + bytes(20))), outer(udp(5, 5247, capwap(native=False, flags=0x80)[:4] + b"\0\1\0\x40" + FRAME)),
             outer(udp(5, 5247, b"\1\0\0\0" + bytes(20))), outer(udp(5, 5246, capwap(native=False) + FRAME))),
     rows=[{"flow_id": 1, "server_port": 5247, "client_packets": 3, "tunnel": None}, {"flow_id": 4, "server_port": 5246, "tunnel": None}])
case("tzsp", "TZSP with tags: Ethernet, and 802.11", seconds(
    outer(udp(5, 37008, tzsp() + FRAME)), outer(udp(5, 37008, tzsp(18, b"\0\0\x12\1\x06") + wifi(1) + snap(0x86DD) + INNER6))), tunnel="TZSP")
case("tzsp-no-tags", "TZSP without tags", seconds(outer(udp(5, 37008, tzsp(1, b"") + FRAME))), tunnel="TZSP")
L2TP = struct.pack(">HHH", 2, 1, 2)
FULL = struct.pack(">HHHHHHH", 0x4A02, 16 + 2 + len(INNER6), 1, 2, 3, 4, 2) + bytes(2)
case("l2tp", "L2TP data: short, and with length, sequence numbers and offset", seconds(
    outer(udp(1701, 1701, L2TP + b"\xff\x03\0\x21" + INNER4)), outer(udp(1701, 1701, FULL + b"\0\x57" + INNER6))), tunnel="L2TP")
case("l2tp-others", "L2TP control, version 3, reserved bits set, and LCP", seconds(*(outer(udp(1701, 1701, data)) for data in (
    struct.pack(">HHHHHH", 0xC802, 12, 0, 0, 0, 0), struct.pack(">HHH", 3, 1, 2) + b"\0\x21" + INNER4,
    struct.pack(">HHH", 0x0012, 1, 2) + b"\0\x21" + INNER4, L2TP + b"\xc0\x21" + bytes(20)))),
    rows=[{"flow_id": 1, "client_port": 1701, "client_packets": 4, "tunnel": None}])
case("nested", "GTP-U in GRE in a VLAN: outermost tunnel first",
     seconds(ethernet(0x8100) + tag(3) + ipv4(gre(0x0800) + ipv4(udp(2152, 2152, gtp(INNER6)), 17, "172.16.0.1", "172.16.0.2"), 47)), tunnel="GRE/GTP-U")
case("half-nested", "what lies in the inner tunnel cannot be read: the flow is the inner tunnel's",
     seconds(outer(gre(0x0800) + ipv4(udp(9, 4789, vxlan() + b"x" * 9), 17, C4, D4), 47)), tunnel="GRE",
     rows=[{"flow_id": 1, "client_ip": C4, "server_port": 4789, "tunnel": "GRE"}])
case("both-ways", "the two directions of a tunnel hold the two directions of the inner flow",
     seconds(outer(gre(0x0800) + INNER4, 47), ETHER + ipv4(gre(0x0800) + ipv4(tcp(443, 40000, ACK, 1, b"back"), 6, D4, C4), 47, B4, A4)), tunnel="GRE")


def deep(levels: int) -> bytes:
    packet = INNER4
    for level in range(levels):
        packet = ipv4(packet, 4, f"10.0.{level}.1", f"10.0.{level}.2")
    return ETHER + packet


case("eight-deep", "as many tunnels as are followed", seconds(deep(8)), tunnel="/".join(["IPIP"] * 8),
     rows=[{"flow_id": 1, "client_port": 40000, "tunnel": "/".join(["IPIP"] * 8)}])
case("nine-deep", "one tunnel more", seconds(deep(9)), rows=[], not_flows={"too_many_tunnels": 1}, anomalies={"too_many_tunnels": 1})
case("fragmented-tunnel", "the first fragment is read inside, the others belong to the tunnel's own flow",
     seconds(ETHER + ipv4(udp(7, 4789, vxlan() + FRAME), more=True), ETHER + ipv4(bytes(16), fragment=128)),
     rows=[{"flow_id": 1, "client_port": 40000, "tunnel": "VXLAN"}, {"flow_id": 2, "client_port": 0, "tunnel": None}], anomalies={"orphan_fragment": 1})
case("tunnels-off", "the setting off: every tunnel is a flow of its own protocol",
     seconds(outer(INNER4, 4), outer(gre(0x0800) + INNER4, 47), outer(udp(2152, 2152, gtp(INNER4)))), settings={"tunnels": []},
     rows=[{"flow_id": 1, "protocol": 4, "tunnel": None}, {"flow_id": 2, "protocol": 47}, {"flow_id": 3, "client_port": 2152, "tunnel": None}])
case("tunnels-some", "each tunnel by itself: here all but GRE and GTP-U",
     seconds(outer(INNER4, 4), outer(gre(0x0800) + INNER4, 47), outer(udp(2152, 2152, gtp(INNER4)))), settings={"tunnels": ["ipip", "vxlan"]},
     rows=[{"flow_id": 1, "protocol": 6, "tunnel": "IPIP"}, {"flow_id": 2, "protocol": 47}, {"flow_id": 3, "client_port": 2152, "tunnel": None}])
case("inner-too-long", "the inner total length exceeds what the outer packet holds", seconds(outer(ipv4(udp(1, 2, b"abc"), 17, C4, D4, total=90), 4) + bytes(60)),
     rows=[{"flow_id": 1, "client_ip": C4, "client_bytes": 90, "client_payload_bytes": 62, "tunnel": "IPIP"}], anomalies={"bad_ip_length": 1})
