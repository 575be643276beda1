"""The first packet's time, by hand-made heads of every format."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import pyarrow as pa
import pytest

from tapiary.services.first_packet import first_time, looks_like_capture


def pcap(magic: bytes, order: str, fraction: int) -> bytes:
    return (
        magic
        + struct.pack(order + "HHiIII", 2, 4, 0, 0, 65535, 1)
        + struct.pack(order + "IIII", 1_700_000_000, fraction, 0, 0)
    )


def block(order: str, kind: int, body: bytes) -> bytes:
    length = len(body) + 12
    return struct.pack(order + "II", kind, length) + body + struct.pack(order + "I", length)


def pcapng(order: str, options: bytes, ticks: int) -> bytes:
    section = block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    interface = block(order, 1, struct.pack(order + "HHI", 1, 0, 65535) + options)
    unknown = block(order, 0xBAD, b"xxxx")
    packet = block(order, 6, struct.pack(order + "IIIII", 0, ticks >> 32, ticks & 0xFFFFFFFF, 0, 0))
    return section + interface + unknown + packet


HEADS = {
    "µs, little": (pcap(b"\xd4\xc3\xb2\xa1", "<", 250_000), 1_700_000_000.25),
    "µs, big": (pcap(b"\xa1\xb2\xc3\xd4", ">", 250_000), 1_700_000_000.25),
    "ns, little": (pcap(b"\x4d\x3c\xb2\xa1", "<", 250_000_000), 1_700_000_000.25),
    "ns, big": (pcap(b"\xa1\xb2\x3c\x4d", ">", 250_000_000), 1_700_000_000.25),
    "pcapng, little": (pcapng("<", b"", 1_700_000_000_250_000), 1_700_000_000.25),
    "pcapng, big": (pcapng(">", b"", 1_700_000_000_250_000), 1_700_000_000.25),
    "pcapng, ns": (pcapng("<", struct.pack("<HHB3x", 9, 1, 9), 1_700_000_000_250_000_000), 1_700_000_000.25),
    "pcapng, 2^-10 s": (pcapng("<", struct.pack("<HHB3x", 9, 1, 0x8A), (1_700_000_000 << 10) + 256), 1_700_000_000.25),
    "pcapng, offset": (pcapng("<", struct.pack("<HHB3xHHq", 9, 1, 3, 14, 8, 1_700_000_000), 250), 1_700_000_000.25),
}


@pytest.mark.parametrize("packing", ["plain", "gzip", "zstd"])
@pytest.mark.parametrize(("head", "time"), HEADS.values(), ids=HEADS)
def test_formats(tmp_path: Path, head: bytes, time: float, packing: str) -> None:
    data = {
        "plain": lambda: head,
        "gzip": lambda: gzip.compress(head),
        "zstd": lambda: pa.Codec("zstd").compress(head, asbytes=True),
    }[packing]()
    (tmp_path / "x").write_bytes(data)
    assert looks_like_capture(data)
    if packing == "zstd":
        pytest.importorskip("pyarrow")
    assert first_time(tmp_path / "x") == pytest.approx(time, abs=1e-6)


@pytest.mark.parametrize(("head", "time"), HEADS.values(), ids=HEADS)
def test_cut_anywhere(tmp_path: Path, head: bytes, time: float) -> None:
    path = tmp_path / "x"
    for size in range(len(head)):
        path.write_bytes(head[:size])
        assert first_time(path) in (None, pytest.approx(time, abs=1e-6))


def test_what_is_no_capture(tmp_path: Path) -> None:
    for data in (
        b"",
        b"hello",
        b"\x1f\x8b" + b"x" * 50,
        b"\x28\xb5\x2f\xfd" + b"x" * 50,
        b"\x0a\x0d\x0d\x0a" + b"\0" * 100,
    ):
        (tmp_path / "x").write_bytes(data)
        assert first_time(tmp_path / "x") is None
    assert first_time(tmp_path / "none") is None
