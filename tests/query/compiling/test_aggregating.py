"""aggr, timeAggr, rangeAggr and splitAggr over five persons."""

from __future__ import annotations

from typing import Any

import pytest

from tapiary.query import NqlError
from tapiary.query.times import stretch_ms
from tapiary.query.types import LONG, STRING, list_of
from tests.query.asking import DAY_MS, column, compiled, people


def rows_of(stages: str) -> list[tuple[Any, ...]]:
    """Rows in the order of their texts, for results that have no order."""
    return sorted((tuple(row.values()) for row in people(stages)), key=str)


def test_without_groups_there_is_one_row() -> None:
    assert people("aggr n=count(1), m=max(age)") == [{"n": 5, "m": 56}]
    assert people('dep = "nobody" | aggr n=count(1), m=max(age)') == [{"n": 0, "m": None}]


def test_results_come_first_and_groups_are_a_list() -> None:
    rows = people('dep = "HR" | aggr maxAge=max(age), minAge=min(age) by dep')

    assert rows == [{"maxAge": 56, "minAge": 27, "_id": ["HR"]}]
    assert list(rows[0]) == ["maxAge", "minAge", "_id"]


def test_with_unwind_groups_are_fields_under_their_aliases() -> None:
    assert rows_of("aggr n=count(1) by dep as d, ctry unwind=true") == [
        (1, "ADM", "DE"), (1, "HR", "DE"), (1, "HR", "PL"), (1, "IT", "US"), (1, None, "US"),
    ]  # fmt: skip
    assert list(people("aggr n=count(1) by dep as d, ctry unwind=true")[0]) == ["n", "d", "ctry"]


def test_a_list_of_groups_is_of_texts_when_their_types_differ() -> None:
    assert compiled("aggr n=count(1) by age", default_stream="testdata").columns[1] == ("_id", list_of(LONG))
    assert compiled("aggr n=count(1) by age, dep", default_stream="testdata").columns[1] == ("_id", list_of(STRING))
    assert rows_of("aggr n=count(1) by age, dep")[0] == (1, ["27", "HR"])


def test_groups_and_results_may_be_expressions() -> None:
    assert rows_of('aggr s=sum(add(age, if(dep = "HR": 100, 0))) by lower(ctry) unwind=true') == [
        (127, "pl"), (189, "de"), (79, "us"),
    ]  # fmt: skip
    assert list(people("aggr by lower(ctry) unwind=true")[0]) == ["lower"]


def test_of_more_groups_than_max_buckets_the_largest_stay() -> None:
    assert sorted(column(people("aggr n=count(1) by dep maxBuckets=1"), "_id")) == [["HR"]]
    assert rows_of("aggr n=count(1) by ctry unwind=true maxBuckets=2") == [(2, "DE"), (2, "US")]


def test_first_and_last_go_by_the_order_of_sort() -> None:
    stages = "aggr f=first(fName), l=last(lName), j=join(age) by ctry unwind=true | ctry = \"DE\""

    assert people(f"sort age | {stages}") == [{"f": "Jake", "l": "White", "j": "33,56", "ctry": "DE"}]
    assert people(f"sort age desc | {stages}") == [{"f": "Jake", "l": "Blue", "j": "56,33", "ctry": "DE"}]
    assert people(f"sort age desc | limit 3 | set x=1 | where x=1 | {stages}")[0]["j"] == "56,33"


def test_filters_and_limits_apply_before_groups() -> None:
    assert people("sort age limit=2 | aggr n=count(1), m=max(age)") == [{"n": 2, "m": 30}]
    assert people("limit 4 | aggr n=count(1)") == [{"n": 4}]


def test_days_are_buckets_of_time() -> None:
    rows = people('timeAggr n=count(1), a=max(age) on ts interval="1d" dir="asc"')

    assert rows == [
        {"n": 2, "a": 56, "_bucket": 0}, {"n": 1, "a": 49, "_bucket": DAY_MS}, {"n": 2, "a": 33, "_bucket": 3 * DAY_MS},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "buckets"),
    [
        ('interval="2d" dir="desc"', [2 * DAY_MS, 0]), ('interval="1d" dir="desc" maxBuckets=2', [3 * DAY_MS, DAY_MS]),
        ('interval="1d" dir="asc" maxBuckets=1', [0]), ('interval="259200000" dir=asc', [0, 3 * DAY_MS]),
        ("interval=259200000 dir=asc", [0, 3 * DAY_MS]), ('interval="1ms" dir=asc maxBuckets=3',
        [0, DAY_MS - 1, DAY_MS]),
        ('interval="7d"', [0]),
    ],
)  # fmt: skip
def test_intervals_and_directions(options: str, buckets: list[int]) -> None:
    assert column(people(f"timeAggr n=count(1) on ts {options}"), "_bucket") == buckets


def test_moments_before_1970_are_in_the_bucket_that_begins_before_them() -> None:
    rows = people('limit 1 | set ts=-1 | timeAggr n=count(1) on ts interval="1d"')

    assert rows == [{"n": 1, "_bucket": -DAY_MS}]


def test_rows_without_a_time_are_in_no_bucket() -> None:
    rows = people('set ts=if(dep = "HR": ts, null) | timeAggr n=count(1) on ts interval="7d"')

    assert rows == [{"n": 2, "_bucket": 0}]


