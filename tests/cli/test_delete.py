"""`tapiary delete`: the capture and its rows."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import Run


def test_a_file_outside_stays(processed: Run, sample: Path) -> None:
    result = processed("delete", "--yes", sample)
    assert result.code == 0
    assert "27 flows" in result.err
    assert "stays" in result.err
    assert sample.exists()
    assert processed("flows").code == 3


def test_a_file_of_the_repository_goes(tapiary: Run, sample: Path, tmp_path: Path) -> None:
    path = tmp_path / "data" / "repository" / "mine.pcap"
    path.parent.mkdir(parents=True)
    shutil.copyfile(sample, path)
    assert tapiary("process", path).code == 0
    assert tapiary("delete", "--yes", "mine.pcap").code == 0
    assert not path.exists()
    assert tapiary("delete", "--yes", "mine.pcap").code == 3


def test_nobody_to_ask(processed: Run, sample: Path) -> None:
    assert processed("delete", sample).code == 2
    assert processed("flows", "-n", "1").code == 0
