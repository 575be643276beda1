"""top, rare and fields over five persons."""

from __future__ import annotations

from typing import Any

import pytest

from tapiary.query import NqlError
from tests.query.asking import compiled, people


def rows_of(stages: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in people(stages)]


def test_top_gives_the_most_frequent_values_and_not_null() -> None:
    assert people("top dep limit=2") == [{"dep": "HR", "_count": 2}, {"dep": "ADM", "_count": 1}]
    assert rows_of("top dep") == [("HR", 2), ("ADM", 1), ("IT", 1)]


def test_rare_gives_the_least_frequent_values() -> None:
    assert rows_of("rare dep limit=2") == [("ADM", 1), ("IT", 1)]
    assert rows_of("rare dep") == [("ADM", 1), ("IT", 1), ("HR", 2)]


def test_each_group_has_its_own_values() -> None:
    assert rows_of("top fName by ctry limit=1") == [("DE", "Jake", 2), ("PL", "Jack", 1), ("US", "Ann", 1)]
    assert rows_of("rare fName by ctry as c, lower(dep) limit=1 maxBuckets=2") == [
        ("DE", "adm", "Jake", 1), ("DE", "hr", "Jake", 1),
    ]  # fmt: skip
    assert list(people("top fName by ctry as c, lower(dep) limit=1")[0]) == ["c", "lower", "fName", "_count"]


def test_others_are_counted_in_a_row_without_a_value() -> None:
    assert rows_of("top dep limit=1 others=true") == [("HR", 2), (None, 2)]
    assert rows_of("top dep limit=9 others=true") == [("HR", 2), ("ADM", 1), ("IT", 1)]
    assert rows_of("rare fName by ctry limit=1 others=true") == [
        ("DE", "Jake", 2), ("PL", "Jack", 1), ("US", "Ann", 1), ("US", None, 1),
    ]  # fmt: skip


def test_values_may_be_expressions() -> None:
    assert people("top upper(fName) limit=1") == [{"upper": "JAKE", "_count": 2}]
    assert people("top age maxBuckets=1 | _count = 1")[0]["age"] == 27


def test_fields_describes_every_field() -> None:
    rows = {row["field"]: row for row in people("fields topCount=1")}

    assert list(rows) == ["fName", "lName", "dep", "ctry", "age", "host", "docs", "PD", "ts", "balance"]
    assert rows["dep"] == {"field": "dep", "type": "string", "count": 4, "missing": 1, "distinct": 3, "top": ["HR"]}
    assert rows["docs"]["type"] == "list of string"


def test_fields_looks_at_as_much_as_it_may() -> None:
    rows = people("project +dep, +age | fields maxFields=1 maxTuples=2 maxDistinctValuesPerField=1")

    assert rows == [{"field": "dep", "type": "string", "count": 2, "missing": 0, "distinct": 1, "top": ["HR"]}]
    assert people("fields | where missing > 0 | aggr n=count(1)") == [{"n": 2}]


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ("top nope", "no field `nope`"), ("top dep by dep", "have the same name"), ("top dep limit=0", "at least 1"),
        ("top dep others=5", "true or false"), ("fields topCount=10001", "10000 at most"),
        ("project -fName, -lName, -dep, -ctry, -age, -host, -docs, -PD, -ts, -balance | fields", "have no fields"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(stage: str, said: str) -> None:
    with pytest.raises(NqlError) as caught:
        compiled(stage, default_stream="testdata")

    assert said in caught.value.message
