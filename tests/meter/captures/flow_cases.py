"""Flows: boundaries, clock, directions, counters, ends."""

# One case a row, however long.
# ruff: noqa: E501
# fmt: off
from __future__ import annotations

from cases import case
from layers import A4, ACK, B4, FIN, PSH, RST, SYN, Frame, ethernet, ipv4, pcap, tcp, udp

T0 = 1_650_000_000_000_000
CLIENT, SERVER = ethernet(), ethernet(0x0800, b"\2\0\0\0\0\2", b"\2\0\0\0\0\1")


def up(flags: int, seq: int = 0, payload: bytes = b"", port: int = 40000) -> bytes:
    return CLIENT + ipv4(tcp(port, 80, flags, seq, payload), 6, A4, B4)


def down(flags: int, seq: int = 0, payload: bytes = b"", port: int = 40000) -> bytes:
    return SERVER + ipv4(tcp(80, port, flags, seq, payload), 6, B4, A4)


def at(*frames: tuple[int, bytes]) -> bytes:
    return pcap([(T0 + time, frame) for time, frame in frames])


TALK = [
    (0, up(SYN, 99)), (10_000, down(SYN | ACK, 499)), (10_100, up(ACK, 100)), (10_200, up(PSH | ACK, 100, b"G" * 100)),
    (30_000, down(ACK, 500, b"x" * 1000)), (30_050, down(PSH | ACK, 1500, b"x" * 500)), (31_000, up(ACK, 200)),
    (40_000, up(FIN | ACK, 200)), (50_000, down(FIN | ACK, 2000)), (50_100, up(ACK, 201)),
]  # fmt: skip
case("tcp-talk", "a whole TCP connection: every counter by hand", at(*TALK), rows=[{
    "flow_id": 1, "client_ip": A4, "server_ip": B4, "client_port": 40000, "server_port": 80, "ended": "tcp_close",
    "first_seen": T0, "last_seen": T0 + 50_100, "client_duration_us": 50_100, "server_duration_us": 40_000, "server_delay_us": 10_000,
    "client_packets": 6, "server_packets": 4, "client_bytes": 340, "server_bytes": 1660, "client_wire_bytes": 424, "server_wire_bytes": 1716,
    "client_payload_bytes": 100, "server_payload_bytes": 1500, "client_tcp_flags": 27, "server_tcp_flags": 27,
    "client_retransmissions": 0, "server_retransmissions": 0, "client_syn_packets": 1, "server_syn_packets": 1,
    "client_ack_packets": 5, "server_ack_packets": 4, "client_psh_packets": 1, "server_psh_packets": 1, "client_fin_packets": 1,
    "server_fin_packets": 1, "client_rst_packets": 0, "client_urg_packets": 0, "client_ece_packets": 0, "server_cwr_packets": 0,
    "size_min": 54, "size_max": 1054, "size_mean": 214.0, "size_std": (1_004_000 / 9) ** 0.5, "client_size_min": 54, "client_size_max": 154,
    "client_size_mean": 424 / 6, "client_size_std": 40.8248290464, "server_size_mean": 429.0, "server_size_max": 1054,
    "gap_us_min": 50, "gap_us_max": 19_800, "gap_us_mean": 50_100 / 9, "client_gap_us_min": 100, "client_gap_us_max": 20_800,
    "client_gap_us_mean": 50_100 / 5, "server_gap_us_min": 50, "server_gap_us_max": 20_000, "server_gap_us_mean": 40_000 / 3,
    "packet_sizes": [54, -54, 54, 154, -1054, -554, 54, 54, -54, 54],
    "packet_times": [0, 10_000, 10_100, 10_200, 30_000, 30_050, 31_000, 40_000, 50_000, 50_100],
}])
case("one-packet", "of one packet, spreads and gaps are 0", at((0, up(SYN))), rows=[{
    "flow_id": 1, "size_min": 54, "size_mean": 54.0, "size_std": 0.0, "size_max": 54, "gap_us_min": 0, "gap_us_mean": 0.0, "gap_us_std": 0.0,
    "gap_us_max": 0, "server_size_min": 0, "server_size_mean": 0.0, "client_duration_us": 0, "server_duration_us": 0, "server_delay_us": None, "ended": "end"}])
SECOND = 1_000_000
case("idle", "120 s of silence end a flow, a microsecond less does not", at((0, up(ACK)), (120 * SECOND - 1, up(ACK)), (240 * SECOND - 1, up(ACK))),
     rows=[{"flow_id": 1, "client_packets": 2, "ended": "idle"}, {"flow_id": 3, "client_packets": 1, "ended": "end"}])
case("idle-at-end", "silent for 120 s when the capture ends is idle", at((0, up(ACK)), (120 * SECOND, up(ACK, port=1)), (120 * SECOND, up(ACK, port=2))),
     rows=[{"flow_id": 1, "ended": "idle"}, {"flow_id": 2, "ended": "end"}, {"flow_id": 3, "ended": "end"}])
case("active", "1800 s end a flow that is never silent", at(*((i * 100 * SECOND, up(ACK)) for i in range(20))),
     rows=[{"flow_id": 1, "client_packets": 18, "ended": "active"}, {"flow_id": 19, "client_packets": 2, "ended": "end"}])
