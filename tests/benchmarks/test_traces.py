"""The generated traces: valid, in order of time, with right checksums and addresses of their own in each copy."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import mix, ordinary, traces
from benchmarks.captures import read


def _sum(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def wrong_sums(packets: list[bytes]) -> int:
    """Whole, unfragmented IPv4 packets over Ethernet whose IP, TCP or UDP checksum is wrong."""
    wrong = 0
    for data in packets:
        if data[12:14] != b"\x08\0" or data[14] != 0x45:
            continue
        length, protocol = int.from_bytes(data[16:18], "big"), data[23]
        segment = data[34:14 + length]
        wrong += _sum(data[14:34]) != 0xFFFF
        if len(data) < 14 + length or data[20] & 0x3F or data[21] or protocol not in (6, 17):
            continue
        if protocol == 17 and segment[6:8] == b"\0\0":
            continue
        wrong += _sum(data[26:34] + bytes([0, protocol]) + len(segment).to_bytes(2, "big") + segment) != 0xFFFF
    return wrong


@pytest.fixture(scope="module")
def sources() -> list[Path]:
    found = traces.default_sources()
    assert found, "the project ships a sample capture"
    return found[:40]


def test_the_mix_is_made_of_copies_under_other_addresses(sources: list[Path], tmp_path: Path) -> None:
    mix.write(tmp_path / "one.pcap", sources, 1)
    one = read(tmp_path / "one.pcap")
    facts = mix.write(tmp_path / "three.pcap", sources, len(one) * 3)
    three = read(tmp_path / "three.pcap")
    assert facts["copies"] == 3
    assert len(three) == facts["packets"] == len(one) * 3
    assert (tmp_path / "three.pcap").stat().st_size == facts["bytes"]
    times = [packet.time_us for packet in three]
    assert times == sorted(times)
    assert wrong_sums([p.data for p in three]) == 3 * wrong_sums([p.data for p in one])
    movable = {p.data[26:30] for p in one if p.data[12:14] == b"\x08\0" and 0 < p.data[26] < 127}
    addresses = {p.data[26:30] for p in three if p.data[12:14] == b"\x08\0" and 0 < p.data[26] < 127}
    assert len(movable) * 2 < len(addresses) <= len(movable) * 3
    assert sorted(len(p.data) for p in three) == sorted(len(p.data) for p in one * 3)


def test_the_mix_needs_ethernet(tmp_path: Path) -> None:
    (tmp_path / "no.pcap").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="no Ethernet"):
        mix.write(tmp_path / "out.pcap", [tmp_path / "no.pcap"], 10)


def test_tunnelled_addresses_move_too(tmp_path: Path) -> None:
    for kind in ("gtp", "vxlan", "gre", "ipip", "6in4"):
        source = Path(__file__).parents[1] / "meter" / "captures" / f"{kind}.pcap"
        if not source.exists():
            continue
        mix.write(tmp_path / "two.pcap", [source], 2 * len(read(source)))
        packets = [packet.data for packet in read(tmp_path / "two.pcap")]
        assert wrong_sums(packets) == 2 * wrong_sums([packet.data for packet in read(source)])
        # Nothing of a copy's inside is left as it was.
        assert len({data[34:] for data in packets}) > len({packet.data[34:] for packet in read(source)})


def test_ordinary_flows_are_repeatable_and_right(tmp_path: Path) -> None:
    facts = ordinary.write(tmp_path / "a.pcap", 3_000_000, seed=5)
    ordinary.write(tmp_path / "b.pcap", 3_000_000, seed=5)
    assert (tmp_path / "a.pcap").read_bytes() == (tmp_path / "b.pcap").read_bytes()
    packets = read(tmp_path / "a.pcap")
    assert len(packets) == facts["packets"]
    assert (tmp_path / "a.pcap").stat().st_size == facts["bytes"] >= 3_000_000
    times = [packet.time_us for packet in packets]
    assert times == sorted(times)
    assert wrong_sums([packet.data for packet in packets[:3000]]) == 0
    assert 600 < sum(len(packet.data) for packet in packets) / len(packets) < 1200


def test_traces_are_kept(sources: list[Path], tmp_path: Path) -> None:
    said: list[str] = []
    make: Callable[[], traces.Trace] = lambda: traces.mix(tmp_path, sources[:3], 1, said.append)  # noqa: E731
    first = make()
    stamp = first.path.stat().st_mtime_ns
    assert make() == first
    assert first.path.stat().st_mtime_ns == stamp
    assert len(said) == 1
