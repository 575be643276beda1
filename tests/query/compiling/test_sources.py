"""src, records, sleep, and what a plan says about a query."""

from __future__ import annotations

import pytest

from tapiary.query import NqlError, Range, sql_text
from tapiary.query.types import DOUBLE, LONG, NULL, STRING, list_of
from tests.query.asking import NOW_MS, ask, column, compiled


@pytest.mark.parametrize(
    ("options", "ports"),
    [
        ("", [443, 443, 22, 443]), ('startTime="-2s@now"', [22, 443]), ('endTime="-2s@now"', [443, 443]),
        ('startTime="-3s@now" endTime="-1s@now"', [443, 22]), (f'startTime={NOW_MS - 1000}', [443]),
        (f'startTime="@{NOW_MS - 1000}"', [443]), ('startTime="-1s@2023-11-14T22:13:20Z"', [443]),
        ('endTime="@now"', [443, 443, 22, 443]),
    ],
)  # fmt: skip
def test_src_has_a_range_of_its_own_with_its_end_left_out(options: str, ports: list[int]) -> None:
    text = f'src stream="netflow" {options} | sort timestamp'

    assert column(ask(text), "serverPort") == ports
    if options:
        assert column(ask(text, range=Range(0, 1)), "serverPort") == ports


def test_the_range_beside_the_query_is_for_all_its_streams() -> None:
    text = 'src stream="netflow" | fork (limit 9), (src stream="netflow") | aggr n=count(1)'

    assert ask(text, range=Range(NOW_MS - 2000, NOW_MS)) == [{"n": 4}]


def test_a_stream_may_be_chosen_beside_the_query() -> None:
    assert ask("limit 1 | project +age", default_stream="testdata") == [{"age": 56}]
    assert ask("src | limit 1 | project +age", default_stream="testdata") == [{"age": 56}]
    assert ask("src age > 50 | project +age", default_stream="testdata") == [{"age": 56}]
    assert len(ask("", default_stream="testdata")) == 5
    assert len(ask('src stream="netflow"', default_stream="testdata")) == 4


def test_records_are_rows_of_the_query() -> None:
    assert ask('records {"a":1, b:"x"},{"a":2.5},{}') == [
        {"a": 1.0, "b": "x"}, {"a": 2.5, "b": None}, {"a": None, "b": None},
    ]  # fmt: skip
    assert ask('records {"a":add(1,2), "l":[1,2], "m":{"k":5}} | set v=getValue("k", m)') == [
        {"a": 3, "l": [1, 2], "m": {"k": "5"}, "v": "5"}
    ]


def test_types_of_records_are_those_of_all_rows() -> None:
    text = 'records {a:1, b:1, c:1, d:null, e:[]},{a:2, b:2.5, c:"x", e:[1]}'

    assert compiled(text).columns == (
        ("a", LONG), ("b", DOUBLE), ("c", STRING), ("d", NULL), ("e", list_of(LONG)),
    )  # fmt: skip
    assert ask(text)[0] == {"a": 1, "b": 1.0, "c": "1", "d": None, "e": []}


def test_an_empty_row_is_a_row() -> None:
    assert ask("records {}") == [{}]
    assert ask("records {} | set result = 5") == [{"result": 5}]
    assert ask("records {},{} | aggr n=count(1)") == [{"n": 2}]


def test_a_plan_says_what_it_needs() -> None:
    plan = compiled(
        'src stream="netflow" | set n=lookup("app", "name", {"ip": serverIp, "port": serverPort}) | sleep 5 | '
        'fork (src stream="testdata"), (limit 1) | sleep 6'
    )

    assert plan.streams == {"netflow", "testdata"}
    assert plan.lookups == {"lookup_app"}
    assert plan.sleep_ms == 11
    assert not plan.aggregated
    assert compiled('src stream="netflow" | aggr n=count(1) | set x=n').aggregated
    assert sql_text(plan).startswith("WITH ")
    assert "\n" in sql_text(plan, pretty=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a query begins with a source"), ("limit 1", "a query begins with a source"), ("src",
        "`src` names no stream"),
        ('src stream="tesdata"', "there is no stream `tesdata`. Did you mean `testdata`?"),
        ('src stream="zzz"', "There are: testdata, netflow"), ('src stream="testdata" startTime="soon"',
        "wants a moment"),
        ('src stream="testdata" startTime="1h@now"', ""), ('src stream=5', "`stream` wants a text"),
        ('src stream="testdata" stream="alerts"', "stands twice"), ("sleep 60001", "60000 ms at most"),
        ('src stream="testdata" endTime="@2024-13-01T00:00:00Z"', "wants a moment"),
        ("records {a:b}", "there is no field `b`"), ("records {a:1,a:2}", "a key stands twice"),
        ("records " + ",".join(["{}"] * 10_001), "at most 10000 rows"),
        ("|".join(["limit 1"] * 101), "at most 100 stages"),
        ("set " + ",".join(["age=add(age,1)"] * 400), "too many values from each other"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    default = "testdata" if "stages" in said or "values" in said else None
    if not said:
        assert compiled(text).streams == {"testdata"}
        return
    with pytest.raises(NqlError) as caught:
        compiled(text, default_stream=default)

    assert said in caught.value.message
