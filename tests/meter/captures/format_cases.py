"""Capture files: formats, byte orders, clocks, damage."""

# One case a row, however long.
# ruff: noqa: E501
# fmt: off
from __future__ import annotations

import gzip
import struct

import pyarrow as pa
from cases import case
from layers import A6, B6, Pcapng, each_second, ethernet, ipv4, ipv6, pcap, udp

ASK = ethernet() + ipv4(udp(5353, 53, b"question"))
ANSWER = ethernet(src=b"\2\0\0\0\0\2", dst=b"\2\0\0\0\0\1") + ipv4(udp(53, 5353, b"the answer"), 17, "198.51.100.2", "192.0.2.1")
SIX = ethernet(0x86DD) + ipv6(udp(1000, 2000, b"six"))
START = 1_700_000_000_123_456
PAIR = [(START, ASK), (START + 1500, ANSWER)]

case("pcap-us-little", "pcap, microseconds, little-endian", pcap(PAIR))
case("pcap-us-big", "pcap, microseconds, big-endian", pcap(PAIR, order=">"))
NANO = [(START * 1000 + 999, ASK), (START * 1000 + 1_500_001, ANSWER)]
case("pcap-ns-little", "pcap, nanoseconds round down to microseconds", pcap(NANO, nanoseconds=True))
case("pcap-ns-big", "pcap, nanoseconds, big-endian", pcap(NANO, nanoseconds=True, order=">"))
case("pcap-fcs-bits", "upper bits of the link type field tell of the FCS only", pcap(PAIR, 1 | 0x14000000))
LATE = 4_000_000_000_000_000
case("pcap-after-2038", "seconds are unsigned: 2096, not 1960", pcap([(LATE, ASK)]),
     rows=[{"flow_id": 1, "first_seen": LATE, "client_packets": 1}])
case("pcap-empty", "a header and no packet", pcap([]), rows=[])
case("pcap-truncated-packet", "the last record lacks a byte", pcap(PAIR)[:-1], anomalies={"truncated_file": 1},
     rows=[{"flow_id": 1, "client_packets": 1, "server_packets": 0, "server_delay_us": None}])
case("pcap-truncated-header", "the last record header lacks a byte", pcap(PAIR)[: 24 + 16 + len(ASK) + 15],
     anomalies={"truncated_file": 1}, rows=[{"flow_id": 1, "client_packets": 1}])
BAD = struct.pack("<IIII", 0, 0, 0x1000001, 0x1000001)
case("pcap-bad-record", "a record claims more than 16 MiB: reading stops", pcap(PAIR) + BAD + ASK,
     anomalies={"bad_record": 1}, rows=[{"flow_id": 1, "client_packets": 1, "server_packets": 1}])
case("pcap-trailing-garbage", "text after the last record reads as a record of absurd size", pcap(PAIR) + b"trailing garbage!!!!",
     anomalies={"bad_record": 1}, rows=[{"flow_id": 1, "client_packets": 1, "server_packets": 1}])
case("pcap-wire-shorter", "a wire length below the captured one is raised to it", pcap([(START, ASK, 10)]),
     rows=[{"flow_id": 1, "client_wire_bytes": len(ASK), "client_bytes": len(ASK) - 14}])
case("pcap-gzip", "gzip, unpacked transparently", gzip.compress(pcap(PAIR), mtime=0))
HALVES = gzip.compress(pcap(PAIR)[:60], mtime=0) + gzip.compress(pcap(PAIR)[60:], mtime=0)
case("pcap-gzip-members", "gzip in two members", HALVES)
case("pcap-gzip-cut", "gzip cut within its trailer: all packets, one anomaly", gzip.compress(pcap(PAIR), mtime=0)[:-4],
     anomalies={"truncated_file": 1}, rows=[{"flow_id": 1, "client_packets": 1, "server_packets": 1}])
case("pcap-zstd", "Zstandard, unpacked transparently", bytes(pa.compress(pcap(PAIR), "zstd", asbytes=True)))

for order, word in (("<", "little"), (">", "big")):
    case(f"pcapng-{word}", f"pcapng, enhanced packet blocks with options, {word}-endian",
         Pcapng(order).section().interface().packet(START, ASK).packet(START + 1500, ANSWER).data)
case("pcapng-nanoseconds", "if_tsresol 10^-9", Pcapng().section().interface(resolution=9).packet(START * 1000 + 999, ASK).data)
case("pcapng-seconds", "if_tsresol 10^0", Pcapng().section().interface(resolution=0).packet(1_700_000_000, ASK).data)
BINARY = 1_700_000_000 * 2**20 + 2**19 + 1
case("pcapng-binary-resolution", "if_tsresol 2^-20, rounded down",
     Pcapng().section().interface(resolution=0x80 | 20).packet(BINARY, ASK).data,
     rows=[{"flow_id": 1, "first_seen": 1_700_000_000_500_000}])
case("pcapng-offset", "if_tsoffset adds seconds", Pcapng(">").section().interface(offset=1_000_000_000).packet(700_000_000_123_456, ASK).data,
     rows=[{"flow_id": 1, "first_seen": 1_700_000_000_123_456}])
case("pcapng-negative-offset", "if_tsoffset is signed", Pcapng().section().interface(offset=-5).packet(START, ASK).data,
     rows=[{"flow_id": 1, "first_seen": START - 5_000_000}])
