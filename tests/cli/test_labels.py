"""`tapiary labels`: groups and their labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import Run


def test_groups_of_ndpi_and_of_the_users_rules(tapiary: Run, tmp_path: Path) -> None:
    config = tmp_path / "my.toml"
    config.write_text('[[meter.rules]]\nlabel = "Camera"\ngroup = "Building"\nport = [554]\n')
    (groups,) = tapiary("labels", "--json", "--config", config).objects()
    by_name = {group["group_name"]: group["labels"] for group in groups}
    assert by_name["Building"] == ["Camera"]
    assert "TLS" in by_name["Web"]
    assert "DNS" in by_name["Network"]


def test_for_people(tapiary: Run) -> None:
    lines = tapiary("labels").out.splitlines()
    assert "Network" in lines
    assert all(len(line) <= 100 for line in lines)
