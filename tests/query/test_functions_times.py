"""Functions on moments; the numbers are those of Sycope's manual where it has any."""

from __future__ import annotations

from typing import Any

import pytest

from tapiary.query.functions import FunctionError
from tapiary.query.types import LONG
from tests.query.running import NOW_MS, missing, run

JUNE_7 = 1_623_069_203_000  # Monday, 2021-06-07 12:33:23 UTC
JUNE_9 = 1_623_253_047_000  # Wednesday, 2021-06-09 15:37:27 UTC
NEW_YEAR = 1_609_457_400_000  # Thursday, 2020-12-31 23:30:00 UTC


def test_now_is_when_the_query_began() -> None:
    assert run("now") == NOW_MS


@pytest.mark.parametrize(
    ("parts", "options", "ms"),
    [
        ((2021, 6, 2, 17, 10, 3), {}, 1_622_653_803_000),
        ((2021, 6, 2, 18, 10, 3), {"offset": 100}, 1_622_653_803_000),
        ((2021, 6, 2, 16, 10, 3), {"offset": -100}, 1_622_653_803_000),
        ((2021, 6, 2, 15, 40, 3), {"offset": -130}, 1_622_653_803_000),
        ((2021, 6, 2, 19, 10, 3), {"zone": "Europe/Warsaw"}, 1_622_653_803_000),
        ((2021, 6, 2, 17, 10, 3), {"offset": 1500}, None),
        ((2021, 13, 2, 17, 10, 3), {}, None),
        ((2021, 2, 30, 17, 10, 3), {}, None),
        (("2021", 2, 3, 17, 10, 3), {}, None),
        ((2021, 2, 3, 17, 10, missing(LONG)), {}, None),
        ((10**18, 2, 3, 17, 10, 3), {}, None),
    ],
)
def test_timestamp(parts: tuple[Any, ...], options: dict[str, Any], ms: int | None) -> None:
    assert run("timestamp", *parts, **options) == ms


@pytest.mark.parametrize(
    ("name", "n", "ms"),
    [
        ("addYears", 1, 1_654_605_203_000), ("addYears", -1, 1_591_533_203_000),
        ("addMonths", 2, 1_628_339_603_000), ("addMonths", -2, 1_617_798_803_000),
        ("addDays", 2, 1_623_242_003_000), ("addHours", 2, JUNE_7 + 7_200_000),
        ("addMinutes", -2, JUNE_7 - 120_000), ("addSeconds", 2, JUNE_7 + 2_000), ("addMillis", -2, JUNE_7 - 2),
        ("addYears", 10**15, None), ("addDays", 2**62, None), ("addMonths", "1", None), ("addMonths", 1.5, None),
        ("addHours", missing(LONG), None),
    ],
)  # fmt: skip
def test_later(name: str, n: Any, ms: int | None) -> None:
    assert run(name, JUNE_7, n) == ms


def test_the_end_of_a_month_stays_in_it() -> None:
    assert run("tsToStr", run("addMonths", 1_612_051_200_000, 1)) == "2021-02-28 00:00:00.000"


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("getYear", "year"), 2021), (("getMonth", "month"), 6), (("getDay", "day"), 7),
        (("getDayOfWeek", "dayOfWeek"), 1), (("getHour", "hour"), 12), (("getMinute", "minute"), 33),
        (("getSecond", "second"), 23),
    ],
)  # fmt: skip
def test_parts(names: tuple[str, str], found: int) -> None:
    assert [run(name, JUNE_7) for name in names] == [found, found]
    for wrong in ("x", 1.5, missing(LONG), 2**63 - 1):
        assert run(names[0], wrong) is None


def test_parts_in_a_zone() -> None:
    assert run("hour", JUNE_7, zone="Europe/Warsaw") == 14
    assert run("getYear", NEW_YEAR, zone="+1") == 2021
    assert run("getDayOfWeek", NEW_YEAR, zone="GMT+01:00") == 5
    assert run("getDay", NEW_YEAR, zone="UTC") == 31


