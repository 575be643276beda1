"""Merging random captures gives what a merge by hand gives, and what mergecap gives."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("tapiary.meter._native", reason="the meter's core is not compiled")
sys.path.insert(0, str(Path(__file__).parents[1] / "meter" / "captures"))

from layers import Pcapng, pcap
from merged import merge_slowly, read

from tapiary.meter import MergeSource, merge, merging

Writer = Callable[[list[int], int], tuple[bytes, list[int]]]

#: Few times, so that many are equal, in steps that every format can tell: µs and ns.
_TIMES = st.lists(st.integers(0, 30), max_size=25)
_NS, _US = 1, 1000
_START = 1_700_000_000_000_000_000


def _as_pcap(order: str, unit: int) -> Writer:
    def write(times: list[int], source: int) -> tuple[bytes, list[int]]:
        stamps = [_START + time * unit for time in times]
        frames = [(stamp // unit, struct.pack("<II", source, i)) for i, stamp in enumerate(stamps)]
        return pcap(frames, order=order, nanoseconds=unit == _NS), stamps

    return write


def _as_pcapng(order: str, sections: int) -> Writer:
    """Interfaces of several resolutions, used in turns, the whole in several sections."""

    def write(times: list[int], source: int) -> tuple[bytes, list[int]]:
        units = ((9, _NS), (6, _US), (None, _US))
        out, stamps = Pcapng(order), []
        for part in range(sections):
            out.section()
            for resolution, _ in units:
                out.interface(resolution=resolution)
            for i in range(part * len(times) // sections, (part + 1) * len(times) // sections):
                unit = units[times[i] % 3][1]
                stamps.append(_START + times[i] * unit)
                out.packet(stamps[-1] // unit, struct.pack("<II", source, i), times[i] % 3)
        return out.data, stamps

    return write


_FORMATS = st.sampled_from([
    _as_pcap("<", _US), _as_pcap(">", _US), _as_pcap("<", _NS), _as_pcap(">", _NS),
    _as_pcapng("<", 1), _as_pcapng(">", 1), _as_pcapng("<", 3), _as_pcapng(">", 2),
])
_SOURCES = st.lists(st.tuples(_FORMATS, _TIMES), min_size=1, max_size=7)


def _write(folder: Path, drawn: list[tuple[Writer, list[int]]]) -> tuple[list[Path], list[list[int]]]:
    paths, stamps = [], []
    for number, (form, times) in enumerate(drawn):
        data, real = form(times, number)
        paths.append(folder / f"{number}")
        paths[-1].write_bytes(data)
        stamps.append(real)
    return paths, stamps


@settings(max_examples=150)
@given(_SOURCES, st.sampled_from((16, 100, 1 << 20)))
def test_the_order_is_that_of_a_merge_by_hand(drawn: list[tuple[Writer, list[int]]], buffer: int) -> None:
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(merging, "_BUFFER_BYTES", buffer)
        patch.setattr(merging, "_LEAST_BUFFER_BYTES", 1)
        patch.setattr(merging, "_OPEN_FILES", 2)
        folder = Path(name)
        paths, stamps = _write(folder, drawn)
        result = merge([MergeSource(path, path.name) for path in paths], folder / "merged")
        interfaces, packets = read(folder / "merged")
    expected = [(stamps[source][i], struct.pack("<II", source, i)) for source, i in merge_slowly(stamps)]
    assert [(packet.time, packet.data) for packet in packets] == expected
    for packet in packets:
        assert interfaces[packet.interface].name.split(":")[0] == str(struct.unpack("<II", packet.data)[0])
    assert (result.packets, result.torn) == (len(packets), {})


_NO_MERGECAP = not shutil.which("mergecap") and not os.environ.get("CI")


@pytest.mark.skipif(_NO_MERGECAP, reason="mergecap is not installed (Debian: apt install wireshark-common)")
@settings(max_examples=25)
@given(_SOURCES)
def test_the_order_is_mergecaps_from_the_last_source_to_the_first(drawn: list[tuple[Writer, list[int]]]) -> None:
    """Of equal times mergecap takes the last source's packet first, we the first's."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths, _ = _write(folder, drawn)
        merge([MergeSource(path, path.name) for path in paths], folder / "ours")
        words = ["mergecap", "-F", "pcapng", "-w", str(folder / "theirs"), *map(str, reversed(paths))]
        subprocess.run(words, check=True, capture_output=True)
        ours, theirs = read(folder / "ours")[1], read(folder / "theirs")[1]
    assert [(p.time, p.data, p.wire) for p in ours] == [(p.time, p.data, p.wire) for p in theirs]
