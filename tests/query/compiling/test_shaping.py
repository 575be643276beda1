"""where, set, project, sort, limit, tail, unwind over five persons."""

from __future__ import annotations

import pytest

from tapiary.query import NqlError
from tests.query.asking import ask, column, compiled, people


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ('dep = "HR"', ["Jake", "Jack"]), ("age > 49", ["Jake"]), ("age >= 49", ["Jake", "Harry"]),
        ("dep = null", ["Ann"]), ("dep != null", ["Jake", "Jack", "Harry", "Jake"]), ("docs = []", ["Harry"]),
        ('not dep = "HR"', ["Harry", "Ann", "Jake"]), ('dep != "HR"', ["Harry", "Ann", "Jake"]),
        ('dep = "HR" or dep = "IT" and age > 100', ["Jake", "Jack"]),
        ('(dep = "HR" or dep = "IT") and age > 40', ["Jake", "Harry"]),
        ('not dep = "HR" and age > 40', ["Harry"]), ('not (dep = "HR" and age > 40)', ["Jack", "Harry", "Ann", "Jake"]),
        ('docs = "Passport"', ["Jake", "Jack"]), ("fName = /^Ja/", ["Jake", "Jack", "Jake"]),
        ('fName ~= "J?ck"', ["Jack"]), ('age in [27, "30"]', ["Jack", "Ann"]), ("age not in [27, 30, 33]", ["Jake",
        "Harry"]),
        ("$eq(age, 30)", ["Ann"]), ("true", ["Jake", "Jack", "Harry", "Ann", "Jake"]), ("age", []), ("false", []),
        ("fName = lName or age > PD", ["Jake", "Jack", "Harry", "Ann", "Jake"]),
    ],
)  # fmt: skip
def test_where_keeps_the_rows_that_meet_its_condition(condition: str, names: list[str]) -> None:
    assert column(people(f"where {condition}"), "fName") == names
    assert column(people(condition), "fName") == names


def test_stages_of_conditions_become_one_where() -> None:
    plan = compiled('src stream="testdata" | age > 5 | where dep = "HR" | project +fName | limit 3')

    assert [expression.alias for expression in plan.statement.ctes] == ["nql_1"]
    assert plan.statement.args["where"] is not None


def test_set_overwrites_and_goes_from_left_to_right() -> None:
    rows = people('fName = "Ann" | set age=add(age, 1), next=add(age, 1), dep="none" | project +age, +next, +dep')

    assert rows == [{"age": 31, "next": 32, "dep": "none"}]


def test_add_leaves_fields_alone_that_there_are() -> None:
    rows = people('fName = "Ann" | add age=1, dep="none", new=2 | project +age, +dep, +new')

    assert rows == [{"age": 30, "dep": None, "new": 2}]


def test_fields_that_differ_in_case_alone_are_different() -> None:
    rows = people("set Age=1, AGE=2 | age > 40 | limit 9 | where Age = 1 | sort age | project +age, +Age, +AGE")

    assert rows == [{"age": 49, "Age": 1, "AGE": 2}, {"age": 56, "Age": 1, "AGE": 2}]


def test_a_random_value_stays_the_same_once_it_is_set() -> None:
    assert people("set r=rand(), s=r | where r = s | limit 5 | where r = s | project +r, +s | tail 5 | r = s")[4:]


@pytest.mark.parametrize(
    ("choices", "names"),
    [
        ("+fName, +dep", ["fName", "dep"]), ("+dep as d, +fName", ["d", "fName"]), ("dep, age", ["dep", "age"]),
        ("+dep, fName as n", ["dep", "n"]), ("+dep, -age", ["dep"]),
        ("-docs, -PD, -ts, -host, -ctry, -balance", ["fName", "lName", "dep", "age"]),
        ("-docs, -PD, -ts, -host, -ctry, -balance, fName as dep", ["dep", "lName", "age"]),
        ("-docs, -PD, -ts, -host, -ctry, -balance, fName as lName, lName as fName", ["lName", "fName", "dep", "age"]),
        ("+_stream, +age", ["_stream", "age"]),
    ],
)  # fmt: skip
def test_project_chooses_and_renames(choices: str, names: list[str]) -> None:
    assert list(people(f"limit 1 | project {choices}")[0]) == names


def test_renaming_carries_the_values() -> None:
    rows = people('fName = "Ann" | project fName as lName, lName as fName | project +fName, +lName')

    assert rows == [{"fName": "Ruby", "lName": "Ann"}]


