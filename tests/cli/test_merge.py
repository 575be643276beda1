"""`tapiary merge`: captures by time, with a word on those that break off."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import TYPE_CHECKING

from merged import read

if TYPE_CHECKING:
    from tests.cli.conftest import Run


def test_two_captures_and_one_that_breaks_off(tapiary: Run, sample: Path, tmp_path: Path) -> None:
    first, second, out = tmp_path / "east.pcap", tmp_path / "west.1.pcap.gz", tmp_path / "both.pcapng"
    first.write_bytes(sample.read_bytes()[:-1])
    second.write_bytes(gzip.compress(sample.read_bytes()))
    result = tapiary("merge", first, second, "-o", out)
    assert result.code == 0
    assert "east.pcap: it ends inside the record that begins at byte" in result.err
    interfaces, packets = read(out)
    assert f"{len(packets):,} packets of 2 captures" in result.err
    assert [interface.name for interface in interfaces] == ["east", "west"]
    assert [packet.time for packet in packets] == sorted(packet.time for packet in packets)


def test_what_cannot_be_merged(tapiary: Run, sample: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.pcapng"
    assert tapiary("merge", sample, tmp_path / "none.pcap", "-o", out).code == 3
    (tmp_path / "junk").write_text("no capture at all")
    result = tapiary("merge", sample, tmp_path / "junk", "-o", out)
    assert result.code == 2
    assert "junk is neither a pcap nor a pcapng capture" in result.err
    assert tapiary("merge", sample).code == 2
    assert tapiary("merge", sample, "-o", "-").code == 2
    assert tapiary("merge", "-o", out).code == 2
    assert not out.exists()
