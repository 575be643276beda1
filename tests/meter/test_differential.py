"""The compiled core against its twin: golden captures, each cut at every byte, and the reference captures."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import pytest

pytest.importorskip("tapiary.meter._native", reason="the meter's core is not compiled")

CAPTURES = Path(__file__).parent / "captures"
sys.path.insert(0, str(CAPTURES))

from golden import EXPECTED, TUNNELS, config, differences, readable  # noqa: E402
from twins import compare, run_core  # noqa: E402

from tapiary.config import MeterConfig  # noqa: E402
from tapiary.errors import InvalidInput  # noqa: E402
from tapiary.meter.reference import meter_file  # noqa: E402

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "pcap"
CUT = (  # noqa: SIM905 - one line a format
    "pcap-us-little.pcap pcap-ns-big.pcap pcapng-little.pcapng pcapng-simple.pcapng pcapng-sections.pcapng "
    "pcapng-offset.pcapng pcap-gzip-members.pcap.gz pcap-zstd.pcap.zst"
).split()
PLAIN = [name for name in EXPECTED if name.endswith((".pcap", ".pcapng"))]


@pytest.mark.parametrize("name", EXPECTED)
def test_golden_capture(name: str) -> None:
    entry = EXPECTED[name]
    core = run_core(CAPTURES / name, config(entry))
    rows, flows = [readable(row) for row in core.flows], entry["flows"]
    assert [row["flow_id"] for row in rows] == [row["flow_id"] for row in flows], entry["purpose"]
    for row, expected in zip(rows, flows, strict=True):
        assert not differences(expected, row), entry["purpose"]
    for counts in ("anomalies", "not_flows", "non_ip"):
        assert core.counts[counts] == entry.get(counts, {}), entry["purpose"]


@pytest.mark.parametrize("name", EXPECTED)
def test_core_and_twin_agree(name: str) -> None:
    assert not compare(CAPTURES / name, config(EXPECTED[name]))


def _frames(data: bytes) -> list[tuple[bytes, bytes, int]]:
    """Time stamp, bytes and wire length of the packets of a little-endian pcap."""
    found, at = [], 24
    while at + 16 <= len(data):
        captured, wire = struct.unpack_from("<II", data, at + 8)
        found.append((data[at : at + 8], data[at + 16 : at + 16 + captured], wire))
        at += 16 + captured
    return found


@pytest.mark.parametrize("name", [name for name in PLAIN if (CAPTURES / name).read_bytes()[:4] == b"\xd4\xc3\xb2\xa1"])
def test_frames_cut_at_every_byte(name: str) -> None:
    """Every packet at every snap length, all in one capture."""
    data, settings = (CAPTURES / name).read_bytes(), config(EXPECTED[name])
    frames = _frames(data)[:30]
    parts = [data[:24]]
    for snap in range(max((len(frame) for _, frame, _ in frames), default=0)):
        parts += [time + struct.pack("<II", min(len(frame), snap), wire) + frame[:snap] for time, frame, wire in frames]
    capture = b"".join(parts)
    twin = meter_file(capture, settings)
    packets = sum(int(str(row["client_packets"])) + int(str(row["server_packets"])) for row in twin.flows)
    assert packets + sum(twin.not_flows.values()) == twin.packets
    assert not compare(capture, settings)


@pytest.mark.parametrize("name", CUT)
def test_file_cut_at_every_byte(name: str) -> None:
    data, settings = (CAPTURES / name).read_bytes(), config(EXPECTED[name])
    for end in range(len(data)):
        try:
            meter_file(data[:end], settings)
        except InvalidInput:
            with pytest.raises(InvalidInput):
                run_core(data[:end], settings)
            continue
        assert not compare(data[:end], settings), end


@pytest.mark.parametrize("name", PLAIN)
def test_trailing_bytes(name: str) -> None:
    data = (CAPTURES / name).read_bytes()
    for tail in (b"\0", b"\0" * 64, b"\xff" * 40, b"trailing garbage"):
        assert not compare(data + tail, config(EXPECTED[name])), tail


@pytest.mark.slow
@pytest.mark.skipif(not CORPUS.is_dir(), reason="the reference captures are not here")
@pytest.mark.parametrize("tunnels", [TUNNELS, None], ids=["all-tunnels", "default"])
def test_reference_captures(tunnels: list[str] | None) -> None:
    settings = MeterConfig(dpi=False) if tunnels is None else MeterConfig(dpi=False, tunnels=tunnels)
    found = {path.name: differing[:5] for path in sorted(CORPUS.iterdir()) if (differing := compare(path, settings))}
    assert not found


@pytest.mark.slow
@pytest.mark.skipif(not CORPUS.is_dir(), reason="the reference captures are not here")
def test_threads_change_nothing() -> None:
    for name in ("netflix.pcap", "reddit.pcap", "alexa-app.pcapng", "fuzz-2020-02-16-11740.pcap"):
        with (CORPUS / name).open("rb") as stream:  # of streams the size is unknown: all threads are used
            from twins import compare_results

            settings = MeterConfig(dpi=False, threads=4)
            assert not compare_results(meter_file(CORPUS / name, settings), run_core(stream.read(), settings))
