"""The door to all functions: those of the manual are there, under any case, and described."""

from __future__ import annotations

import pickle

import pytest

from tapiary.query.functions import FunctionError, aggregate, call, describe, is_aggregate, names
from tests.query.running import Asking, computed, value

#: Every name of Sycope's manual and cheat sheet.
DOCUMENTED = [
    "now", "timestamp", "addYears", "addMonths", "addDays", "addHours", "addMinutes", "addSeconds", "addMillis",
    "getYear", "getMonth", "getDay", "getDayOfWeek", "getHour", "getMinute", "getSecond", "year", "month", "day",
    "dayOfWeek", "hour", "minute", "second", "tsToStr", "timestampToStr", "tsParse", "tsOffset", "isDateTimeBetween",
    "isTimeBetween", "isWeekendDay", "isWorkingDay", "sum", "add", "sub", "mul", "div", "floorDiv", "mod", "abs",
    "pow", "sqrt", "sqr", "floor", "ceil", "sign", "rand", "randInt", "bitAnd", "bitOr", "if", "switch", "concat",
    "substring", "left", "right", "lower", "upper", "replace", "trim", "startsWith", "endsWith", "contains",
    "not_contains", "indexOf", "strlen", "regex", "like", "eq", "neq", "gt", "gte", "lt", "lte", "isEmpty",
    "isNotEmpty", "isNull", "isNotNull", "in", "notIn", "isIp", "isIp4", "isIp6", "isIpLoopback", "isIpMulticast",
    "isIpPrivate", "toIp", "ipToStr", "toMac", "isMac", "macToStr", "toSubnet", "isSubnet", "subnetToStr", "inSubnet",
    "lookup", "lookupAll", "lookupKeyExists", "any", "all", "none", "len", "valueAt", "get", "hasKey", "hasValue",
    "getValue", "anyMatchingNumber", "noMatchingNumber", "valInColl", "collExists", "valColl",
    "matchingTrafficProfiles",
]  # fmt: skip
AGGREGATES = [
    "count", "sum", "avg", "min", "max", "first", "last", "dc", "join", "prc", "prc95",
]  # fmt: skip


@pytest.mark.parametrize("name", [*DOCUMENTED, *AGGREGATES])
def test_documented_names_are_there(name: str) -> None:
    assert name in names()
    assert is_aggregate(name) == (name in AGGREGATES)


def test_names_ignore_case() -> None:
    for name in ("strlen", "STRLEN", "StrLen"):
        assert computed(call(name, [value("abc")], {}, Asking())) == 3
    assert aggregate("COUNT", [value(1)], {}, Asking()).type == aggregate("count", [value(1)], {}, Asking()).type


def test_each_function_is_described_once() -> None:
    docs = describe()
    described = [name for doc in docs for name in (doc.name, *doc.aliases)]
    assert sorted({*described}, key=str.lower) == list(names())
    assert [name for name in described if described.count(name) > 1] == ["sum", "sum"]  # a function and an aggregate
    for doc in docs:
        assert doc.signature.startswith(f"{doc.name}(")
        assert doc.signature.endswith(")")
        assert doc.summary
        assert doc.group


def test_wrong_counts_show_the_signature() -> None:
    with pytest.raises(FunctionError, match=r"timestampToStr takes 1 argument, not 0: tsToStr\(time, format=, zone=\)"):
        call("timestampToStr", [], {}, Asking())


def test_errors_cross_processes() -> None:
    error = pickle.loads(pickle.dumps(FunctionError("no", argument=2)))
    assert (error.message, error.argument, error.code, error.status) == ("no", 2, "invalid_query", 400)


@pytest.mark.parametrize("name", DOCUMENTED)
@pytest.mark.parametrize("given", [None, "text", 5, 2.5, True, [1], ["a"], [], {"a": 1}])
def test_arguments_of_any_type_give_a_value_or_a_told_error(name: str, given: object) -> None:
    """Whatever is given for each argument, the engine computes it or the call says what is wrong."""
    for count in range(7):
        try:
            found = call(name, [value(given)] * count, {}, Asking())
        except FunctionError:
            continue
        computed(found)
