"""Compressing when it pays."""

from __future__ import annotations

from tapiary.capture.drone.pace import TRY_AGAIN, Pace

MB = 1 << 20


def run(pace: Pace, plain: float, packed: float, parts: int = 100) -> int:
    """How many parts were compressed, when the ways have these speeds."""
    count = 0
    for _ in range(parts):
        way = pace.compress()
        count += way
        pace.measured(way, 64 * MB, 1 / (packed if way else plain))
    return count


def test_the_faster_way_is_taken_and_the_other_tried_now_and_then() -> None:
    assert run(Pace("auto", available=True), 1.0, 3.0) >= 90
    assert 2 <= run(Pace("auto", available=True), 3.0, 1.0) <= 100 // TRY_AGAIN + 2


def test_it_changes_its_mind_when_the_line_does() -> None:
    pace = Pace("auto", available=True)
    run(pace, 3.0, 1.0)
    assert run(pace, 0.1, 1.0) > 80


def test_settings_and_missing_libraries_decide_before() -> None:
    assert run(Pace("none", available=True), 1.0, 9.0) == 0
    assert run(Pace("auto", available=False), 1.0, 9.0) == 0
    assert run(Pace("zstd", available=True), 9.0, 1.0) == 100


def test_small_parts_say_nothing() -> None:
    pace = Pace("auto", available=True)
    pace.measured(False, 100, 0.1)
    assert pace.compress() is False