def test_before_1970() -> None:
    assert run("tsToStr", -1) == "1969-12-31 23:59:59.999"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "2021-06-09 15:37:27.000"),
        ({"format": "YYYY/MM/dd-HH:mm:ss"}, "2021/06/09-15:37:27"),
        ({"zone": "Poland"}, "2021-06-09 17:37:27.000"),
        ({"format": "d.M.yy h:mm a"}, "9.6.21 3:37 PM"),
        ({"format": "EEE, dd MMM yyyy"}, "Wed, 09 Jun 2021"),
        ({"format": "EEEE 'the' DDD"}, "Wednesday the 160"),
        ({"format": "'100%' ''HH''"}, "100% '15'"),
        ({"format": "yyyy-MM-dd'T'HH:mm:ssXXX", "zone": "Poland"}, "2021-06-09T17:37:27+02:00"),
        ({"format": "HHmmZ", "zone": "-03:30"}, "1207-0330"),
    ],
)
def test_moments_as_text_and_back(options: dict[str, str], text: str) -> None:
    assert run("tsToStr", JUNE_9, **options) == text
    assert run("timestampToStr", JUNE_9, **options) == text
    if "ss" in options.get("format", "ss"):
        assert run("tsParse", text, **options) == JUNE_9


def test_what_is_no_moment_has_no_text() -> None:
    assert run("tsToStr", "1623253047000", zone="Poland") is None
    assert run("tsToStr", missing(LONG)) is None
    assert run("tsToStr", 2**62) is None
    assert run("tsParse", JUNE_9) is None
    assert run("tsParse", "yesterday") is None
    assert run("tsParse", "2021-02-30 00:00:00.000") is None


@pytest.mark.parametrize("zone", ["Mars/Olympus", "+25", "../etc/passwd", "+01:75"])
def test_zones_that_are_none(zone: str) -> None:
    with pytest.raises(FunctionError, match="zone"):
        run("tsToStr", JUNE_9, zone=zone)


@pytest.mark.parametrize("layout", ["yyyyy", "QQ", "'open"])
def test_layouts_that_are_none(layout: str) -> None:
    with pytest.raises(FunctionError, match="format"):
        run("tsToStr", JUNE_9, format=layout)


def test_offset() -> None:
    assert run("tsOffset", JUNE_9, 200) == JUNE_9 + 7_200_000
    assert run("tsOffset", JUNE_9 + 7_200_000, -200) == JUNE_9
    assert run("tsOffset", JUNE_9, 1400) == JUNE_9 + 50_400_000
    for outside in (-2200, -1201, 1401, "1"):
        assert run("tsOffset", JUNE_9, outside) is None


def test_between() -> None:
    assert run("isDateTimeBetween", JUNE_9, "2021-06-09 15:37:27", "2021-06-10") is True
    assert run("isDatetimeBetween", JUNE_9, "2021-06-09 15:37:28", "2021-06-10") is False
    assert run("isDateTimeBetween", JUNE_9, "2021-06-09 17:00:00", "2021-06-09 18:00:00", zone="Poland") is True
    assert run("isDateTimeBetween", JUNE_9, JUNE_9, JUNE_9) is True
    assert run("isDateTimeBetween", JUNE_9, "nonsense", "2021-06-10") is None
    assert run("isDateTimeBetween", "x", "2021-06-09", "2021-06-10") is None
    assert run("isTimeBetween", JUNE_9, "15:37:27", "16:00:00") is True
    assert run("isTimeBetween", JUNE_9, "08:00:00", "15:37:26") is False
    assert run("isTimeBetween", JUNE_9, "22:00:00", "06:00:00") is False
    assert run("isTimeBetween", NEW_YEAR, "22:00:00", "06:00:00") is True
    assert run("isTimeBetween", JUNE_9, "x", "06:00:00") is None


def test_days() -> None:
    saturday = JUNE_9 + 3 * 86_400_000
    assert [run("isWorkingDay", JUNE_9), run("isWeekendDay", JUNE_9)] == [True, False]
    assert [run("isWorkingDay", saturday), run("isWeekendDay", saturday)] == [False, True]
    assert run("isWeekendDay", saturday - 16 * 3_600_000) is False
    assert run("isWeekendDay", saturday - 14 * 3_600_000, zone="+12") is True
    assert run("isWorkingDay", "x") is None
