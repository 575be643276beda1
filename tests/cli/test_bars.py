"""Rankings with bars."""

import pytest

from tapiary.cli.bars import bar_lines, top_lines
from tapiary.cli.layout import Screen, columns


def test_most_frequent_first_and_what_is_left_out_is_said() -> None:
    lines = top_lines(Screen(), "labels", {"DNS": 5, "TLS": 10, "SSH": 5}, 2, whole=40)
    assert lines[0] == "labels"
    assert lines[1].split() == ["TLS", "10", "25.0", "%", "█" * 16]
    assert lines[2].split()[0] == "DNS"
    assert lines[3] == "  and 1 more"


def test_nothing_is_shown_of_nothing() -> None:
    assert bar_lines(Screen(), "labels", []) == []


@pytest.mark.parametrize("width", [40, 60, 100, 200])
def test_lines_fit(width: int) -> None:
    lines = bar_lines(Screen(width), "names", [("x" * 200, 10**9), ("日" * 100, 1)])
    assert all(columns(line) <= width for line in lines)
