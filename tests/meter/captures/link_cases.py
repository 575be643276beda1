"""Link layers: every link type that is read, tags and labels, and frames that are no IP."""

# One case a row, however long.
# ruff: noqa: E501
# fmt: off
from __future__ import annotations

import struct

from cases import case
from layers import (
    MAC_A,
    Frame,
    each_second,
    ethernet,
    ipv4,
    ipv6,
    label,
    pcap,
    radiotap,
    snap,
    tag,
    udp,
    wifi,
)  # fmt: skip

FOUR, SIX = ipv4(udp(1000, 2000, b"four")), ipv6(udp(1000, 2000, b"six"))


def one(link: int, *frames: bytes) -> bytes:
    return pcap(each_second(frames), link)


case("null-little", "BSD loopback of little-endian hosts: IPv4, and IPv6's family of FreeBSD",
     one(0, struct.pack("<I", 2) + FOUR, struct.pack("<I", 28) + SIX))
case("null-big", "BSD loopback of big-endian hosts: IPv4, and IPv6's family of macOS",
     one(0, struct.pack(">I", 2) + FOUR, struct.pack(">I", 30) + SIX))
case("null-other", "a loopback frame of another family", one(0, struct.pack("<I", 7) + FOUR),
     rows=[], not_flows={"non_ip": 1}, non_ip={"other": 1})
case("loop", "OpenBSD loopback", one(108, struct.pack(">I", 2) + FOUR, struct.pack(">I", 24) + SIX))
for number in (12, 14, 101, 228):
    # tshark does not know 14 (RAW on OpenBSD)
    hand = {"rows": [{"flow_id": 1, "client_port": 1000, "client_ip": "192.0.2.1", "client_mac": None, "server_mac": None}]}
    case(f"raw-{number}", f"raw IP, link type {number}", one(number, FOUR), **(hand if number == 14 else {}))
case("raw-229", "raw IPv6, link type 229", one(229, SIX))
case("raw-both", "raw IP: the version is in the packet", one(101, FOUR, SIX))
SLL = struct.pack(">HHH", 0, 1, 6) + MAC_A + b"\0\0"
case("sll", "Linux cooked: the sender's address only", one(113, SLL + b"\x08\x00" + FOUR, SLL + b"\x86\xdd" + SIX),
     change={1: {"server_mac": None}, 2: {"server_mac": None}})
case("sll-vlan", "Linux cooked with a VLAN tag", one(113, SLL + b"\x81\x00" + tag(7) + FOUR))
case("sll-no-address", "Linux cooked of a device without addresses",
     one(113, struct.pack(">HHH8sH", 4, 512, 0, b"\1\2\3\4\5\6\7\b", 0x0800) + FOUR))
case("sll-stp", "Linux cooked with 802.2 inside", one(113, SLL + b"\0\4" + b"\x42\x42\3" + bytes(35)),
     rows=[], not_flows={"non_ip": 1}, non_ip={"stp": 1})
SLL2 = struct.pack(">HHIHBB", 0x0800, 0, 3, 1, 0, 6) + MAC_A + b"\0\0"
case("sll2", "Linux cooked, version 2", one(276, SLL2 + FOUR), change={1: {"client_mac": "02:00:00:00:00:01"}})
case("ppp", "PPP with and without its framing bytes", one(9, b"\xff\x03\x00\x21" + FOUR, b"\x00\x57" + SIX))
case("ppp-compressed", "PPP with the protocol field in one byte", one(9, b"\x21" + FOUR))
case("ppp-serial", "PPP in HDLC-like framing", one(50, b"\xff\x03\x00\x21" + FOUR))
case("ppp-serial-cisco", "Cisco HDLC on a PPP link", one(50, b"\x0f\x00\x08\x00" + FOUR))
case("ppp-control", "LCP, IPCP and a compressed datagram",
     one(9, b"\xff\x03\xc0\x21" + bytes(8), b"\x80\x21" + bytes(8), b"\x00\xfd" + bytes(8)),
     rows=[], not_flows={"non_ip": 3}, non_ip={"ppp_control": 2, "other": 1})
