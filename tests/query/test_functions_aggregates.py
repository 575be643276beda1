"""Aggregates; the examples of Sycope's manual are among them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlglot import exp

from tapiary.query.functions import FunctionError, aggregate, call, is_aggregate
from tapiary.query.types import LONG, Value
from tests.query.running import Asking, aggregated, database, ip, mac_of, missing, same, value

SIX = [1, 2, 1, 4, 6, 11]
NULL_LONG = missing(LONG)


@pytest.mark.parametrize(
    ("name", "rows", "options", "found"),
    [
        ("count", SIX, {}, 6), ("count", [1, None, 2], {}, 2), ("count", [], {}, 0), ("count", ["", ""], {}, 2),
        ("sum", SIX, {}, 25), ("sum", [1.5, 2.0], {}, 3.5), ("sum", [], {}, 0), ("sum", ["1", "2"], {}, 0),
        ("sum", [NULL_LONG, 4], {}, 4), ("sum", [2**63 - 1, 1], {}, None), ("sum", [2**63 - 1, 1, -1], {}, 2**63 - 1),
        ("avg", [1, 2], {}, 1.5), ("avg", [], {}, None), ("avg", ["1"], {}, None), ("avg", [1, None], {}, 1.0),
        ("min", SIX, {}, 1), ("max", SIX, {}, 11), ("max", ["a", "b"], {}, "b"), ("min", [], {}, None),
        ("max", [ip("10.0.0.2"), ip("10.0.0.10")], {}, "10.0.0.10"), ("min", [{"a": 1}], {}, None),
        ("first", SIX, {}, 1), ("last", SIX, {}, 11), ("first", [None, "x"], {}, None), ("last", [[1], [2]], {}, [2]),
        ("dc", SIX, {}, 5), ("dc", [None, 1, 1], {}, 1), ("dc", [], {}, 0), ("dc", SIX, {"normalSetPrecision": 14}, 5),
        ("join", [1, 2], {}, "1,2"), ("join", [1, None], {}, "1"), ("join", [1, 2], {"delimiter": ":"}, "1:2"),
        ("join", [1, 2], {"delimiter": ""}, "12"), ("join", [1, 2], {"limit": 1}, "1"),
        ("join", [1, 1], {"distinct": True}, "1"), ("join", [1, 1, 2, 3], {"distinct": True, "limit": 2}, "1,2"),
        ("join", ["b", "a", "b"], {"distinct": True}, "b,a"), ("join", [ip("10.0.0.1")], {}, "10.0.0.1"),
        ("join", [mac_of("00:1b:21:3c:9d:f8")], {}, "00:1b:21:3c:9d:f8"), ("join", [[1]], {}, None),
        ("join", [], {}, None),
        ("prc", SIX, {"percentile": 50.0}, 4.0), ("prc", SIX, {"k": 50}, 4.0), ("prc", SIX, {}, 11.0),
        ("prc", SIX, {"percentile": 10.0}, 1.0), ("prc", SIX, {"k": 0}, 1.0), ("prc", SIX, {"k": 100}, 11.0),
        ("prc95", SIX, {}, 11.0), ("prc95", [1, 1, 1, 4, 1, 1], {}, 4.0), ("prc", ["1"], {}, None),
        ("prc", [], {}, None),
    ],
)  # fmt: skip
def test_aggregates(name: str, rows: list[Any], options: dict[str, Any], found: Any) -> None:
    result = aggregated(name, rows, **options)
    assert same(result, found), result


def test_count_of_rows() -> None:
    for args in ([], [value(1)]):
        result = aggregate("count", args, {}, Asking())
        query = exp.select(result.sql).from_("range(7)").sql("duckdb")
        assert database().execute(query).fetchall() == [(7,)]
    nothing = aggregate("count", [value(None)], {}, Asking())
    assert database().execute(exp.select(nothing.sql).from_("range(7)").sql("duckdb")).fetchall() == [(0,)]


@pytest.mark.parametrize("name", ["sum", "avg", "min", "max", "first", "last", "join", "prc95", "dc", "count"])
def test_an_aggregate_of_anything_is_one_row(name: str) -> None:
    for argument in (value("text"), value(None), value([1]), value({"a": 1}), Value(exp.column("range"), LONG)):
        result = aggregate(name, [argument], {}, Asking())
        query = exp.select(result.sql).from_("range(7)").sql("duckdb")
        assert len(database().execute(query).fetchall()) == 1, (name, argument.type)


def test_the_kth_of_many() -> None:
    rows = exp.select(aggregate("prc", [Value(exp.column("range"), LONG)], {"k": value(99)}, Asking()).sql)
    assert database().execute(rows.from_("range(1000)").sql("duckdb")).fetchall() == [(990.0,)]


def test_what_is_an_aggregate() -> None:
    assert is_aggregate("COUNT")
    assert is_aggregate("sum")
    assert not is_aggregate("add")


@pytest.mark.parametrize(
    ("function", "name", "options", "message"),
    [
        (call, "avg", {}, "is an aggregate"), (aggregate, "lower", {}, "is not an aggregate; these are: avg, count"),
        (aggregate, "cont", {}, "Did you mean `count`"), (aggregate, "prc", {"k": 101}, "from 0 to 100"),
        (aggregate, "prc", {"k": "x"}, "k is a number"), (aggregate, "join", {"limit": -1}, "limit"),
    ],
)  # fmt: skip
def test_wrong_aggregates(function: Any, name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(FunctionError, match=message):
        function(name, [value(1)], {option: value(given) for option, given in options.items()}, Asking())
