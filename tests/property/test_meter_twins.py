"""Random captures through the compiled core and through its twin: they must agree in everything."""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("tapiary.meter._native", reason="the meter's core is not compiled")
sys.path.insert(0, str(Path(__file__).parents[1] / "meter" / "captures"))

import pyarrow as pa
from chance import capture
from golden import TUNNELS
from twins import compare_results, run_core

from tapiary.config import MeterConfig
from tapiary.errors import InvalidInput
from tapiary.meter.reference import meter_file

_SEEDS = st.integers(0, 2**32)
_PACKETS = st.sampled_from((1, 2, 5, 20, 60))
_CONFIGS = st.builds(
    MeterConfig,
    dpi=st.just(False),
    threads=st.sampled_from((1, 1, 1, 3)),
    tunnels=st.just(TUNNELS) | st.lists(st.sampled_from(TUNNELS), unique=True),
    tcp_close=st.booleans(),
    sequence_packets=st.sampled_from((1, 2, 5, 30)),
    idle_timeout_s=st.sampled_from((120.0, 0.005, 1.0)),
    active_timeout_s=st.sampled_from((1800.0, 2.5)),
)


_MAGICS = tuple(map(bytes.fromhex, ("d4c3b2a1", "a1b23c4d", "0a0d0d0a1c0000004d3c2b1a", "1f8b08", "28b52ffd", "")))


class Trickle(io.BytesIO):
    """A stream that gives few bytes at a time, as a pipe may."""

    def __init__(self, data: bytes, chance: Random) -> None:
        super().__init__(data)
        self._chance = chance

    def readinto(self, room: bytearray) -> int:  # type: ignore[override]
        data = self.read(min(len(room), self._chance.choice((1, 2, 7, 16, 100, 1000))))
        room[: len(data)] = data
        return len(data)


@settings(max_examples=250, deadline=None)
@given(_SEEDS, _PACKETS, _CONFIGS)
def test_core_and_twin_agree(seed: int, packets: int, config: MeterConfig) -> None:
    data = capture(Random(seed), packets)
    try:
        twin = meter_file(data, config)
    except InvalidInput:
        with pytest.raises(InvalidInput):
            run_core(data, config)
        return
    counted = sum(int(str(row["client_packets"])) + int(str(row["server_packets"])) for row in twin.flows)
    assert counted + sum(twin.not_flows.values()) == twin.packets
    assert sum(twin.non_ip.values()) == twin.not_flows["non_ip"]
    numbers = [frame for frames in twin.frames.values() for frame in frames]
    assert len(numbers) == len(set(numbers)) == counted
    assert not compare_results(twin, run_core(data, config))


@settings(max_examples=60, deadline=None)
@given(_SEEDS, st.sampled_from((1, 3)))
def test_pieces_make_no_difference(seed: int, threads: int) -> None:
    chance = Random(seed)
    data, config = capture(chance, 20), MeterConfig(dpi=False, threads=threads, tunnels=TUNNELS)
    try:
        twin = meter_file(data, config)
    except InvalidInput:
        return
    assert not compare_results(twin, run_core(Trickle(data, chance), config))


@settings(max_examples=100, deadline=None)
@given(_SEEDS, st.binary(max_size=200))
def test_noise_after_a_magic_number(seed: int, noise: bytes) -> None:
    magic = Random(seed).choice(_MAGICS)
    config = MeterConfig(dpi=False)
    try:
        twin = meter_file(magic + noise, config)
    except InvalidInput:
        with pytest.raises(InvalidInput):
            run_core(magic + noise, config)
        return
    assert not compare_results(twin, run_core(magic + noise, config))


@settings(max_examples=60, deadline=None)
@given(_SEEDS, st.sampled_from(("gzip", "zstd")), st.sampled_from(("whole", "cut", "padded", "twice", "garbage")))
def test_packed_captures(seed: int, packing: str, how: str) -> None:
    chance, config = Random(seed), MeterConfig(dpi=False, threads=1)
    data = capture(chance, chance.choice((3, 30)))
    half = chance.randrange(len(data))
    parts = [data[:half], data[half:]] if how == "twice" else [data]
    packed = b"".join(
        gzip.compress(part) if packing == "gzip" else pa.compress(part, "zstd", asbytes=True) for part in parts
    )
    if how == "cut":
        packed = packed[: chance.randrange(5, len(packed))]
    packed += {"padded": bytes(40), "garbage": b"garbage"}.get(how, b"")
    try:
        twin = meter_file(packed, config)
    except InvalidInput:
        with pytest.raises(InvalidInput):
            run_core(packed, config)
        return
    assert twin.compression == packing
    assert not compare_results(twin, run_core(packed, config))