case("ppp-mpls", "MPLS in PPP", one(9, b"\x02\x81" + label(16, True) + FOUR))
case("pppoe-link", "PPPoE session as a link type of its own", one(51, b"\x11\0\0\5" + struct.pack(">HH", len(FOUR) + 2, 0x21) + FOUR),
     rows=[{"flow_id": 1, "client_port": 1000, "server_port": 2000, "client_payload_bytes": 4}])
case("hdlc", "Cisco HDLC: IPv4, IPv6, SLARP", one(104, b"\x0f\0\x08\0" + FOUR, b"\x8f\0\x86\xdd" + SIX, b"\x8f\0\x80\x35" + bytes(14)),
     not_flows={"non_ip": 1}, non_ip={"slarp": 1})
case("ppi-ethernet", "Per-Packet Information around Ethernet", one(192, struct.pack("<BBHI", 0, 0, 8, 1) + ethernet() + FOUR))
case("ppi-wifi", "Per-Packet Information with a field, around 802.11",
     one(192, struct.pack("<BBHIHH4s", 0, 0, 16, 105, 3, 4, bytes(4)) + wifi() + snap(0x0800) + FOUR))
case("ppi-unknown", "Per-Packet Information around an unknown link type", one(192, struct.pack("<BBHI", 0, 0, 8, 147) + FOUR),
     rows=[], not_flows={"unknown_link_type": 1}, anomalies={"unknown_link_type": 1})
case("unknown-link", "a link type that is not read", one(147, FOUR, FOUR), rows=[],
     not_flows={"unknown_link_type": 2}, anomalies={"unknown_link_type": 2})
case("wifi", "802.11 data to, from, past and between access points, and with QoS",
     one(105, *(wifi(flags, qos=qos) + snap(0x0800) + FOUR for flags in (1, 2, 0, 3) for qos in (False, True))))
case("wifi-vlan", "802.11 with a VLAN tag behind SNAP", one(105, wifi() + snap(0x8100) + tag(9) + FOUR))
HIDDEN = wifi(1 | 64) + bytes(40)
case("wifi-others", "802.11: management, control, encrypted, without data, an extension",
     one(105, wifi(0, kind=0, subtype=8), wifi(0, kind=1, subtype=13)[:10], HIDDEN, wifi(1, subtype=4), wifi(0, kind=3)),
     rows=[], not_flows={"non_ip": 5}, non_ip={"wifi_management": 1, "wifi_control": 1, "wifi_encrypted": 1, "wifi_no_data": 1, "other": 1})
DATA = wifi(2, qos=True) + snap(0x86DD) + SIX
case("radiotap", "radiotap without fields, with the time field and an FCS, and with a padded 802.11 header",
     one(127, radiotap() + DATA, radiotap(0x10, tsft=True) + DATA + b"FCS!",
         radiotap(0x20) + wifi(2, qos=True) + b"\0\0" + snap(0x86DD) + SIX))
case("radiotap-bad-fcs", "a frame that was received damaged", one(127, radiotap(0x50) + DATA + b"FCS?"),
     rows=[], not_flows={"non_ip": 1}, non_ip={"other": 1})
EXTENDED = struct.pack("<BBHIIB", 0, 0, 13, 0x80000002, 0, 0x10)
case("radiotap-extended", "radiotap with a second presence word", one(127, EXTENDED + DATA + b"FCS!"))
case("prism", "Prism header", one(119, struct.pack("<II16s", 0x44, 144, b"wlan0") + bytes(120) + wifi() + snap(0x0800) + FOUR))
AVS = struct.pack(">II", 0x80211001, 64) + bytes(56)
case("avs", "AVS header under its own link type", one(163, AVS + wifi() + snap(0x0800) + FOUR))
case("prism-avs", "AVS header under Prism's link type", one(119, AVS + wifi() + snap(0x0800) + FOUR))

