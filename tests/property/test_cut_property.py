"""Packets cut out of random captures are the packets that were asked for, as the twin reads them."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("tapiary.meter._native", reason="the meter's core is not compiled")
sys.path.insert(0, str(Path(__file__).parents[1] / "meter" / "captures"))

import numpy as np
from chance import capture

from tapiary.config import MeterConfig
from tapiary.errors import InvalidInput
from tapiary.meter import cut_packets, meter
from tapiary.meter.reference.read import Record, Stop, records


def _records(data: bytes) -> list[Record]:
    found: list[Record] = []
    with contextlib.suppress(Stop):
        found.extend(records(data))
    return found


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from((1, 5, 70, 200)), st.sampled_from((0.02, 0.3, 1.0)))
def test_cut_packets_are_those_asked_for(seed: int, packets: int, share: float) -> None:
    chance = Random(seed)
    data = capture(chance, packets)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "capture"
        path.write_bytes(data)
        anchors = context = b""
        try:
            for batch in meter(path, MeterConfig(dpi=False, threads=1)):
                for row in batch.index.to_pylist() if batch.index is not None else ():
                    if row["flow_id"] == 0:
                        anchors += row["frames"]
                    elif row["flow_id"] == -1:
                        context += row["frames"]
        except InvalidInput:
            return
        every = _records(data)
        wanted = [record for record in every if chance.random() < share]
        cut = b"".join(cut_packets(path, np.array([record.frame for record in wanted], np.int64), anchors, context))
    if not wanted:
        return
    found = _records(cut)
    assert [(r.link_type, r.data, r.wire) for r in found] == [(r.link_type, r.data, r.wire) for r in wanted]
    # A simple packet block has no time of its own: it takes that of the packet before it, which may be another one now.
    if data[:4] != b"\x0a\x0d\x0d\x0a" or share == 1.0:
        assert [r.time for r in found] == [r.time for r in wanted]
