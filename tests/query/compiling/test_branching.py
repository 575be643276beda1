"""fork, join, subPipe, dst and coll."""

from __future__ import annotations

import pytest

from tapiary.query import NqlError
from tapiary.query.types import DOUBLE, STRING
from tests.query.asking import Tables, ask, column, compiled, people


def test_fork_gives_the_rows_of_all_pipes() -> None:
    rows = people('fork (dep = "HR" | project +fName, +age), (aggr oldest=max(age) by dep maxBuckets=1)')

    assert rows == [
        {"fName": "Jake", "age": 56, "oldest": None, "_id": None}, {"fName": "Jack",
        "age": 27, "oldest": None, "_id": None},
        {"fName": None, "age": None, "oldest": 56, "_id": ["HR"]},
    ]  # fmt: skip


def test_every_pipe_gets_the_same_rows() -> None:
    rows = people("set r=rand() | fork (aggr a=sum(r)), (aggr b=sum(r)) | aggr a=max(a), b=max(b)")

    assert rows[0]["a"] == rows[0]["b"]


def test_pipes_keep_their_order_and_their_limits() -> None:
    rows = people("project +age | fork (sort age limit=2), (sort age desc | limit 1), (limit 1)")

    assert column(rows, "age") == [27, 30, 56, 56]


def test_pipes_may_have_their_own_sources() -> None:
    assert column(ask("fork (records {a:1}), (records {a:2} | set b=3)"), "a") == [1, 2]
    assert column(people("limit 1 | fork (project +age), (records {age:5})"), "age") == [56, 5]


def test_types_that_differ_meet_as_numbers_or_texts() -> None:
    assert compiled("fork (records {a:1}), (records {a:2.5})").columns == (("a", DOUBLE),)
    assert compiled('fork (records {a:1}), (records {a:"x"}), (records {a:null})').columns == (("a", STRING),)
    assert ask('fork (records {a:1}), (records {a:"x"}), (records {a:null})') == [{"a": "1"}, {"a": "x"}, {"a": None}]


def test_the_stream_is_known_of_raw_rows_alone() -> None:
    rows = people("fork (limit 1), (aggr n=count(1))")

    assert list(rows[0])[-1] == "_stream"
    assert column(rows, "_stream") == ["testdata", None]


def test_forks_within_forks() -> None:
    rows = people("fork (fork (limit 1), (limit 2)), (fork (limit 3) | limit 1) | aggr n=count(1)")

    assert rows == [{"n": 4}]


JOINED = 'join (records {dep:"HR", floor:1, age:0}, {dep:"HR", floor:2, age:0}, {dep:"X", floor:3, age:0}) on dep'


def test_join_gives_each_row_with_every_match() -> None:
    rows = people(f"{JOINED} | sort fName, floor | project +fName, +floor, +age, +age_right")

    assert [tuple(row.values()) for row in rows] == [
        ("Jack", 1, 27, 0), ("Jack", 2, 27, 0), ("Jake", 1, 56, 0), ("Jake", 2, 56, 0),
    ]  # fmt: skip


def test_a_left_join_keeps_rows_without_a_match() -> None:
    rows = people(f"{JOINED.replace('join', 'join kind=left')} | sort age, floor | project +fName, +floor, +age_right")

    assert [tuple(row.values()) for row in rows] == [
        ("Jack", 1, 0), ("Jack", 2, 0), ("Ann", None, None), ("Jake", None, None), ("Harry", None, None),
        ("Jake", 1, 0), ("Jake", 2, 0),
    ]  # fmt: skip
    assert people(f"{JOINED.replace('join', 'join kind=left')} | age_right = null | aggr n=count(1)") == [{"n": 3}]


def test_keys_may_have_different_names_and_types_of_numbers() -> None:
    other = 'records {who:"Jake", years:33.0, x:1}'
    rows = people(f"join ({other}) on fName = who, age = years | project +x, +who, +lName")

    assert rows == [{"x": 1, "who": "Jake", "lName": "Blue"}]


def test_null_keys_fit_nothing() -> None:
    assert people("dep = null | join (src stream=\"testdata\" | project +dep) on dep") == []