@pytest.mark.parametrize(
    ("stages", "names"),
    [
        ("sort age", ["Jack", "Ann", "Jake", "Harry", "Jake"]), ("sort dep, age", ["Jake", "Jack", "Jake", "Harry",
        "Ann"]),
        ("sort dep desc, age desc", ["Harry", "Jake", "Jack", "Jake", "Ann"]), ("sort age limit=2", ["Jack", "Ann"]),
        ("sort age outLimit=1 limit=3", ["Jack"]), ("sort age | where age > 30", ["Jake", "Harry", "Jake"]),
        ("sort age | limit 3 | sort age desc", ["Jake", "Ann", "Jack"]), ("sort age | limit 1, 2", ["Ann", "Jake"]),
        ("sort age | limit 4, ALL", ["Jake"]), ("sort age | limit 3 | limit 2", ["Jack", "Ann"]),
        ("sort age | limit 3 | limit 1, 9", ["Ann", "Jake"]), ("sort age | limit ALL | limit 1", ["Jack"]),
        ("sort age | limit 3 | where age > 30", ["Jake"]), ("sort age | tail 2", ["Harry", "Jake"]),
        ("sort age desc | tail 2", ["Ann", "Jack"]), ("tail 2", ["Ann", "Jake"]), ("sort age | limit 3 | tail 1",
        ["Jake"]),
        ("sort dep | tail 1", ["Ann"]), ("tail 0", []), ("limit 0", []), ("limit 3 | tail 2", ["Jack", "Harry"]),
        ("sort age | set age=mul(age, -1) | where age < -30", ["Jake", "Harry", "Jake"]),
        ("sort age | project +fName | limit 2", ["Jack", "Ann"]), ("sort age | project +fName | tail 2", ["Harry",
        "Jake"]),
        ("sort age | limit 9 | project +fName | set x=1 | limit 9 | set y=x | where y = 1 | limit 2", ["Jack", "Ann"]),
        ("set x=5 | sort x | limit 1", ["Jake"]), ("sort docs | limit 1", ["Harry"]),
    ],
)  # fmt: skip
def test_order_and_limits(stages: str, names: list[str]) -> None:
    assert column(people(stages), "fName") == names


def test_an_order_outlives_later_stages() -> None:
    rows = people("set k=mul(age, -1) | sort k | set k=0 | unwind docs | project +fName, +docs, +k")

    assert column(rows, "fName") == ["Jake", "Jake", "Jake", "Jake", "Ann", "Jack"]
    assert sorted(column(rows[:2], "docs")) == ["IDCard", "Passport"]


def test_limit_by_counts_for_each_value() -> None:
    assert sorted(column(people("sort age | limit 1 by fName"), "age")) == [27, 30, 33, 49]
    assert column(people("sort age desc | limit 1 by dep"), "age") == [56, 49, 33, 30]
    assert column(people("sort age | limit 1, 1 by ctry"), "age") == [49, 56]
    assert column(people("sort age | limit 1, ALL by ctry, dep | sort age"), "age") == []


def test_unwind_gives_a_row_for_each_item() -> None:
    rows = people("project +fName, +docs | unwind docs")

    assert [tuple(row.values()) for row in rows] == [
        ("Jake", "IDCard"), ("Jake", "Passport"), ("Jack", "Passport"), ("Ann", None), ("Jake", "Visa"), ("Jake",
        "IDCard"),
    ]  # fmt: skip
    rows = people("project +fName, +docs | unwind docs includeEmpty=true")
    assert ("Harry", None) in [tuple(row.values()) for row in rows]
    assert people("unwind age | limit 1 | project +age") == [{"age": 56}]


def test_the_stream_comes_last_and_goes_with_project() -> None:
    assert list(people("set x=1 | where x = 1 | limit 1 | set y=2")[0])[-3:] == ["x", "y", "_stream"]
    assert "_stream" not in people("project -docs | limit 1")[0]
    assert column(ask('src stream="testdata" _stream = "testdata" | limit 1'), "_stream") == ["testdata"]


@pytest.mark.parametrize(
    ("stages", "column", "said"),
    [
        ("where agee = 5", 7, "there is no field `agee`. Did you mean `age`?"),
        ("where Age = 5", 7, "there is no field `Age`. Did you mean `age`?"),
        ("set x = nope", 9, "there is no field `nope`"), ("sort nope", 6, "there is no field `nope`"),
        ("project +age, +fName as age", 16, "`age` is named twice"),
        ("project dep as d, age as d", 1, "two fields get the same name"),
        ("limit 1 by nope", 12, "there is no field `nope`"), ("unwind nope", 8, "there is no field `nope`"),
        ("sort age limt=5", 10, "there is no option `limt` here. Did you mean `limit`?"),
        ("sort age limit=x", 10, "`limit` wants a whole number of at least 0"),
        ("sort age limit=1 limit=2", 18, "the option `limit` stands twice"),
        ("unwind docs includeEmpty=5", 13, "`includeEmpty` wants true or false"),
        ("where age = lenght(docs)", 13, "There is no function `lenght`"),
        ("where upper() = 5", 7, "upper takes 1 argument"), ("where fName = /(/", 15, "is not valid"),
        ("where count(age) > 5", 7, "count is an aggregate"), ("limit 1 | src stream=\"alerts\"",
        11, "at the beginning"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_where_it_stands(stages: str, column: int, said: str) -> None:
    with pytest.raises(NqlError) as caught:
        compiled(stages, default_stream="testdata")

    assert said in caught.value.message
    assert (caught.value.line, caught.value.column) == (1, column)
