"""Captures merged by time: formats, interfaces, long packets, many files."""

from __future__ import annotations

import os
import resource
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from layers import Pcapng, pcap

pytest.importorskip("tapiary.meter._native", reason="the meter's core is not compiled")

from merged import Described, Told, limit, merged, read, written

from tapiary.config import MeterConfig
from tapiary.meter import MergeSource, merge, merging, meter

SECOND = 10**9
NOW = 1_700_000_000 * SECOND


def tool(name: str) -> str:
    """The path of a program of Debian's; without it the test is skipped, in CI it fails."""
    found = shutil.which(name)
    if not found:
        message = f"{name} is not installed (Debian: apt install tshark)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found


def flags(packet: Told) -> int | None:
    found = packet.options.get(2)
    return None if found is None else int.from_bytes(found, "little")


def test_every_format_keeps_its_nanoseconds(tmp_path: Path) -> None:
    formats = [
        pcap([(NOW // 1000, b"us")]),
        pcap([(NOW // 1000 + 1, b"us big", 100)], order=">", snap=64),
        pcap([(NOW + 1001, b"ns")], 113, nanoseconds=True),
        pcap([(NOW + 1002, b"ns big")], order=">", nanoseconds=True),
        Pcapng().section().interface(resolution=9).packet(NOW + 1003, b"ng").data,
        Pcapng(">").section().interface(101, 96, resolution=0x80 | 30).packet(5 << 29, b"binary").data,
        Pcapng().section().interface(resolution=6, offset=1_700_000_000).packet(2, b"offset").data,
        Pcapng(">").section().interface().old_packet(NOW // 1000 + 3, b"old").data,
    ]
    result, interfaces, packets = merged(tmp_path, *formats)
    assert [(p.time, p.data, p.wire, interfaces[p.interface].name[0]) for p in packets] == [
        (5 * SECOND // 2, b"binary", 6, "f"), (NOW, b"us", 2, "a"), (NOW + 1000, b"us big", 100, "b"),
        (NOW + 1001, b"ns", 2, "c"), (NOW + 1002, b"ns big", 6, "d"), (NOW + 1003, b"ng", 2, "e"),
        (NOW + 2000, b"offset", 6, "g"), (NOW + 3000, b"old", 3, "h"),
    ]
    assert interfaces == [
        Described(1, 65535, "a"), Described(1, 64, "b"), Described(113, 65535, "c"), Described(1, 65535, "d"),
        Described(1, 0, "e:eth0"), Described(101, 96, "f:eth0"), Described(1, 0, "g:eth0"), Described(1, 0, "h"),
    ]
    assert [flags(p) for p in packets] == [0x01000000, None, None, None, None, 1, 1, None]
    assert result.torn == {}


def test_equal_times_go_in_the_order_of_the_sources_and_none_is_sorted_in_itself(tmp_path: Path) -> None:
    first = pcap([(5, b"a1"), (7, b"a2"), (7, b"a3"), (3, b"a4")])
    second = pcap([(5, b"b1"), (7, b"b2"), (9, b"b3")])
    _, _, packets = merged(tmp_path, first, second)
    assert [p.data for p in packets] == [b"a1", b"b1", b"a2", b"a3", b"a4", b"b2", b"b3"]


def test_packets_without_a_time_follow_the_one_before(tmp_path: Path) -> None:
    timeless = Pcapng().section().interface(snap=3).packet(4, b"abc").simple_packet(b"def", 9).packet(6, b"ghi").data
    _, _, packets = merged(tmp_path, timeless, pcap([(4, b"x"), (5, b"y")]))
    assert [(p.time, p.data, p.wire) for p in packets] == [
        (4000, b"abc", 3), (4000, b"def", 9), (4000, b"x", 1), (5000, b"y", 1), (6000, b"ghi", 3),
    ]


def test_times_beyond_64_bits_are_the_nearest_that_fit(tmp_path: Path) -> None:
    strange = Pcapng().section().interface(resolution=6, offset=-5).interface(resolution=0).interface(resolution=40)
    strange.packet(1, b"before 1970").packet(2**40, b"after 2554", 1).packet(7, b"too fine", 2)
    _, _, packets = merged(tmp_path, strange.data)
    assert [p.time for p in packets] == [0, 2**64 - 1, 0]


def test_comments_and_names_are_kept_clean_and_short(tmp_path: Path) -> None:
    ng = Pcapng()
    ng.section()
    name, said = ng.option(2, b"eth\xff\x1b\0"), ng.option(3, "Büro".encode())
    ng.block(1, struct.pack("<HHI", 1, 0, 0) + name + said + ng.option(0, b""))
    comment = ng.option(1, b"seen") + ng.option(3, b"\2hash")
    comment += ng.option(2, b"\2\0\0\0") + ng.option(4, bytes(7) + b"\1")
    ng.block(6, struct.pack("<5I", 0, 0, 1, 3, 3) + b"abc\0" + comment)     # no end of options, as the rule allows
    (tmp_path / "a").write_bytes(ng.data)
    (tmp_path / "b").write_bytes(pcap([]))
    sources = [MergeSource(tmp_path / "a", "dröne"), MergeSource(tmp_path / "b", "é" * 150, "x" * 5000)]
    merge(sources, tmp_path / "merged")
    interfaces, [packet] = read(tmp_path / "merged")
    assert interfaces == [Described(1, 0, "dröne:eth__", "Büro"), Described(1, 65535, "é" * 100, "x" * 4096)]
    assert packet.options == {1: b"seen", 2: b"\2\0\0\0", 4: bytes(7) + b"\1"}


def test_secrets_come_along(tmp_path: Path) -> None:
    secrets = struct.pack("<II", 0x544C534B, 4) + b"KEYS"
    merged(tmp_path, Pcapng().section().block(10, secrets).interface().packet(1, b"x").data)
    assert b"KEYS" in (tmp_path / "merged.pcapng").read_bytes()


def test_interfaces_are_kept_apart_but_for_sections_and_segments(tmp_path: Path) -> None:
    twice = Pcapng().section().interface().packet(1, b"1").section().interface().packet(2, b"2")
    twice.section().interface(113).packet(3, b"3")
    same = pcap([(4, b"4")])
    sources = written(tmp_path, twice.data, same, same, pcap([(5, b"5")], 113))
    alike = [MergeSource(source.path, "eth0") for source in sources]
    merge(alike, tmp_path / "apart")
    interfaces, packets = read(tmp_path / "apart")
    assert [i.link_type for i in interfaces] == [1, 1, 1, 113, 113]
    assert [p.interface for p in packets] == [0, 0, 4, 1, 2, 3]
    merge([MergeSource(s.path, s.interface, continues=True) for s in alike], tmp_path / "segments")
    interfaces, packets = read(tmp_path / "segments")
    assert interfaces == [
        Described(1, 0, "eth0"), Described(1, 65535, "eth0"), Described(113, 65535, "eth0"), Described(113, 0, "eth0"),
    ]
    assert [p.interface for p in packets] == [0, 0, 3, 1, 1, 2]


@pytest.mark.parametrize("captured", [262_144, 1 << 24])
def test_long_packets(tmp_path: Path, captured: int) -> None:
    data = os.urandom(1000) * (captured // 1000 + 1)
    _, _, packets = merged(tmp_path, pcap([(1, data[:captured]), (3, b"x")]), pcap([(2, data[:captured - 1])]))
    assert [len(p.data) for p in packets] == [captured, captured - 1, 1]
    assert packets[0].data == data[:captured]


def test_many_more_sources_than_files_may_be_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments of one capture one after the other, and captures side by side that are read in turns."""
    monkeypatch.setattr(merging, "_LEAST_BUFFER_BYTES", 256)
    monkeypatch.setattr(merging, "_BUFFER_BYTES", 256)
    sources = []
    for number in range(300):
        path = tmp_path / f"{number}.pcap"
        start = number % 150 * 40
        path.write_bytes(pcap([(start + i, b"%d" % number + bytes(30)) for i in range(40)]))
        sources.append(MergeSource(path, f"line{number // 150}", continues=number % 150 > 0))
    side = [MergeSource(source.path, "side") for source in sources[:1] * 100]
    with limit(resource.RLIMIT_NOFILE, len(os.listdir("/proc/self/fd")) + 40):
        result = merge(sources, tmp_path / "merged")
        merge(side, tmp_path / "side")
    interfaces, packets = read(tmp_path / "merged")
    assert [i.name for i in interfaces] == ["line0", "line1"]
    assert result.packets == 300 * 40
    assert [p.time for p in packets] == sorted(p.time for p in packets)
    assert len(read(tmp_path / "side")[1]) == 4000


def test_the_meter_finds_the_same_in_it(tmp_path: Path, sample: Path) -> None:
    """The sample dealt out to three captures and merged again has the sample's flows."""
    data = sample.read_bytes()
    order = "<" if data[0] in (0xD4, 0x4D) else ">"
    hands, at, number = [[data[:24]], [data[:24]], [data[:24]]], 24, 0
    while at < len(data):
        length = 16 + struct.unpack_from(order + "I", data, at + 8)[0]
        hands[number * 7 % 3].append(data[at : at + length])
        at, number = at + length, number + 1
    merged(tmp_path, *(b"".join(hand) for hand in hands))
    totals = []
    for path in (sample, tmp_path / "merged.pcapng"):
        run = meter(path, MeterConfig(threads=1, dpi=False))
        rows = [row for found in run if found.flows is not None for row in found.flows.to_pylist()]
        totals.append((run.result.packets, run.result.flows, run.result.time_start, run.result.time_end, len(rows),
                       sorted((row["client_packets"], row["server_packets"], row["client_port"]) for row in rows)))
    assert totals[0] == totals[1]


def test_wiresharks_tools_read_it(tmp_path: Path) -> None:
    tshark, capinfos = tool("tshark"), tool("capinfos")
    newer = Pcapng().section().interface(resolution=9).packet(1500, bytes(80)).data
    merged(tmp_path, pcap([(1, bytes(60)), (3, bytes(70))]), newer)
    path = str(tmp_path / "merged.pcapng")
    fields = ["-e", "frame.time_epoch", "-e", "frame.len", "-e", "frame.interface_name"]
    shown = subprocess.run([tshark, "-r", path, "-T", "fields", *fields], capture_output=True, text=True, check=True)
    assert shown.stdout.split("\n")[:3] == [
        "0.000001000\t60\ta", "0.000001500\t80\tb:eth0", "0.000003000\t70\ta",
    ]
    about = subprocess.run([capinfos, path], capture_output=True, text=True, check=True).stdout
    assert "Number of packets:   3" in about
    assert "Number of interfaces in file: 2" in about
