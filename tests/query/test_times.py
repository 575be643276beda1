"""Moments and stretches of time."""

from __future__ import annotations

import pytest

from tapiary.query.times import bucket_of, moment_ms, stretch_ms

NOW_MS = 1_700_000_000_000


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2632913200000", 2_632_913_200_000), ("@2632913200000", 2_632_913_200_000), ("@now", NOW_MS), ("@NOW", NOW_MS),
        (" @now ", NOW_MS), ("-1m@now", NOW_MS - 60_000), ("1m@now", NOW_MS + 60_000), ("+1d@0", 86_400_000),
        ("-1h@2632913200000", 2_632_913_200_000 - 3_600_000), ("-500@now", NOW_MS - 500), ("-5", -5),
        ("-15s@2007-12-03T10:15:30+01:00", 1_196_673_315_000), ("-1m20s@2007-12-03T10:15:30", 1_196_676_850_000),
        ("@2024-01-01T00:00:00+00:00", 1_704_067_200_000), ("@2024-01-01T00:00:00.250Z", 1_704_067_200_250),
        ("@2024-01-01", 1_704_067_200_000), ("@0001-01-01T00:00:00+14:00", -62_135_647_200_000),
        ("@9999-12-31T23:59:59-14:00", 253_402_351_199_000),
        ("", None), ("@", None), ("now", None), ("-@now", None), ("-1x@now", None), ("@2024-13-01", None), ("@now+1",
        None),
        ("@99999999999999999999", None), ("-1h", None), ("２@now", None),
    ],
)  # fmt: skip
def test_moments(text: str, found: int | None) -> None:
    assert moment_ms(text, NOW_MS) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1m", 60_000), ("5M", 300_000), ("3h", 10_800_000), ("1d", 86_400_000), ("1w", 604_800_000), ("250ms", 250),
        ("1m20s", 80_000), ("1h30m", 5_400_000), ("60000", 60_000), ("", None), ("m", None), ("1", 1), ("1.5h", None),
        ("-1m", None), ("1m 20s", None), ("9" * 20, None),
    ],
)  # fmt: skip
def test_stretches(text: str, found: int | None) -> None:
    assert stretch_ms(text) == found


@pytest.mark.parametrize(
    ("length_ms", "step"), [(1000, "1s"), (3_600_000, "30s"), (86_400_000, "30m"), (10**13, "365d"), (None, "1h"),
    (-5, "1s")]
)
def test_a_range_is_cut_into_at_most_120_buckets(length_ms: int | None, step: str) -> None:
    assert bucket_of(length_ms) == step
