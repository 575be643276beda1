"""Core and twin where tables grow, fill, and forget: many flows, many fragments, headers without end."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import pytest

pytest.importorskip("tapiary.meter._native", reason="the meter's core is not compiled")
sys.path.insert(0, str(Path(__file__).parent / "captures"))

from golden import TUNNELS
from layers import ACK, FIN, RST, SYN, Frame, ethernet, gre, gtp, ipv4, ipv6, label, pcap, tag, tcp, udp
from twins import compare

from tapiary.config import MeterConfig


def _flow_frames(chance: Random, count: int) -> list[Frame]:
    """Packets of some thousand flows, some busy and most not, over hours."""
    time, frames = 1_600_000_000_000_000, []
    for _ in range(count):
        time += chance.choice((0, 10, 1000, 300_000, 2_000_000))
        host = chance.randrange(40) if chance.random() < 0.5 else chance.randrange(60_000)
        src, dst = f"10.{host >> 8}.{host & 255}.1", "198.51.100.2"
        if chance.random() < 0.4:
            src, dst = dst, src
        if host % 3:
            flags = chance.choice((ACK, ACK, ACK, ACK, SYN, FIN | ACK, RST))
            segment = tcp(host, host, flags, chance.randrange(3000), bytes(chance.randrange(4)))
            frames.append((time, ethernet() + ipv4(segment, 6, src, dst)))
        else:
            frames.append((time, ethernet() + ipv4(udp(host, host), 17, src, dst)))
    return frames


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("tcp_close", [False, True])
def test_many_flows(threads: int, tcp_close: bool) -> None:
    data = pcap(_flow_frames(Random(threads), 20_000))
    assert not compare(data, MeterConfig(dpi=False, threads=threads, tcp_close=tcp_close))


def test_a_long_flow_among_others() -> None:
    """A flow of many packets has several rows in the index; the others are few frames apart."""
    chance = Random(5)
    busy = ethernet() + ipv4(tcp(1, 2, ACK, 7, b"x"), 6)
    frames = [(i, busy if chance.random() < 0.97 else ethernet() + ipv4(udp(i % 60000, 2))) for i in range(30_000)]
    assert not compare(pcap(frames), MeterConfig(dpi=False, threads=1, sequence_packets=255))


@pytest.mark.parametrize("threads", [1, 3])
def test_more_fragments_than_are_remembered(threads: int) -> None:
    chance = Random(8)
    firsts = [(n, ethernet() + ipv4(udp(n % 60000 + 1, 53, bytes(8)), number=n, more=True)) for n in range(5000)]
    again = [(5000 + n, ethernet() + ipv4(udp(7, 53, bytes(8)), number=n, more=True)) for n in range(1000, 1100)]
    later = [(6000 + n, ethernet() + ipv4(bytes(8), number=n, fragment=16)) for n in chance.sample(range(5000), 5000)]
    assert not compare(pcap(firsts + again + later), MeterConfig(dpi=False, threads=threads))


def test_headers_without_end() -> None:
    inner = ipv4(udp(1, 2, b"x"))
    deep = inner
    for _ in range(300):
        deep = ipv4(gre(0x0800) + deep, 47) if len(deep) < 60_000 else deep
    user = inner
    for _ in range(12):
        user = ipv4(udp(2152, 2152, gtp(user)))
    wires = inner
    for _ in range(40):
        wires = label(16, True) + bytes(4) + ethernet(0x8847) + wires
    frames = [
        ethernet(0x8100) + tag(1, 0x8100) * 20_000 + tag(2) + inner,
        ethernet(0x8847) + label(3, False) * 20_000 + label(3, True) + inner,
        ethernet() + deep,
        ethernet() + user,
        ethernet(0x8847) + wires,
        ethernet(0x86DD) + ipv6(b"\x3c\0\0\0\0\0\0\0" * 5000, 60),
        ethernet() + ipv4(b"\x40\0\x08\0\0\0\0\0" + b"\x08\0\0\4\0\0\0\0" * 5000 + bytes(4) + inner, 47),
    ]
    data = pcap([(i, frame) for i, frame in enumerate(frames)])
    assert not compare(data, MeterConfig(dpi=False, threads=1, tunnels=TUNNELS))