def test_without_an_interval_the_range_is_cut_into_at_most_120() -> None:
    from tapiary.query import Range

    plan = compiled("timeAggr n=count(1)", default_stream="netflow", range=Range(0, 3_600_000))

    assert str(stretch_ms("30s")) in plan.statement.sql("duckdb")


def test_a_bucket_has_its_alias_and_groups_within_it() -> None:
    rows = people('timeAggr n=count(1) on ts by dep interval="1d" dir=asc bucketAlias="day" | limit 1')

    assert rows == [{"n": 2, "day": 0, "_id": ["HR"]}]
    assert list(people('timeAggr n=count(1) on ts by dep as d interval="1d" unwind=true')[0]) == ["n", "_bucket", "d"]


def test_ranges_hold_their_low_end_and_not_their_high_one() -> None:
    ranges = 'ranges="0-5000,5000-8000,8000-10000"'

    assert rows_of(f"rangeAggr n=count(1), m=max(balance) on balance {ranges}") == [
        (1, 5000.0, "5000-8000"), (2, 4999.5, "0-5000"), (2, 9966.0, "8000-10000"),
    ]  # fmt: skip


def test_a_row_is_in_every_range_that_holds_it_and_in_none() -> None:
    assert rows_of('rangeAggr n=count(1) on age ranges="0-40, 30-50" bucketAlias=b unwind=true') == [
        (3, "0-40"), (3, "30-50"),
    ]  # fmt: skip
    assert rows_of('rangeAggr n=count(1) on age by ctry ranges="-5-28.5,-9--5" unwind=true') == [(1, "-5-28.5", "PL")]


def test_groups_within_groups() -> None:
    split = rows_of("splitAggr s=sum(balance) (aggr by ctry unwind=true), (aggr by dep unwind=true) unwind=true")

    assert split == rows_of("aggr s=sum(balance) by ctry, dep unwind=true")


def test_each_step_keeps_its_largest_groups_in_each_of_the_step_before() -> None:
    rows = rows_of("splitAggr n=count(1) (aggr by ctry maxBuckets=1), (aggr by fName maxBuckets=1) unwind=true")
    assert rows == [(2, "DE", "Jake")]

    # US and DE have two persons each; of those the first by name.
    assert rows_of("splitAggr n=count(1) (aggr by ctry maxBuckets=2), (aggr by lName maxBuckets=1) unwind=true") == [
        (1, "DE", "Blue"), (1, "US", "Blue"),
    ]  # fmt: skip


def test_steps_of_time_keep_their_direction() -> None:
    stages = (
        'splitAggr n=count(1) (timeAggr on ts interval="1d" dir="desc" bucketAlias="day" maxBuckets=2), '
        "(aggr by ctry as c unwind=true maxBuckets=1)"
    )

    rows = people(f"{stages} unwind=true")
    assert column(rows, "day") == [3 * DAY_MS, DAY_MS]
    assert list(rows[0]) == ["n", "day", "c"]
    assert people(stages)[0] == {"n": 1, "day": 3 * DAY_MS, "_id": ["DE"]}


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ("aggr", "a result, a group or both"), ("aggr n=cont(1)",
        "There is no aggregate `cont`. Did you mean `count`?"),
        ("aggr n=upper(dep)", "upper is not an aggregate"), ("aggr n=count(1), n=max(age)", "`n` is named twice"),
        ("aggr dep=count(1) by dep unwind=true", "`dep` is named twice"), ("aggr n=count(1) on ts", "`on` belongs to"),
        ("aggr n=count(1) by dep by age", "`by` stands twice"), ("aggr n=count(1) by dep maxBuckets=0", "at least 1"),
        ("aggr n=upper(count(1))", "is an aggregate"), ("aggr n=count(1) interval=5", "no option `interval`"),
        ('timeAggr n=count(1) interval="1d"', "no field `timestamp`"), ('timeAggr n=count(1) on dep interval="1d"',
        "is string"),
        ('timeAggr n=count(1) on ts interval="often"', "wants a time such as `5m`"),
        ('timeAggr n=count(1) on ts interval="0s"', "wants a time"), ("timeAggr n=count(1) on ts dir=up",
        "`asc` or `desc`"),
        ("rangeAggr n=count(1) on age", "wants ranges="), ('rangeAggr n=count(1) on age ranges="5-1"',
        "`5-1` is no range"),
        ('rangeAggr n=count(1) on age ranges="a-b"', "`a-b` is no range"),
        ('rangeAggr n=count(1) on age ranges="1-2,1-2"', "stands twice"),
        ('rangeAggr n=count(1) on dep ranges="1-2"', "ranges are of numbers"),
        ("splitAggr n=count(1) (aggr by dep)", "two steps or more"), ("splitAggr n=count(1) (aggr by dep), (limit 1)",
        "a step of"),
        ("splitAggr n=count(1) (aggr by dep), (aggr m=count(1) by age)", "no results of its own"),
        ("splitAggr n=count(1) (aggr by dep), (aggr)", "no results of its own"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(stage: str, said: str) -> None:
    with pytest.raises(NqlError) as caught:
        compiled(stage, default_stream="testdata")

    assert said in caught.value.message
