"""Functions on text; the examples of Sycope's manual are among them."""

from __future__ import annotations

from typing import Any

import pytest

from tapiary.query.functions import FunctionError
from tapiary.query.types import IP, LONG, STRING
from tests.query.running import ifc, ip, mac_of, missing, run, same, subnet

CAT = "Cat is wild."


@pytest.mark.parametrize(
    ("name", "args", "options", "found"),
    [
        ("concat", ("abc", "-", "def"), {}, "abc-def"),
        ("concat", ("1", "2"), {"delimiter": ";"}, "1;2"),
        ("concat", ("1", 1, "2"), {"distinct": True}, "12"),
        ("concat", ("1", "2", "3"), {"limit": 2}, "12"),
        ("concat", ("1", 1, "2", "3"), {"distinct": True, "limit": 2}, "12"),
        ("concat", (1, 2.5, True, None, missing(STRING)), {"delimiter": "|"}, "1|2.5|true"),
        ("concat", (ip("192.0.2.7"), ip("2001:db8::1"), mac_of("00:1b:21:3c:9d:f8"), subnet("10.0.0.0/8"),
                    ifc("10.1.1.1[7]")), {"delimiter": " "},
         "192.0.2.7 2001:db8::1 00:1b:21:3c:9d:f8 10.0.0.0/8 10.1.1.1[7]"),
        ("concat", ([1], {"a": 1}), {}, ""),
        ("substring", (CAT, 4), {"endId": 6}, "is"),
        ("substring", (CAT, 4, 6), {}, "is"),
        ("substring", (CAT, 5), {"endId": 4}, None),
        ("substring", (CAT, 12, 13), {}, None),
        ("substring", (CAT, -5), {}, "wild."),
        ("substring", (CAT, -5), {"endId": -1}, "wild"),
        ("substring", (CAT, -13), {}, None),
        ("substring", (CAT, 3), {"endId": 3}, ""),
        ("substring", ("żółw🐢", 4), {}, "🐢"),
        ("substring", (12345, 1, 3), {}, "23"),
        ("substring", (CAT, "1"), {}, None),
        ("substring", (missing(STRING), 1), {}, None),
        ("substring", (CAT, missing(LONG)), {}, None),
        ("left", (CAT, 6), {}, "Cat is"), ("left", (CAT, -2), {}, "Cat is wil"), ("left", (512, 1), {}, "5"),
        ("left", (CAT, 99), {}, CAT), ("left", (CAT, 2**40), {}, CAT), ("left", (CAT, 1.5), {}, None),
        ("right", (CAT, 5), {}, "wild."), ("right", (512, 1), {}, "2"), ("right", (CAT, -1), {}, "."),
        ("right", (CAT, -(2**63)), {}, CAT),
        ("lower", ("CAT is WILD.",), {}, "cat is wild."), ("lower", (5,), {}, "5"), ("lower", ([1],), {}, None),
        ("upper", ("cat ż",), {}, "CAT Ż"),
        ("replace", (CAT, "wild", "nice"), {}, "Cat is nice."),
        ("replace", ("wild and wild", "wild", "nice"), {}, "nice and wild"),
        ("replace", ("wild and wild.", "wild", "nice"), {"strat": "last"}, "wild and nice."),
        ("replace", ("wild and wild", "wild", "nice"), {"strat": "all"}, "nice and nice"),
        ("replace", ("aaa", "aa", "b"), {"strat": "last"}, "ab"),
        ("replace", ("a.b\n.c", ".", r"\1"), {"strat": "last"}, "a.b\n\\1c"),
        ("replace", (CAT, "dog", "x"), {"strat": "last"}, CAT),
        ("replace", (CAT, "", "x"), {}, CAT), ("replace", (CAT, "", "x"), {"strat": "all"}, CAT),
        ("replace", (512, 1, 3), {}, "532"),
        ("trim", ("  \t Cat\n",), {}, "Cat"), ("trim", (5,), {}, None),
        ("startsWith", (CAT, "Cat"), {}, True), ("startsWith", (CAT, "Dog"), {}, False),
        ("startsWith", (512, "5"), {}, True),
        ("startsWith", (missing(STRING), "x"), {}, False), ("startsWith", ([1], "1"), {}, None),
        ("startsWith", ("100%", "%"), {}, False),
        ("endsWith", (CAT, "wild."), {}, True), ("endsWith", (CAT, "is"), {}, False),
        ("endsWith", (512, "2"), {}, True),
        ("contains", (CAT, "Cat"), {}, True), ("contains", (CAT, "cat"), {}, False),
        ("contains", (CAT, "cat"), {"ignorecase": True}, True), ("contains", ("512421", 242), {}, True),
        ("contains", (missing(STRING), "x"), {}, False), ("contains", (ip("10.1.2.3"), ".1."), {}, True),
        ("not_contains", (CAT, "Dog"), {}, True), ("not_contains", (missing(STRING), "x"), {}, True),
        ("notContains", (CAT, "Cat"), {}, False), ("not_contains", ([1], "x"), {}, None),
        ("indexOf", (CAT, "C"), {}, 0), ("indexof", (CAT, "t"), {}, 2), ("indexOf", (CAT, "i"), {"startIndex": 6}, 8),
        ("indexOf", (CAT, "i"), {"start_index": 4}, 4), ("indexOf", (CAT, "c"), {"ignorecase": True}, 0),
        ("indexOf", (CAT, "c"), {"ignore_case": False}, None), ("indexOf", (CAT, "b"), {}, None),
        ("indexOf", (CAT, "C"), {"startIndex": -3}, 0), ("indexOf", (CAT, "C"), {"startIndex": 99}, None),
        ("indexOf", (CAT, [1]), {}, None),
        ("strlen", (CAT,), {}, 12), ("strlen", (5,), {}, 1), ("strlen", ("🐢",), {}, 1),
        ("strlen", ([1, 2],), {}, None),
        ("strlen", (missing(IP),), {}, None),
    ],
)  # fmt: skip
def test_texts(name: str, args: tuple[Any, ...], options: dict[str, Any], found: Any) -> None:
    result = run(name, *args, **options)
    assert same(result, found), result


@pytest.mark.parametrize(
    ("name", "args", "options", "message"),
    [
        ("replace", ("a", "b", "c"), {"strat": "middle"}, "strat is first, last or all"),
        ("concat", ("a", "b"), {"limit": -1}, "limit"),
        ("concat", ("a", "b"), {"limit": "two"}, "limit is a number"),
        ("concat", ("a", "b"), {"distinct": 3}, "distinct is true or false"),
        ("contains", ("a", "b"), {"case": True}, "no option"),
        ("concat", ("a", "b"), {"delimitr": ";"}, "Did you mean `delimiter`"),
        ("concat", ("a",), {}, "at least 2 arguments"),
        ("lower", ("a", "b"), {}, "1 argument,"),
        ("substring", ("a",), {}, "2 to 3 arguments"),
        ("lowre", ("a",), {}, "Did you mean `lower`"),
    ],
)
def test_wrong_calls_say_what_is_right(name: str, args: tuple[Any, ...], options: dict[str, Any], message: str) -> None:
    with pytest.raises(FunctionError, match=message):
        run(name, *args, **options)
