"""Functions on lists and maps, tests, and choices; the examples of Sycope's manual are among them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlglot import exp

from tapiary.query import sql
from tapiary.query.functions import FunctionError, call
from tapiary.query.types import IP, LONG, MAP, STRING, Value, list_of
from tests.query.running import Asking, Names, computed, ip, missing, run, same, value

IPS = Value(sql.array(ip("10.0.0.1").sql, ip("2001:db8::1").sql), list_of(IP))
STORED = Value(
    sql.cast(
        sql.call("map", sql.array(sql.text("a"), sql.text("b")), sql.array(sql.text("1"), exp.Null())),
        "MAP(VARCHAR, VARCHAR)",
    ),
    MAP,
)


@pytest.mark.parametrize(
    ("name", "args", "found"),
    [
        ("in", (1, [1, 2, 3]), True), ("in", ("mary", ["has", "cat", "mary"]), True), ("in", ("a", ["b", "c"]), False),
        ("in", ("1", [1, 2]), True), ("in", (1, []), False), ("in", (None, [1, None]), True),
        ("in", (missing(LONG), [1]), False),
        ("in", (ip("10.1.2.3"), ["192.0.2.1"]), False),
        ("in", ([1, 7], [7, 8]), True), ("in", (1, 1), True),
        ("notIn", (1, [1, 2]), False), ("notIn", (missing(LONG), [1]), True), ("notIn", ("x", ["y"]), True),
        ("any", (["value1"], ["value2", "value3"]), False), ("any", (["value2"], ["value2", "value3"]), True),
        ("any", ("value2", ["value2"]), True),
        ("any", (IPS, ["10.0.0.2"]), False),
        ("any", (missing(list_of(STRING)), ["a"]), False), ("any", ([], []), False), ("any", ([1, 2], ["2"]), True),
        ("all", (["a", "b"], ["a", "b", "c"]), True), ("all", (["a", "d"], ["a", "b", "c"]), False),
        ("all", ([], ["a"]), True),
        ("all", (IPS, ["10.0.0.0/8"]), False),
        ("all", (missing(list_of(STRING)), ["a"]), False), ("all", (["a"], missing(list_of(STRING))), False),
        ("none", (["value1"], ["value2"]), True), ("none", (["value2"], ["value2"]), False),
        ("none", (missing(list_of(STRING)), ["a"]), True),
        ("len", ([1, "two", 3.0],), 3), ("len", ("test",), None), ("len", ([],), 0),
        ("len", (missing(list_of(LONG)),), None),
        ("valueAt", ([1, 2, 3], 2), 3), ("valueAt", ([1, 2, 3], 3), None), ("valueAt", ([1, 2], -1), None),
        ("valueAt", ("text", 0), None), ("valueAt", (IPS, 1), "2001:db8::1"), ("valueAt", ([1], "0"), None),
        ("get", (0, [10, 20, 30]), 10), ("get", (-1, [10]), None), ("get", (4, [10]), None),
        ("get", (0, [None, 20]), None),
        ("anyMatchingNumber", ([1, 2, 3], 1, 1), True), ("anyMatchingNumber", ([4], 1, 1), False),
        ("anyMatchingNumber", (18, 2, 2), True), ("anyMatchingNumber", (["a"], 1, 1), False),
        ("anyMatchingNumber", (missing(list_of(LONG)), 1, 1), False),
        ("noMatchingNumber", ([1, 2, 3], 1, 1), False), ("noMatchingNumber", ([4], 1, 1), True),
        ("hasKey", ("a", {"a": 1}), True), ("hasKey", ("a", {"b": 1}), False), ("hasKey", ("a", {"a": None}), True),
        ("hasKey", (None, {"a": 1}), False), ("hasKey", ("a", STORED), True), ("hasKey", ("c", STORED), False),
        ("hasKey", ("a", "text"), False), ("hasKey", ("a", missing(MAP)), False),
        ("hasValue", (1, {"a": 1}), True), ("hasValue", (2, {"a": 1}), False), ("hasValue", (None, {"a": 1}), False),
        ("hasValue", (None, {"a": None}), True), ("hasValue", ("1", STORED), True), ("hasValue", (1, STORED), True),
        ("hasValue", (None, STORED), True), ("hasValue", ("2", STORED), False),
        ("getValue", ("a", {"a": 1}), 1), ("getValue", ("b", {"a": 1}), None), ("getValue", ("a", {"a": None}), None),
        ("getValue", (None, {"a": 1}), None), ("getValue", ("a", STORED), "1"), ("getValue", ("b", STORED), None),
        ("getValue", ("c", STORED), None), ("getValue", ("a", [1]), None), ("getValue", ("a", missing(MAP)), None),
        ("isNull", (None,), True), ("isNull", (missing(IP),), True), ("isNull", ("",), False),
        ("isNotNull", (0,), True),
        ("isEmpty", ("",), True), ("isEmpty", ([],), True), ("isEmpty", (None,), True), ("isEmpty", (0,), False),
        ("isEmpty", (missing(list_of(IP)),), True), ("isEmpty", (STORED,), False), ("isEmpty", (missing(MAP),), True),
        ("isNotEmpty", ("x",), True), ("isNotEmpty", ("",), False), ("isNotEmpty", ([1],), True),
        ("eq", ("Private", "Private"), True), ("neq", (None, 5), True), ("neq", (None, missing(LONG)), False),
        ("gt", (2, 1), True), ("gte", (1, 1), True), ("lt", (2, 1), False), ("lte", (1.0, 1), True),
        ("gt", (missing(LONG), 1), False),
        ("like", ("Sycope", "*co*"), True), ("like", ("Sycope", ".yco*"), True), ("like", ("passus", "s.u*"), False),
        ("like", ("ssus", "s.u*"), True), ("like", ("This is Jake", "*is*Jak?"), True),
        ("like", (missing(STRING), "*"), False),
        ("regex", ("Postal code 02-120", r"\d{2}-\d{3}"), True),
        ("regex", ("automatic transmission", "auto(mat|bus)"), True),
        ("regex", (missing(STRING), ".*"), False), ("regex", (512, "^5"), True), ("regex", ([1], "1"), False),
        ("if", (True, "a", "b"), "a"), ("if", (False, "a", "b"), "b"), ("if", (True, 1, 2.5), 1.0),
        ("if", (False, "a", 7), "7"),
        ("if", ("yes", "a", "b"), "b"), ("if", (None, 1, None), None), ("if", (True, ip("10.0.0.1"), None), "10.0.0.1"),
        ("if", (True, [1], []), [1]),
        ("switch", ("DE", "DE", "Germany", "IT", "Italy", "Other"), "Germany"),
        ("switch", ("PL", "DE", "Germany", "IT", "Italy", "Other"), "Other"),
        ("switch", ("PL", "DE", "Germany"), None), ("switch", (6, "6", "TCP", 17, "UDP", "?"), "TCP"),
        ("switch", (None, None, 1, 2), 1),
        ("matchingTrafficProfiles", (1, 2, 3, 4), []),
    ],
)  # fmt: skip
def test_results(name: str, args: tuple[Any, ...], found: Any) -> None:
    result = run(name, *args)
    assert same(result, found), result


def test_constant_texts_may_write_networks() -> None:
    for name, args, found in (
        ("in", (ip("10.1.2.3"), ["192.0.2.1", "10.0.0.0/8"]), True),
        ("any", (IPS, ["2001:db8::/32"]), True),
        ("all", (IPS, ["10.0.0.0/8", "2001:db8::1"]), True),
        ("switch", (ip("10.1.2.3"), "10.0.0.0/8", "in", "out"), "in"),
    ):
        assert computed(call(name, [value(one) for one in args], {}, Asking())) == found


def test_an_item_of_a_list_of_several_types_keeps_its_own() -> None:
    mixed = [value([1, "two", 3.0]), value(2)]
    assert computed(call("valueAt", mixed, {}, Asking())) == 3.0
    assert computed(call("len", mixed[:1], {}, Asking())) == 3


def test_a_key_that_is_a_field_finds_the_map_s_value() -> None:
    key = Value(exp.column("k"), STRING)
    found = call("getValue", [key, value({"a": 1, "b": 2})], {}, Asking())
    assert computed(found, {"k": value("b")}) == 2
    assert computed(found, {"k": value("c")}) is None


def test_a_pattern_that_is_a_field_need_not_be_one() -> None:
    found = call("regex", [value("a("), Value(exp.column("p"), STRING)], {}, Asking())
    assert computed(found, {"p": value("(")}) is False
    assert computed(found, {"p": value("a.")}) is True


@pytest.mark.parametrize("pattern", ["(", "a(?=b)", r"(a)\1", "[z-a]"])
def test_patterns_that_are_none(pattern: str) -> None:
    with pytest.raises(FunctionError, match="regular expression"):
        call("regex", [value("x"), value(pattern)], {}, Asking())


def test_traffic_profiles_are_those_whose_predicate_holds() -> None:
    context = Asking(Names(predicates={"web": "true", "dns": "false", "all": "true"}))
    options = {"name": True, "includeAny": True}
    assert run("matchingTrafficProfiles", 1, 2, 3, 4, context=context, **options) == ["all", "web"]
