"""Sizes, durations and times in the words and the clock of TCI."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from tapiary.api.tci import drone_models, job_models
from tapiary.api.tci.humans import duration_in_words, size_in_words
from tapiary.api.tci.times import prague, utc
from tapiary.capture import diagram
from tapiary.capture.states import DRONE_STATES, JOB_STATES


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (10, "10 seconds"),
        (60, "1 minute"),
        (90, "1 minute and 30 seconds"),
        (3665, "1 hour, 1 minute and 5 seconds"),
        (86_400 * 2 + 3600, "2 days and 1 hour"),
    ],
)
def test_durations(seconds: int, words: str) -> None:
    assert duration_in_words(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 Bytes"),
        (1, "1 Byte"),
        (999, "999 Bytes"),
        (1000, "1.0 kB"),
        (10_000_000, "10.0 MB"),
        (10_485_760, "10.5 MB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (4_020_000_000, "4.0 GB"),
        (2**63 - 1, "9.2 EB"),
        (10**24, "1000.0 ZB"),
    ],
)
def test_sizes_are_decimal(count: int, words: str) -> None:
    assert size_in_words(count) == words


@pytest.mark.parametrize(
    ("seconds", "there", "universal"),
    [
        (1_700_000_000.9, "2023-11-14 23:13:20", "2023-11-14 22:13:20"),
        (1_720_000_000, "2024-07-03 11:46:40", "2024-07-03 09:46:40"),
        # The hour that comes twice: half past two, in summer's time and then in winter's.
        (1_729_989_000, "2024-10-27 02:30:00", "2024-10-27 00:30:00"),
        (1_729_992_600, "2024-10-27 02:30:00", "2024-10-27 01:30:00"),
        (None, None, None),
    ],
)
def test_times(seconds: float | None, there: str | None, universal: str | None) -> None:
    assert prague(seconds) == there
    assert utc(seconds) == universal


def test_states_are_those_of_the_hive() -> None:
    assert get_args(job_models.Status) == JOB_STATES
    assert get_args(drone_models.DroneStatus) == DRONE_STATES


def test_the_guide_shows_the_states_as_they_are() -> None:
    guide = Path(__file__).parents[2] / "docs" / "guide" / "captures.md"
    assert f"```mermaid\n{diagram()}```" in guide.read_text(encoding="utf-8")
