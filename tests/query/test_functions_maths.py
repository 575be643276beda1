"""Functions on numbers; the examples of Sycope's manual are among them."""

from __future__ import annotations

from typing import Any

import pytest

from tapiary.query.functions import FunctionError
from tapiary.query.types import DOUBLE, LONG
from tests.query.running import missing, run, same

MOST = 2**63 - 1


@pytest.mark.parametrize(
    ("name", "args", "found"),
    [
        ("sum", (2, 6), 8), ("sum", (None, 1, "4", 2), 3), ("sum", (1.1, 6), 7.1), ("sum", ("1", "2"), 0),
        ("sum", (missing(LONG), 1), 1), ("sum", (MOST, 1), None), ("sum", (1, 2.9), 3),
        ("add", (2, -6), -4), ("add", (2, -0.1), 2), ("add", (2.0, -0.1), 1.9), ("add", (2, "1"), None),
        ("add", (MOST, 1), None), ("add", (-MOST, -2), None), ("add", (missing(LONG), 1), None),
        ("sub", (2, 6), -4), ("sub", (-MOST - 1, 1), None), ("sub", (0.5, 2), -1.5),
        ("mul", (2, 6), 12), ("mul", (2, 2.1), 4), ("mul", (MOST, MOST), None), ("mul", (1.5, 2), 3.0),
        ("div", (10.5, 2), 5.25), ("div", (7, 2), 3.5), ("div", (7, 0), None), ("div", (0, 7), None),
        ("div", (12, 2, 3), 2.0), ("div", (7, "2"), None), ("div", (7, missing(DOUBLE)), None),
        ("floorDiv", (17, 2.5), 6), ("floorDiv", (17, "a"), None), ("floorDiv", (17, 0), None),
        ("floorDiv", (-17, 2), -9), ("floorDiv", (-MOST - 1, -1), None), ("floorDiv", (1e300, 1e-300), None),
        ("mod", (10, 6), 4), ("mod", (-10, 6), -4), ("mod", (10, 0), None), ("mod", (10.5, 3), 1),
        ("mod", ("10", 3), None),
        ("mod", (-MOST - 1, -1), 0),
        ("abs", (-4,), 4), ("abs", (-4.5,), 4.5), ("abs", ("-4",), None), ("abs", (-MOST - 1,), None),
        ("pow", (2, 6), 64.0), ("pow", (2, "6"), None), ("pow", (-8, 0.5), None), ("pow", (10, 400), None),
        ("sqrt", (4,), 2.0), ("sqrt", (-2,), None), ("sqrt", (0,), None), ("sqrt", ("4",), None),
        ("sqr", (3,), 9.0), ("sqr", ("3",), None),
        ("floor", (1.2,), 1), ("floor", (-1.2,), -2), ("floor", (3,), 3), ("floor", ("3",), None),
        ("floor", (1e300,), None),
        ("ceil", (1.2,), 2), ("ceil", (-1.2,), -1), ("ceil", (3,), 3),
        ("sign", (3,), 1), ("sign", (-0.5,), -1), ("sign", (0,), 0), ("sign", ("3",), None),
        ("sign", (missing(LONG),), None),
        ("bitAnd", (1, 5), 1), ("bitAnd", (5, "0"), 5), ("bitAnd", ("5", "5"), None), ("bitAnd", (7, 6, 4), 4),
        ("bitAnd", (missing(LONG), 6), 6), ("bitAnd", (missing(LONG), missing(LONG)), None),
        ("bitOr", (1, 2), 3), ("bitOr", (1, "2"), 1), ("bitOr", ("1", "2"), None), ("bitOr", (8.9, 1), 9),
    ],
)  # fmt: skip
def test_numbers(name: str, args: tuple[Any, ...], found: Any) -> None:
    result = run(name, *args)
    assert same(result, found), result


@pytest.mark.parametrize(
    ("name", "args", "kind", "found"),
    [
        ("sum", (2, 6), "long", 8), ("sum", (2, 6), "double", 8.0), ("add", (2, -6), "int", -4),
        ("mul", (2, 4.2), "double", 8.4), ("sub", (2.9, 1.9), "long", 1),
    ],
)  # fmt: skip
def test_wanted_types(name: str, args: tuple[Any, ...], kind: str, found: Any) -> None:
    assert same(run(name, *args, type=kind), found)


def test_types_that_are_none() -> None:
    with pytest.raises(FunctionError, match="type is one of"):
        run("add", 1, 2, type="complex")


def test_random_numbers_keep_to_their_range() -> None:
    from sqlglot import exp

    from tapiary.query.functions import call
    from tests.query.running import Asking, database, value

    for name, args, low, high in (("rand", (), 0.0, 1.0), ("randInt", (-2, 3), -2, 3)):
        drawn = call(name, [value(one) for one in args], {}, Asking()).sql
        select = exp.select(exp.func("min", drawn), exp.func("max", drawn.copy())).from_("range(2000)")
        ((least, most),) = database().execute(select.sql("duckdb")).fetchall()
        assert low <= least < most <= high
        if name == "randInt":
            assert (least, most) == (low, high)


def test_random_numbers_without_a_range() -> None:
    assert run("randInt", 4, 4) == 4
    assert run("randInt", 5, 4) is None
    assert run("randInt", "1", 4) is None
