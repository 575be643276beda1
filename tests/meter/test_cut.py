"""Packets cut out of captures by the index: the very bytes, in a valid capture."""

from __future__ import annotations

import contextlib
import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from golden import EXPECTED, HERE
from hypothesis import given
from hypothesis import strategies as st

from tapiary.config import MeterConfig
from tapiary.errors import Conflict
from tapiary.meter import cut, cut_packets, decode_frames, meter
from tapiary.meter.cut import decode_gaps
from tapiary.meter.reference.read import Stop, records
from tapiary.meter.reference.source import load


def index_of(source: Path) -> tuple[dict[int, np.ndarray], bytes, bytes]:
    """Frames by flow, anchors and context of a capture."""
    flows: dict[int, list[np.ndarray]] = {}
    special = {0: b"", -1: b""}
    for found in meter(source, MeterConfig(dpi=False, threads=1)):
        for row in found.index.to_pylist() if found.index is not None else ():
            if row["flow_id"] > 0:
                flows.setdefault(row["flow_id"], []).append(
                    decode_frames(row["first_frame"], row["frame_count"], row["frames"])
                )
            else:
                special[row["flow_id"]] += row["frames"]
    return {flow: np.concatenate(parts) for flow, parts in flows.items()}, special[0], special[-1]


def frames_of(data: bytes) -> list[tuple[object, ...]]:
    """(time, link type, wire length, bytes) of every frame, by the twin's reader."""
    found: list[tuple[object, ...]] = []
    with contextlib.suppress(Stop):
        for record in records(data):
            found.append((record.time, record.link_type, record.wire, record.data))  # noqa: PERF401 - all up to Stop
    return found


#: Simple packet blocks carry no time: they take that of the packet before them, which may be left out of a cut.
TIMELESS = {"pcapng-simple.pcapng", "pcapng-unknown-blocks.pcapng"}


@pytest.mark.parametrize("largest", [cut._LARGEST, 0], ids=["", "walked"])
@pytest.mark.parametrize("name", EXPECTED)
def test_every_flow_of_every_golden_capture(name: str, largest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cut, "_LARGEST", largest)
    source = HERE / name
    whole = frames_of(load(source)[0])
    flows, anchors, context = index_of(source)
    for frames in [*flows.values(), np.sort(np.concatenate(list(flows.values()) or [np.empty(0, np.int64)]))]:
        found = frames_of(b"".join(cut_packets(source, frames, anchors, context)))
        expected = [whole[frame - 1] for frame in frames]
        first = 1 if name in TIMELESS else 0
        assert [frame[first:] for frame in found] == [frame[first:] for frame in expected]


@pytest.mark.parametrize("carried", [False, True])
def test_a_huge_block_costs_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, carried: bool) -> None:
    """One that is passed over between two packets, or carried along: here names of hosts."""
    source = tmp_path / "huge.pcapng"
    size = struct.pack("<I", 40 << 20)
    packet = struct.pack("<8I", 6, 36, 0, 0, 5, 4, 4, 0) + struct.pack("<I", 36)
    with source.open("wb") as file:
        file.write(struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28))
        file.write(struct.pack("<IIHHII", 1, 20, 1, 0, 0, 20) + packet)
        file.write(struct.pack("<I", 4 if carried else 0xBAD) + size)
        file.seek((40 << 20) - 12, 1)
        file.write(size + packet)
    _, anchors, context = index_of(source)
    read = cut._Reader.read

    def bounded(self: cut._Reader, at: int, size: int) -> bytes:
        assert size <= cut._LARGEST
        return read(self, at, size)

    monkeypatch.setattr(cut._Reader, "read", bounded)
    found = list(cut_packets(source, np.array([1, 2]), anchors, context))
    assert b"".join(found) == source.read_bytes() if carried else sum(map(len, found)) == 48 + 2 * len(packet)
    assert max(map(len, found)) < 2 << 20


def test_nothing_wanted_is_an_empty_capture() -> None:
    for name in ("pcap-us-little.pcap", "pcapng-little.pcapng"):
        _, anchors, context = index_of(HERE / name)
        cut = b"".join(cut_packets(HERE / name, np.empty(0, np.int64), anchors, context))
        assert frames_of(cut) == []
        assert cut


@pytest.fixture(scope="module")
def long_captures(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> list[Path]:
    """A capture of many anchors: plain, and packed."""
    folder = tmp_path_factory.mktemp("long")
    data = sample.read_bytes()
    plain, packed = folder / "long.pcap", folder / "long.pcap.gz"
    plain.write_bytes(data[:24] + data[24:] * 40)
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    return [plain, packed]


@given(data=st.data())
def test_any_frames_of_a_long_capture(long_captures: list[Path], data: st.DataObject) -> None:
    source = data.draw(st.sampled_from(long_captures))
    if source not in _READ:
        _READ[source] = frames_of(load(source)[0]), *index_of(source)[1:]
    whole, anchors, context = _READ[source]
    wanted = data.draw(st.lists(st.integers(1, len(whole)), unique=True, max_size=40).map(sorted))
    found = b"".join(cut_packets(source, np.array(wanted, np.int64), anchors, context))
    assert frames_of(found) == [whole[frame - 1] for frame in wanted]


#: Frames, anchors and context of the long captures, which take their time to read.
_READ: dict[Path, tuple[list[tuple[object, ...]], bytes, bytes]] = {}


def test_another_file_than_was_indexed(tmp_path: Path, long_captures: list[Path]) -> None:
    flows, anchors, context = index_of(long_captures[0])
    everything = np.sort(np.concatenate(list(flows.values())))
    other = tmp_path / "other.pcap"
    other.write_bytes(long_captures[0].read_bytes()[: 1 << 18])
    with pytest.raises(Conflict, match="process it again"):
        list(cut_packets(other, everything, anchors, context))


@given(st.lists(st.integers(0, 1 << 40)))
def test_gaps_are_sums(gaps: list[int]) -> None:
    blob = b"".join(_leb128(gap) for gap in gaps)
    assert decode_gaps(blob).tolist() == np.cumsum(np.array(gaps, np.int64)).tolist()


def test_a_damaged_row_is_noticed() -> None:
    with pytest.raises(ValueError, match="3 frames in a row of 5"):
        decode_frames(7, 5, b"\x01\x01")


def _leb128(value: int) -> bytes:
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