case("vlan", "IEEE 802.1Q", one(1, ethernet(0x8100) + tag(0xE005) + FOUR))
case("vlan-stack", "802.1ad with two inner tags: the innermost identifier counts",
     one(1, ethernet(0x88A8) + tag(100, 0x9100) + tag(200, 0x8100) + tag(300, 0x86DD) + SIX))
case("vlan-apart", "the same addresses in two VLANs are two flows", one(1, *(ethernet(0x8100) + tag(v) + FOUR for v in (1, 2, 1))))
case("mpls", "MPLS stacks, unicast and multicast, IPv4 and IPv6 inside",
     one(1, ethernet(0x8847) + label(16, True) + FOUR, ethernet(0x8848) + label(16, False) + label(17, True) + SIX))
case("mpls-ethernet", "Ethernet pseudowire with control word: the inner addresses count",
     one(1, ethernet(0x8847) + label(16, True) + bytes(4) + ethernet(0x8100, b"\2\0\0\0\0\7", b"\2\0\0\0\0\b") + tag(44) + FOUR),
     rows=[{"flow_id": 1, "vlan": 44, "client_mac": "02:00:00:00:00:07", "server_mac": "02:00:00:00:00:08", "client_port": 1000}])
case("mpls-others", "MPLS with an associated channel, and with nothing behind the stack",
     one(1, ethernet(0x8847) + label(16, True) + b"\x10" + bytes(30), ethernet(0x8847) + label(16, True)),
     rows=[], not_flows={"non_ip": 1, "truncated_header": 1}, non_ip={"other": 1}, anomalies={"truncated_header": 1})
PPPOE = struct.pack(">BBHH", 0x11, 0, 5, 100)
case("pppoe", "PPPoE sessions: IPv4, IPv6, LCP", one(1, *(ethernet(0x8864) + PPPOE + rest for rest in (b"\0\x21" + FOUR, b"\0\x57" + SIX, b"\xc0\x21" + bytes(30)))),
     not_flows={"non_ip": 1}, non_ip={"ppp_control": 1})
case("snap", "IEEE 802.3 with SNAP", one(1, ethernet(8 + len(FOUR)) + snap(0x0800) + FOUR))
KINDS: list[bytes] = [
    ethernet(0x0806) + bytes(28), ethernet(0x8035) + bytes(28), ethernet(0x88CC) + bytes(40), ethernet(38) + b"\x42\x42\3" + bytes(35),
    ethernet(0x888E) + bytes(20), ethernet(0x8863) + bytes(20), ethernet(0x8137) + bytes(30), ethernet(30) + b"\xff\xff\0" + bytes(27),
    ethernet(30) + b"\xe0\xe0\3" + bytes(27), ethernet(40) + snap(0x2000, b"\0\0\x0c") + bytes(32), ethernet(0x9000) + bytes(46),
    ethernet(0x88E5) + bytes(30), ethernet(40) + b"\xf0\xf0\3" + bytes(37), ethernet(40) + snap(0x010B, b"\0\0\x0c") + bytes(30),
    ethernet(0x88F7) + bytes(30), ethernet(1520) + bytes(30),
]  # fmt: skip
case("non-ip", "Ethernet frames without IP, one of each kind", one(1, *KINDS), rows=[], not_flows={"non_ip": len(KINDS)},
     non_ip={"arp": 1, "rarp": 1, "lldp": 1, "stp": 1, "eapol": 1, "pppoe_discovery": 1, "ipx": 3, "cdp": 1, "loopback": 1,
             "macsec": 1, "llc": 2, "other": 2})
CUT: list[Frame] = [(i, frame, 60) for i, frame in enumerate(
    (ethernet()[:13], ethernet(0x8100) + b"\0\1\x08", ethernet(0x8864) + PPPOE + b"\0", ethernet(20) + b"\xaa\xaa\3\0\0\0\x08"))]
case("cut-headers", "frames cut within Ethernet, VLAN, PPPoE and SNAP", pcap(CUT), rows=[],
     not_flows={"truncated_header": 4}, anomalies={"truncated_header": 4, "snapped": 4})
