"""The packet index, decoded in one go, and captures cut by it."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import dpkt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapiary.errors import Conflict, InternalError
from tapiary.meter import decode_frames
from tapiary.services import FlowFilter, Services
from tapiary.services.packets import frames_of


def leb128(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


@given(st.lists(st.tuples(st.integers(1, 2**40), st.lists(st.integers(1, 2**35), max_size=5)), max_size=8))
def test_all_rows_at_once(flows: list[tuple[int, list[int]]]) -> None:
    rows = [(n, first, 1 + len(gaps), b"".join(map(leb128, gaps))) for n, (first, gaps) in enumerate(flows, 1)]
    one_by_one = sorted(int(frame) for _, first, count, blob in rows for frame in decode_frames(first, count, blob))
    assert frames_of(rows).tolist() == one_by_one


def test_a_damaged_index_is_told() -> None:
    with pytest.raises(InternalError, match="damaged"):
        frames_of([(1, 1, 3, b"\x01")])


def test_a_packed_capture_is_cut_unpacked(services: Services, sample: Path, tmp_path: Path) -> None:
    packed = tmp_path / "sample.pcap.gz"
    packed.write_bytes(gzip.compress(sample.read_bytes()))
    plain, other = (services.ingest.process_file(path).job_id for path in (sample, packed))
    for flows in (FlowFilter(), FlowFilter(label="dns"), FlowFilter(flow_ids=(1,))):
        cut = b"".join(services.packets.cut(plain, flows))
        assert cut == b"".join(services.packets.cut(other, flows))
        assert len(list(dpkt.pcap.Reader(io.BytesIO(cut)))) > 0


def test_without_an_index(services: Services, sample: Path) -> None:
    from msgspec.structs import replace

    done = services.ingest.process_file(sample, meter=replace(services.config.meter, index=False))
    with pytest.raises(Conflict, match=r"meter\.index"):
        services.packets.cut(done.job_id, FlowFilter())
