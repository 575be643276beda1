"""Merging captures that are empty, damaged, no captures or not there, and targets that fail: nothing is left behind."""

from __future__ import annotations

import errno
import gzip
import os
import resource
import struct
import subprocess
from pathlib import Path

import pytest
from layers import Pcapng, pcap

pytest.importorskip("tapiary.meter._native", reason="the meter's core is not compiled")

from merged import limit, merged, read, written

from tapiary.errors import Conflict, InvalidInput, NotFound, Unavailable
from tapiary.meter import MergeProgress, MergeSource, merge, merging


def test_empty_sources_add_nothing_and_headers_their_interface(tmp_path: Path) -> None:
    result, interfaces, packets = merged(tmp_path, b"", pcap([], 113), pcap([(1, b"x")]), Pcapng().section().data)
    assert [(i.name, i.link_type) for i in interfaces] == [("b", 113), ("c", 1)]
    assert len(packets) == 1
    assert result.torn == {}
    result, interfaces, packets = merged(tmp_path, b"", gzip.compress(b""))
    assert (interfaces, packets, result.torn) == ([], [], {})


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_a_torn_capture_gives_all_whole_packets(tmp_path: Path, packed: bool) -> None:
    newer = Pcapng().section().interface().packet(1, b"first").packet(2, b"2").data
    for data, ends in ((pcap([(1, b"first"), (2, b"second")]), (24, 45)), (newer, (28, 48, 100))):
        for end in range(1, len(data)):
            torn = gzip.compress(data[:end], 1) if packed else data[:end]
            if end < 4:
                with pytest.raises(InvalidInput, match=r"a\.cap is neither"):
                    merge(written(tmp_path, torn), tmp_path / "merged")
                continue
            merge_result = merge(written(tmp_path, torn, pcap([(9, b"last")])), tmp_path / "merged")
            _, packets = read(tmp_path / "merged")
            lengths = [len(p.data) for p in packets]
            assert lengths in ([4], [5, 4], [5, 6, 4])
            assert bool(merge_result.torn) == (end not in ends)


def test_damage_ends_a_source_where_it_is(tmp_path: Path) -> None:
    good = pcap([(1, b"good")])
    long = good + struct.pack("<IIII", 0, 2, 0xFFFFFFF0, 5) + bytes(64)
    block = Pcapng().section().interface().packet(1, b"good").block(6, bytes(20), trailer=7).data
    packed = gzip.compress(os.urandom(300_000))[:-100_000]
    result, _, packets = merged(tmp_path, long, block, good[:24] + good[24:] * 2 + b"x" * 5, gzip.compress(good)[:-4])
    assert [p.data for p in packets] == [b"good"] * 5
    told = {Path(path).name: why for path, why in result.torn.items()}
    assert told == {
        "a.cap": "the record at byte 44 claims to be longer than any packet",
        "b.cap": f"the block at byte {len(block) - 32:,} is malformed",
        "c.cap": "it ends inside the record that begins at byte 64",
        "d.cap": "its compressed data break off or are damaged",
    }
    with pytest.raises(InvalidInput, match="neither a pcap nor a pcapng"):
        merged(tmp_path, packed)


def test_a_source_that_is_no_capture_or_not_there(tmp_path: Path) -> None:
    for junk in (b"\x0a\x0d\x0d\x0a" + bytes(40), b"junk" * 10, b"x"):
        with pytest.raises(InvalidInput, match=r"b\.cap is neither a pcap nor a pcapng") as told:
            merged(tmp_path, pcap([(1, b"x")]), junk)
        assert told.value.field == "file"
    with pytest.raises(NotFound, match="no file"):
        merge([MergeSource(tmp_path / "none", "x")], tmp_path / "merged")
    with pytest.raises(InvalidInput, match="no captures"):
        merge([], tmp_path / "merged")
    with pytest.raises(NotFound, match="no folder"):
        merge(written(tmp_path, b""), tmp_path / "none" / "merged")
    with pytest.raises(Unavailable, match="cannot be written"):
        merge(written(tmp_path, b""), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.cap", "b.cap"]


@pytest.fixture
def large(tmp_path: Path) -> list[MergeSource]:
    """Sources of 48 MB in all."""
    packets = [(i, bytes(1400)) for i in range(12_000)]
    return written(tmp_path, pcap(packets), pcap(packets), gzip.compress(pcap(packets), 1))


def test_progress_grows_to_the_whole(tmp_path: Path, large: list[MergeSource], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "PROGRESS_INTERVAL_S", 0.0)
    monkeypatch.setattr(merging, "_SLICE_BYTES", 1 << 20)
    told: list[MergeProgress] = []
    result = merge(large, tmp_path / "merged", progress=told.append)
    total = sum(source.path.stat().st_size for source in large)
    assert {report.total_bytes for report in told} == {total}
    assert [report.bytes for report in told] == sorted(report.bytes for report in told)
    assert (told[-1].bytes, told[-1].packets) == (total, result.packets) == (total, 36_000)
    assert len(told) > 20


def test_cancelling_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, large: list[MergeSource], monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(merging, "_SLICE_BYTES", 1 << 20)
    target = tmp_path / "merged"
    target.write_bytes(b"old")
    asked = iter([False, False, True])
    with pytest.raises(Conflict, match="cancelled") as told:
        merge(large, target, cancelled=lambda: next(asked))
    assert told.value.code == "cancelled"
    assert target.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.cap", "b.cap", "c.cap", "merged"]


def test_a_target_that_may_not_grow(tmp_path: Path, large: list[MergeSource]) -> None:
    with limit(resource.RLIMIT_FSIZE, 20 << 20), pytest.raises(Unavailable, match="cannot be written: File too large"):
        merge(large, tmp_path / "merged")
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".cap"]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_full_disk(tmp_path: Path, large: list[MergeSource]) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "none", str(disk)], check=False)
    if mounted.returncode:
        pytest.skip("this system lets nobody mount")
    try:
        with pytest.raises(Unavailable, match="no space left") as told:
            merge(large, disk / "merged")
        assert told.value.code == "disk_full"
        assert not list(disk.iterdir())
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_source_that_vanishes_meanwhile(tmp_path: Path, large: list[MergeSource]) -> None:
    real = merging._Opened.orders

    class Vanishing(merging._Opened):
        def orders(self) -> list[tuple[bytes | None, bytes, bytes, bool]]:
            large[1].path.unlink()
            return real(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merging, "_Opened", Vanishing)
        with pytest.raises(Unavailable, match=rf"b\.cap cannot be read: {os.strerror(errno.ENOENT)}"):
            merge(large, tmp_path / "merged")


def test_more_interfaces_than_a_capture_may_have(tmp_path: Path) -> None:
    head, one = Pcapng().section().data, Pcapng().interface().data
    many = head + one * 40_000 + Pcapng().packet(1, b"x").data
    result, interfaces, packets = merged(tmp_path, many, many)
    assert len(interfaces) == 65_536
    assert [p.data for p in packets] == [b"x"]
    assert list(result.torn.values()) == ["at byte 510,748 there are more interfaces than a capture may have"]
