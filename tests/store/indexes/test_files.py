"""Which period rows belong to, and which file they come into."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapiary.store import IndexTable, Rotation, Store
from tapiary.store.indexes.fields import BEYOND, periods
from tapiary.store.indexes.files import OWN_FILE_ROWS
from tapiary.store.part import NO_VALUE
from tests.store.indexes.rows import DAY, FIELDS, NOON, ask, on_disk, partitions, rows

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def first_day(ms: int, rotation: str) -> int:
    try:
        day = (EPOCH + timedelta(milliseconds=ms)).date()
        if rotation == "weekly":
            day = max(date.min, day - timedelta(days=day.weekday())) if day > date(1, 1, 7) else date.min
        elif rotation == "monthly":
            day = day.replace(day=1)
    except OverflowError:
        return BEYOND if ms > 0 else -BEYOND
    return (day - date(1970, 1, 1)).days


MOMENTS = st.integers(-(2**63), 2**63 - 1) | st.integers(-62_135_596_800_001, 253_402_300_800_000)


@given(st.lists(MOMENTS, min_size=1, max_size=20), st.sampled_from(["daily", "weekly", "monthly"]))
def test_the_first_day_of_a_period(moments: list[int], rotation: Rotation) -> None:
    found = periods(np.array(moments, dtype=np.int64), rotation)
    assert found.tolist() == [first_day(ms, rotation) for ms in moments]


@pytest.mark.parametrize(("rotation", "days"), [
    ("daily", ["2023-11-14", "2023-11-15"]), ("weekly", ["2023-11-13"]), ("monthly", ["2023-11-01"]),
])
def test_rotation(store: Store, rotation: Rotation, days: list[str]) -> None:
    index = store.index("events", FIELDS, rotation)
    index.append(rows(NOON))
    index.append(rows(NOON + DAY))
    assert partitions(index) == days


def test_scattered_rows_share_a_file(store: Store, index: IndexTable) -> None:
    many = [NOON] * OWN_FILE_ROWS
    index.append(rows(*many, *(NOON - n * DAY for n in range(1, 50)), 2**62, -(2**62)))
    assert partitions(index) == ["2023-11-14", NO_VALUE]
    assert len(on_disk(index)) == 2
    assert ask(store, index, "SELECT count(*) FROM t") == [(OWN_FILE_ROWS + 51,)]
    assert ask(store, index, "SELECT count(*) FROM t", end_ms=NOON) == [(50,)]


def test_moments_that_no_calendar_has(store: Store, index: IndexTable) -> None:
    extremes = [-(2**63), 2**63 - 1, 253_402_300_799_999, 253_402_300_800_000, -62_135_596_800_000, -62_135_596_800_001]
    for moment in extremes:
        index.append(rows(moment))
    assert partitions(index) == ["0001-01-01", "9999-12-31", NO_VALUE]
    assert ask(store, index, "SELECT timestamp FROM t ORDER BY 1") == [(n,) for n in sorted(extremes)]
    assert ask(store, index, "SELECT count(*) FROM t", start_ms=253_402_300_800_000) == [(2,)]
