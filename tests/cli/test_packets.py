"""`tapiary packets`: a valid capture of just the flows asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tapiary.config import MeterConfig
from tapiary.meter import meter

if TYPE_CHECKING:
    from tests.cli.conftest import Run


def flows_of(path: Path) -> tuple[int, int]:
    """Packets and flows of a capture."""
    run = meter(path, MeterConfig(dpi=False))
    for _ in run:
        pass
    return run.result.packets, run.result.flows


def test_the_packets_of_a_label(processed: Run, tmp_path: Path) -> None:
    out = tmp_path / "google.pcap"
    result = processed("packets", "--label", "TLS.Google", "-o", out)
    assert result.code == 0
    assert "of " in result.err
    assert flows_of(out) == (36, 1)


def test_the_packets_of_flows(processed: Run, tmp_path: Path) -> None:
    out = tmp_path / "two.pcap"
    assert processed("packets", "--flow", "1", "--flow", "6", "-o", out).code == 0
    assert flows_of(out) == (3, 2)


def test_no_flow_matches(processed: Run, tmp_path: Path) -> None:
    out = tmp_path / "none.pcap"
    assert processed("packets", "--label", "Nothing", "-o", out).code == 0
    assert flows_of(out) == (0, 0)


def test_what_cannot_be_cut(processed: Run, sample: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    assert processed("process", "-", stdin=sample.read_bytes()).code == 0
    result = processed("packets", "stdin", "--label", "DNS", "-o", out)
    assert result.code == 1
    assert len(result.err.splitlines()) == 1
    assert processed("packets", "--label", "DNS").code == 2
    assert not out.exists()