case("idle-before-active", "both timeouts passed: idle is looked at first", at((0, up(ACK)), (1800 * SECOND, up(ACK))),
     rows=[{"flow_id": 1, "ended": "idle"}, {"flow_id": 2, "ended": "end"}])
case("reset-then-idle", "a reset connection that falls silent ended by its close", at((0, up(SYN)), (9, down(RST)), (200 * SECOND, up(SYN))),
     rows=[{"flow_id": 1, "ended": "tcp_close", "server_packets": 1}, {"flow_id": 3, "ended": "end"}])
case("half-closed", "FIN one way is no close", at((0, up(FIN | ACK)), (9, down(ACK))), rows=[{"flow_id": 1, "ended": "end"}])
REUSE: list[tuple[int, bytes]] = [(0, up(SYN)), (1, up(FIN | ACK)), (2, down(FIN | ACK)), (3, up(ACK)), (4, up(SYN)), (5, down(SYN | ACK))]
case("port-reuse", "a new SYN after the close stays in the flow, as in nfstream", at(*REUSE),
     rows=[{"flow_id": 1, "client_packets": 4, "server_packets": 2, "ended": "tcp_close"}])
case("port-reuse-split", "with tcp_close it begins a new flow", at(*REUSE), settings={"tcp_close": True},
     rows=[{"flow_id": 1, "client_packets": 3, "server_packets": 1, "ended": "tcp_close"}, {"flow_id": 5, "client_packets": 1, "server_packets": 1, "ended": "end"}])
case("active-after-close", "an active timeout is not called a close", at((0, up(RST)), *((i * 100 * SECOND, up(ACK)) for i in range(1, 19))),
     rows=[{"flow_id": 1, "ended": "active"}, {"flow_id": 19, "ended": "end"}])
BACK: list[Frame] = [(T0 + 500, up(ACK)), (T0 + 100, up(ACK)), (T0 + 200, down(ACK)), (T0 + 600, up(ACK))]
case("time-back", "time never goes back: earlier packets count as at the latest time", pcap(BACK), anomalies={"time_went_back": 2},
     rows=[{"flow_id": 1, "first_seen": T0 + 500, "last_seen": T0 + 600, "packet_times": [0, 0, 0, 100], "server_delay_us": 0, "gap_us_max": 100}])
case("time-of-others", "a frame that is no flow's does not move the clock", at((0, up(ACK)), (900 * SECOND, ethernet(0x0806) + bytes(28)), (1, up(ACK))),
     rows=[{"flow_id": 1, "client_packets": 2, "last_seen": T0 + 1}], not_flows={"non_ip": 1}, non_ip={"arp": 1})
BYTES = b"y" * 100
case("retransmissions", "repeated payload; a keep-alive is none, nor is what lies beyond",
     at(*enumerate([up(ACK, 1000, BYTES), up(ACK, 1100, BYTES), up(ACK, 1000, BYTES), up(ACK, 1199, b"k"), up(ACK, 1150, BYTES), up(ACK, 1100, b"12"), down(ACK, 1000, BYTES)])),
     rows=[{"flow_id": 1, "client_retransmissions": 2, "server_retransmissions": 0, "client_payload_bytes": 403}])
case("sequence-wrap", "sequence numbers wrap around", at(*enumerate([up(ACK, 2**32 - 50, BYTES), up(ACK, 50, BYTES), up(ACK, 2**32 - 50, BYTES)])),
     rows=[{"flow_id": 1, "client_retransmissions": 1}])
case("same-ports", "equal ports: the addresses tell the directions", pcap([(T0, CLIENT + ipv4(udp(123, 123), 17, A4, B4)), (T0 + 7, SERVER + ipv4(udp(123, 123), 17, B4, A4))]),
     rows=[{"flow_id": 1, "client_packets": 1, "server_packets": 1, "server_delay_us": 7}])
case("same-addresses", "equal addresses: the ports tell the directions", pcap([(T0, CLIENT + ipv4(udp(9, 5), 17, A4, A4)), (T0 + 7, CLIENT + ipv4(udp(5, 9), 17, A4, A4))]),
     rows=[{"flow_id": 1, "client_port": 9, "client_packets": 1, "server_packets": 1}])
case("same-everything", "equal addresses and ports: all packets are the client's", pcap([(T0, CLIENT + ipv4(udp(5, 5), 17, A4, A4))] * 2),
     rows=[{"flow_id": 1, "client_packets": 2, "server_packets": 0}])
case("server-first", "the client is who is seen first", at((0, down(ACK)), (5, up(ACK))), rows=[{"flow_id": 1, "client_ip": B4, "client_port": 80, "server_packets": 1}])
LONG = [(i * 10, up(ACK, i, b"z") if i % 3 else down(ACK, i)) for i in range(1, 40)]
case("sequence-limit", "the first packets' sizes and times, no more than asked", at(*LONG), settings={"sequence_packets": 5},
     rows=[{"flow_id": 1, "packet_sizes": [55, 55, -54, 55, 55], "packet_times": [0, 10, 20, 30, 40], "client_packets": 26}])
case("long-gaps", "times beyond 2^31 µs are held there", at((0, up(ACK)), (3000 * SECOND, up(ACK))), settings={"idle_timeout_s": 9000.0, "active_timeout_s": 9000.0},
     rows=[{"flow_id": 1, "packet_times": [0, 2**31 - 1], "gap_us_max": 3000 * SECOND}])