case("pcapng-absurd-time", "a time beyond the year 9999 is held there", Pcapng().section().interface(resolution=0).packet(2**63, ASK).data,
     rows=[{"flow_id": 1, "first_seen": 253_402_300_799_999_999}], anomalies={"time_out_of_range": 1})
case("pcapng-simple", "simple packet blocks have no time of their own; the interface's snap length cuts them",
     Pcapng().section().interface(snap=60).simple_packet(ASK).packet(START, ASK).simple_packet(ASK + bytes(40), len(ASK) + 40).data,
     rows=[{"flow_id": 1, "first_seen": 0, "last_seen": 0, "client_packets": 1, "ended": "idle"},
           {"flow_id": 2, "first_seen": START, "last_seen": START, "client_packets": 2,
            "client_wire_bytes": 2 * len(ASK) + 40}], anomalies={"snapped": 1})
case("pcapng-old-packet", "obsolete packet blocks", Pcapng(">").section().interface().old_packet(START, ASK).old_packet(START + 1500, ANSWER).data)
TWO = Pcapng().section().interface().interface(101, resolution=9)
case("pcapng-interfaces", "two interfaces with link types and clocks of their own",
     TWO.packet(START, ASK).packet((START + 1500) * 1000, ANSWER[14:], 1).data,
     rows=[{"flow_id": 1, "client_packets": 1, "server_packets": 1, "server_delay_us": 1500,
            "client_mac": "02:00:00:00:00:01"}])
case("pcapng-sections", "a second section in the other byte order numbers its interfaces anew",
     Pcapng("<").section().interface().packet(START, ASK).data + Pcapng(">").section().interface(12).packet(START + 9, ANSWER[14:]).data,
     rows=[{"flow_id": 1, "client_packets": 1, "server_packets": 1, "server_delay_us": 9}])
case("pcapng-unknown-blocks", "blocks of no interest are skipped",
     Pcapng().section().block(0xBEEF, b"x" * 8).interface().block(4, bytes(4)).packet(START, ASK).block(5, bytes(12)).data)
case("pcapng-bad-trailer", "a block whose two lengths differ: reading stops",
     Pcapng().section().interface().packet(START, ASK).block(5, bytes(8), trailer=24).packet(START, ASK).data,
     rows=[{"flow_id": 1, "client_packets": 1}], anomalies={"bad_block": 1})
case("pcapng-bad-length", "a block length that is no multiple of 4: reading stops",
     Pcapng().section().interface().packet(START, ASK).block(5, bytes(8), length=21).data,
     rows=[{"flow_id": 1, "client_packets": 1}], anomalies={"bad_block": 1})
case("pcapng-no-interface", "a packet of an interface that was never described: reading stops",
     Pcapng().section().interface().packet(START, ASK).packet(START, ASK, 1).data,
     rows=[{"flow_id": 1, "client_packets": 1}], anomalies={"bad_block": 1})
case("pcapng-caplen-beyond-block", "a packet longer than its block: reading stops",
     Pcapng().section().interface().packet(START, ASK).block(6, struct.pack("<IIIII", 0, 0, 0, 999, 999) + ASK[:40]).data,
     rows=[{"flow_id": 1, "client_packets": 1}], anomalies={"bad_block": 1})
case("pcapng-huge-packet", "a packet block of more than 16 MiB: reading stops, though the file ends first",
     Pcapng().section().interface().packet(START, ASK).block(6, bytes(40), length=0x1010004).data,
     rows=[{"flow_id": 1, "client_packets": 1}], anomalies={"bad_block": 1})
case("pcapng-huge-unknown", "a block of no interest of which the file ends first",
     Pcapng().section().interface().packet(START, ASK).block(99, bytes(40), length=0x7FFFFFFC).data,
     rows=[{"flow_id": 1, "client_packets": 1}], anomalies={"truncated_file": 1})
case("pcapng-truncated", "the last block lacks a byte",
     Pcapng().section().interface().packet(START, ASK).packet(START + 1, ANSWER).data[:-1],
     rows=[{"flow_id": 1, "client_packets": 1}], anomalies={"truncated_file": 1})
case("snapped", "captured only up to the ports: lengths come from the headers", pcap([(START, ASK[:38], len(ASK))], snap=38),
     anomalies={"snapped": 1}, rows=[{"flow_id": 1, "client_port": 5353, "server_port": 53, "client_bytes": len(ASK) - 14,
                                      "client_wire_bytes": len(ASK), "client_payload_bytes": 8}])
case("snapped-ports", "captured up to half of the ports", pcap([(START, ASK[:37], len(ASK))], snap=37),
     anomalies={"snapped": 1, "truncated_header": 1},
     rows=[{"flow_id": 1, "client_port": 0, "server_port": 0, "client_payload_bytes": 8}])
case("snapped-ip", "captured up to within the IP header", pcap([(START, ASK[:33], len(ASK))], snap=33),
     anomalies={"snapped": 1, "truncated_header": 1}, not_flows={"truncated_header": 1}, rows=[])
case("zero-length", "a record without bytes", pcap([(START, b"", 60), (START, ASK)]),
     anomalies={"snapped": 1, "zero_length_frame": 1}, not_flows={"zero_length_frame": 1},
     rows=[{"flow_id": 2, "client_packets": 1}])
case("two-versions", "IPv4 and IPv6 side by side", pcap(each_second([ASK, SIX, ethernet(0x86DD) + ipv6(udp(2000, 1000), 17, B6, A6)])))