def test_addresses_are_keys() -> None:
    rows = ask(
        'src stream="netflow" | join (src stream="netflow" | aggr n=count(1) by clientIp unwind=true) on clientIp | '
        "sort timestamp | project +clientIp, +n"
    )

    assert [tuple(row.values()) for row in rows] == [("10.0.0.1", 3), ("10.0.0.2", 1), ("10.0.0.1", 3), ("10.0.0.1", 3)]


def test_join_keeps_the_order_of_the_left() -> None:
    assert column(people("sort age desc | join (src stream=\"testdata\" | aggr by dep unwind=true) on dep"), "age") == [
        56, 49, 33, 27,
    ]  # fmt: skip


def test_joins_follow_each_other() -> None:
    other = 'join (src stream="testdata" | aggr n{0}=count(1) by dep unwind=true) on dep'
    rows = people(f"{other.format(1)} | {other.format(2)} | n1 = n2 | aggr n=count(1)")

    assert rows == [{"n": 4}]


SERIES = (
    'src stream="testdata" | dst "all" | coll "all" | fork (set fullName=concat(fName, " ", lName) | dst "data3"), '
    '(aggr latestTs=max(ts) by fName unwind=true | dst "data4") | dst "both" | '
)


def test_a_series_of_queries_with_collectors_is_one_query() -> None:
    rows = ask(
        SERIES + 'coll "data3" | set latestTs=valColl("data4", "latestTs", {"fName":fName}) | where $eq(latestTs,ts) | '
        "sort fullName | project +fullName"
    )

    assert column(rows, "fullName") == ["Ann Ruby", "Harry Blue", "Jack Magenta", "Jake Blue"]


def test_subpipes_fill_collectors_for_the_pipe_behind_them() -> None:
    sub = 'subPipe (src stream="testdata" | dep = "HR" | dst "staff")'

    asked = 'src stream="testdata" | valInColl(ctry, "staff", "ctry") | sort age'

    assert column(ask(f"{sub} | {asked}"), "age") == [27, 33, 56]
    assert column(ask(f'{sub} | coll "staff" bunchSize=1'), "age") == [56]
    assert column(ask(sub), "age") == [56, 27]
    assert ask(f"{sub} | aggr n=count(1)", default_stream="testdata") == [{"n": 5}]


def test_a_collector_keeps_its_order_and_its_names() -> None:
    rows = ask('src stream="testdata" | sort age | set AGE=1 | dst "a" | coll "a" | project +age, +AGE')

    assert [tuple(row.values()) for row in rows] == [(27, 1), (30, 1), (33, 1), (49, 1), (56, 1)]


def test_dst_at_the_end_is_told() -> None:
    assert compiled('src stream="testdata" | dst "kept"').dst == "kept"
    assert compiled('src stream="testdata" | dst "kept" | limit 5').dst is None


def test_collectors_beside_the_query_are_read() -> None:
    beside = Tables(beside={"top": "testdata"})

    assert ask('coll "top" | aggr n=count(1)', beside) == [{"n": 5}]
    with pytest.raises(NqlError, match="there is a collector `top` already"):
        compiled('src stream="testdata" | dst "top"', beside)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('src stream="testdata" | dst "a" | dst "a"', "there is a collector `a` already"),
        ('coll "nope"', "there is no collector `nope`"), ("subPipe (limit 1 | dst a)", "begins with a source"),
        ('subPipe (src stream="testdata")', "keeps its rows with `dst`"), ("fork ()", "begins with a source"),
        ("fork " + ", ".join(["(records {a:1})"] * 33), "at most 32 pipes"),
        ('src stream="testdata" | join (records {age:"x"}) on age', "`age` is long and `age` is string"),
        ('src stream="testdata" | join (records {age:1, b:1}) on b', "no field `b`"),
        ('src stream="testdata" | join (records {age:1}) on dep', "no field `dep`"),
        ('src stream="testdata" | join kind=outer (records {age:1}) on age', "`kind` wants `inner` or `left`"),
        ('src stream="testdata" | join (limit 1) on age', "begins with a source"),
        ('src stream="testdata" | set age_right=1 | join (records {dep:"x",age:1}) on dep', "would be there twice"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    with pytest.raises(NqlError) as caught:
        compiled(text)

    assert said in caught.value.message


def test_a_pipe_of_join_may_read_the_chosen_stream() -> None:
    joined = "join (aggr n=count(1) by dep unwind=true) on dep"
    rows = ask(f"{joined} | aggr n=sum(n)", default_stream="testdata")

    assert rows == [{"n": 6}]
