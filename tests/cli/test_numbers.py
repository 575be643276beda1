"""Numbers as people read them."""

import pytest

from tapiary.cli import numbers


@pytest.mark.parametrize(("value", "text"), [
    (0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (1234567, "1.23 MB"), (99950, "100 kB"), (999_600, "1.00 MB"),
    (12_345_678_901, "12.3 GB"), (10**18, "1000 PB"),
])
def test_size(value: int, text: str) -> None:
    assert numbers.size(value) == text


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (999, "999"), (1234, "1.23 k"), (2_040_000, "2.04 M")])
def test_count(value: int, text: str) -> None:
    assert numbers.count(value) == text


def test_exact_and_rate() -> None:
    assert numbers.exact(1234567) == "1,234,567"
    assert numbers.rate(1_300_000, "packets") == "1.30 M packets/s"
    assert numbers.rate(12, "packets") == "12 packets/s"


@pytest.mark.parametrize(("part", "whole", "text"), [
    (0, 10, "0 %"), (5, 0, "0 %"), (1, 3, "33.3 %"), (1, 10**6, "<0.1 %"), (10**6 - 1, 10**6, "99.9 %"),
    (7, 7, "100.0 %"),
])
def test_percent_never_shows_something_as_nothing_or_all(part: int, whole: int, text: str) -> None:
    assert numbers.percent(part, whole) == text


@pytest.mark.parametrize(("seconds", "text"), [
    (0.0, "0.00 s"), (0.344, "0.34 s"), (9.996, "10.0 s"), (59.96, "1m 00s"), (184, "3m 04s"), (3599.7, "1h 00m"),
    (7500, "2h 05m"), (86400 * 3 + 3600 * 4, "3d 04h"),
])
def test_duration(seconds: float, text: str) -> None:
    assert numbers.duration(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [
    (0, "1970-01-01 00:00:00"), (1530476322.9, "2018-07-01 20:18:42"), (None, "-"), (1e20, "100000000000000000000 s"),
])
def test_moment_bears_any_time_that_a_capture_claims(seconds: float | None, text: str) -> None:
    assert numbers.moment(seconds) == text
