"""Operators over every pair of types, and what of them the engine can use to leave out row groups."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from sqlglot import exp

from tapiary.query import compile, sql, sql_text
from tapiary.query.constants import address
from tapiary.query.function_error import FunctionError
from tapiary.query.operators import REGEX, all_of, any_of, compare, condition, list_value, member, negate
from tapiary.query.types import BOOLEAN, DOUBLE, IFC, IP, LONG, MAC, MAP, STRING, SUBNET, Value, list_of
from tests.query.running import NOW_MS, Names, computed, database, ifc, ip, mac_of, missing, stream, subnet, value

TEN = ip("10.1.2.3")
SIX = ip("2001:db8::5")
LINK = mac_of("00:1b:21:3c:9d:f8")
PORT = ifc("172.16.100.1[58]")
NET = subnet("10.0.0.0/8")
IPS = Value(sql.array(TEN.sql, SIX.sql), list_of(IP))


def regex(pattern: str) -> Value:
    return Value(sql.text(pattern), REGEX, (pattern,))


@pytest.mark.parametrize(
    ("left", "op", "right", "found"),
    [
        (1, "=", 1, True), (1, "==", 1.0, True), (1, "=", "1", True), (6, "=", "6.0", True), (6, "=", "6x", False),
        ("6", "=", 6, True), ("06", "=", 6, True), ("a", "=", "A", False), (1.5, "=", "1.5", True), (1, "!=", 2, True),
        (2**62, "=", str(2**62), True), (2**62, "=", str(2**62 + 1), False), (1, "!=", "x", True),
        (True, "=", "true", True), (True, "=", "TRUE", True), (True, "=", 1, False), (False, "!=", True, True),
        (missing(LONG), "=", 1, False), (missing(LONG), "!=", 1, True), (missing(LONG), ">", 1, False),
        (missing(LONG), "=", None, True), (missing(LONG), "!=", None, False), (5, "=", None, False),
        (5, "!=", None, True),
        (None, "=", None, True), (None, "!=", 5, True), (None, "<", 5, False), (None, "~=", "*", False),
        (2, ">", 1, True), (2, ">=", "2", True), (2, "<", "10", True), ("2", "<", "10", False), ("b", ">", "a", True),
        (2, ">", "x", False), (2, "<=", 1.5, False), (True, ">", False, True),
        (TEN, "=", "10.1.2.3", True), (TEN, "=", " 10.1.2.3 ", True), (TEN, "!=", "10.1.2.4", True),
        (TEN, "=", "x", False),
        (TEN, "=", TEN, True), (TEN, "<", "10.1.2.4", True), (TEN, ">", "10.1.2.4", False),
        ("10.1.2.3", "=", TEN, True),
        (SIX, "=", "2001:DB8:0::5", True), (missing(IP), "=", "10.1.2.3", False), (missing(IP), "!=", "10.1.2.3", True),
        (TEN, "=", 167838211, False), (TEN, "=", [167838211], True), (TEN, "=", NET, True), (NET, "=", TEN, True),
        (SIX, "=", NET, False), (NET, "=", "10.9.9.9", True), (NET, "=", "10.0.0.0/8", True),
        (NET, "=", "10.0.0.0/9", False),
        (NET, "=", "x", False), (NET, "=", missing(IP), False), (missing(SUBNET), "=", TEN, False),
        (LINK, "=", "00:1B:21:3c:9d:f8", True), (LINK, "=", "00-1b-21-3c-9d-f8", True), (LINK, "=", "x", False),
        (LINK, "=", "00:1b:21:3c:9d:f9", False), (LINK, "!=", "00:1b:21:3c:9d:f9", True),
        (missing(MAC), "=", "00", False),
        (PORT, "=", "172.16.100.1[58]", True), (PORT, "=", "172.16.100.1[058]", True),
        (PORT, "=", "172.16.100.1[5]", False),
        (PORT, "=", "x", False), (missing(IFC), "!=", "x", True), ("a", "=", TEN, False),
        ([1, 2], "=", [1, 2], True), ([1, 2], "=", [2, 1], False), ([], "=", [], True), ([1], "=", [], False),
        ([1], "!=", [], True), (missing(list_of(LONG)), "=", [], False), (missing(list_of(LONG)), "!=", [], True),
        ([1], "=", ["1"], True), (IPS, "=", ["10.1.2.3", "2001:db8::5"], True), ([1.0], "=", [1], True),
        ([1, 2], "=", 2, True), ([1, 2], "=", "2", True), ([1, 2], "!=", 2, False), ([1, 2], ">", 1, True),
        ([1], "<", 1, False),
        (2, "=", [1, 2], True), (["a", "b"], "=", "b", True), (["a"], "=", 1, False), (IPS, "=", "2001:db8::5", True),
        (["alpha", "beta"], "~=", "be*", True), (missing(list_of(STRING)), "~=", "*", False),
        (missing(MAP), "=", "x", False), (missing(MAP), "=", None, True), (missing(MAP), ">", 1, False),
        ("mail.example.org", "~=", "*.example.org", True), ("mail.example.org", "~=", "mail", False),
        ("a%c", "~=", "a%c", True), ("abc", "~=", "a%c", False), ("a_c", "~=", "a_c", True),
        ("abc", "~=", "a_c", False),
        ("a^c", "~=", "a^c", True), ("abc", "~=", "a?c", True), ("abc", "~=", "a.c", True), ("abc", "~=", "*", True),
        ("Critical", "~=", "Critic*", True), (512, "~=", "5*", True), (1.5, "~=", "1.*", True),
        ("ABC", "~=", "abc", False),
        (TEN, "~=", "10.1.*", True), (TEN, "~=", "10.*", True), (TEN, "~=", "10.2.*", False),
        (ip("10.11.5.5"), "~=", "10.1.*", False),
        (TEN, "~=", "*.3", True), (SIX, "~=", "2001:db8:*", True), (TEN, "~=", "10.1.2.?", True),
        (LINK, "~=", "00:1b:*", True),
        (PORT, "~=", "172.16.*[58]", True), (NET, "~=", "10.*", True), (True, "~=", "t*", True), ("5", "~=", 5, True),
        ("x", "~=", None, False), ("Jake", "=", regex("^J"), True), ("Jake", "=", regex("ak"), True),
        ("Jake", "=", regex("^ak"), False),
        ("Jake", "!=", regex("^X"), True), (missing(STRING), "=", regex(".*"), False),
        (missing(STRING), "!=", regex(".*"), True),
        (TEN, "=", regex(r"^10\."), True), (80, "=", regex("^8"), True), (["a", "b"], "=", regex("b"), True),
        ([1], "=", regex("x"), False),
    ],
)  # fmt: skip
def test_comparisons(left: Any, op: str, right: Any, found: bool) -> None:
    assert computed(compare(op, value(left), value(right))) is found
    # The left side as a field: what is meant may not depend on how it is written.
    constant = value(left)
    if constant.type.name not in ("null",):
        column = Value(exp.column("f"), constant.type)
        assert computed(compare(op, column, value(right)), {"f": constant}) is found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("10.0.0.0/8", True), ("10.1.2.0/24", True), ("10.1.2.9/24", True), ("10.2.0.0/16", False), ("0.0.0.0/0", True),
        ("::/0", False), ("::ffff:0:0/96", True), ("10.0.0.0/33", False), ("10.0.0.0/x", False), ("10.1.2.3/32", True),
    ],
)  # fmt: skip
def test_text_that_writes_a_network_means_its_addresses(text: str, found: bool) -> None:
    column = Value(exp.column("f"), IP)
    for op, wanted in (("=", found), ("!=", not found)):
        assert computed(compare(op, column, value(text)), {"f": TEN}) is wanted
        assert computed(compare(op, value(text), column), {"f": TEN}) is wanted
    assert computed(compare("=", column, value(text)), {"f": missing(IP)}) is False
    assert computed(member(column, value([text, "192.0.2.1"])), {"f": TEN}) is found


def test_ipv6_networks() -> None:
    column = Value(exp.column("f"), IP)
    for text, found in (("::/0", True), ("2001:db8::/32", True), ("2001:db9::/32", False), ("0.0.0.0/0", False)):
        assert computed(compare("=", column, value(text)), {"f": SIX}) is found


@pytest.mark.parametrize(
    ("text", "found"),
    [("00:1b:21", True), ("00-1b-21", True), ("00:1b:21:", True), ("00:1c", False), ("0", False), ("00:1b-21", False)],
)
def test_text_that_writes_the_first_pairs_of_a_link_layer_address(text: str, found: bool) -> None:
    column = Value(exp.column("f"), MAC)
    assert computed(compare("=", column, value(text)), {"f": LINK}) is found


def test_text_that_writes_an_exporter_means_its_interfaces() -> None:
    column = Value(exp.column("f"), IFC)
    assert computed(compare("=", column, value("172.16.100.1")), {"f": PORT}) is True
    assert computed(compare("=", column, value("172.16.100.10")), {"f": PORT}) is False


@pytest.mark.parametrize(
    ("text", "kind", "stored"),
    [
        ("10.1.2.3", IP, TEN), ("00:1b:21:3c:9d:f8", MAC, LINK), ("10.0.0.0/8", SUBNET, NET),
        ("172.16.100.1[58]", IFC, PORT),
        ("80", LONG, value(80)), ("1.5", DOUBLE, value(1.5)), ("true", BOOLEAN, value(True)),
    ],
)  # fmt: skip
def test_a_field_of_text_beside_a_field_of_another_type(text: str, kind: Any, stored: Value) -> None:
    typed, written = Value(exp.column("t"), kind), Value(exp.column("w"), STRING)
    for left, right in ((typed, written), (written, typed)):
        assert computed(compare("=", left, right), {"t": stored, "w": value(text)}) is True
        assert computed(compare("=", left, right), {"t": stored, "w": value("none")}) is False
        assert computed(compare("=", left, right), {"t": stored, "w": missing(STRING)}) is False
        assert computed(compare("!=", left, right), {"t": stored, "w": value("none")}) is True
    assert computed(compare("<=", typed, written), {"t": stored, "w": value("none")}) is (kind == IFC)


def test_logic_has_two_values() -> None:
    unknown = compare("=", Value(exp.column("f"), LONG), value(1))
    nothing = {"f": missing(LONG)}
    assert computed(negate(unknown), nothing) is True
    assert computed(negate(negate(unknown)), nothing) is False
    assert computed(all_of(unknown, value(True)), nothing) is False
    assert computed(any_of(unknown, value(True)), nothing) is True
    assert computed(negate(Value(exp.column("b"), BOOLEAN)), {"b": missing(BOOLEAN)}) is True
    assert computed(all_of(value("true"))) is False
    assert computed(negate(value(5))) is True
    assert computed(all_of()) is True
    assert computed(any_of()) is False


@pytest.mark.parametrize("pattern", ["(", "a(?!b)"])
def test_patterns_that_are_none_name_their_argument(pattern: str) -> None:
    with pytest.raises(FunctionError, match="regular expression") as caught:
        compare("=", value("x"), regex(pattern))
    assert caught.value.argument == 1


def test_lists_of_fields_and_constants() -> None:
    fields = {"a": value(7), "b": value("x")}
    some = list_value([Value(exp.column("a"), LONG), value(2)])
    assert computed(member(value(7), some), fields) is True
    mixed = list_value([Value(exp.column("a"), LONG), Value(exp.column("b"), STRING), value(None)])
    assert mixed.type == list_of(STRING)
    assert computed(mixed, fields) == ["7", "x", None]
    assert computed(list_value([value(1), value(0.5)])) == [1.0, 0.5]


def test_many_constants_make_no_deep_tree() -> None:
    column = Value(exp.column("f"), IP)
    nets = [f"10.{n // 256}.{n % 256}.0/24" for n in range(1000)]
    found = condition(member(column, value([*nets, *(f"192.0.2.{n}" for n in range(256))])))
    assert computed(Value(found, BOOLEAN), {"f": ip("10.3.231.77")}) is True
    assert computed(Value(found, BOOLEAN), {"f": ip("192.0.2.255")}) is True
    assert computed(Value(found, BOOLEAN), {"f": ip("10.3.232.77")}) is False


@pytest.fixture(scope="module")
def parquet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 20 row groups, sorted by address, port and link-layer address."""
    path = tmp_path_factory.mktemp("pushdown") / "rows.parquet"
    database().execute(
        "COPY (SELECT unhex('00000000000000000000ffff0a' || format('{:06x}', i * 100)) AS ip,"
        f" (i // 1000)::SMALLINT AS port, i AS mac FROM range(40960) AS t(i)) TO '{path}' (ROW_GROUP_SIZE 2048)"
    )
    return path


@pytest.mark.parametrize(
    ("name", "kind", "op", "right"),
    [
        ("ip", IP, "=", "10.0.0.100"), ("ip", IP, "=", "10.0.1.0/24"), ("ip", IP, "~=", "10.0.1.*"),
        ("port", LONG, "=", 3),
        ("port", LONG, "=", "3"), ("port", LONG, "<", 2), ("mac", MAC, "=", "00:00:00:00:00"),
        ("ip", IP, "in", ["10.0.0.100"]),
        ("ip", IP, "in", ["10.0.1.0/24", "10.0.2.0/24"]), ("port", LONG, "in", [1, 2]),
    ],
)  # fmt: skip
def test_filters_leave_out_row_groups(parquet: Path, name: str, kind: Any, op: str, right: Any) -> None:
    column = Value(exp.column(name), kind)
    found = member(column, value(right)) if op == "in" else compare(op, column, value(right))
    where = condition(all_of(found, any_of(found, value(False))))
    select = exp.select(exp.Count(this=exp.Star())).from_(f"read_parquet('{parquet}')").where(where)
    assert 1 <= row_groups_read(select.sql("duckdb")) <= 3


@pytest.mark.parametrize(
    "stages",
    [
        'where ip = "10.0.1.0/24" | aggr n=count(1)',
        'set x=concat(ip, "a") | where (ip in ["10.0.0.100"] or ip = "10.0.2.0/24") and mac != null | project +x',
        'isIpPrivate(ip) and inSubnet(ip, "10.0.1.0/24") | limit 3',
        'ip ~= "10.0.1.*" | sort port desc | limit 3',
        'not (ip != "10.0.0.100") | $eq(port, 0) | top port',
    ],
)
def test_whole_queries_leave_out_row_groups(parquet: Path, stages: str) -> None:
    rows = stream("t", f"read_parquet('{parquet}')", {"ip": IP, "port": LONG, "mac": MAC})
    plan = compile(f'src stream="t" | {stages}', Names(streams={"t": rows}), now_ms=NOW_MS)
    assert 1 <= row_groups_read(sql_text(plan)) <= 3


def test_what_the_engine_cannot_know_reads_all_row_groups(parquet: Path) -> None:
    where = condition(compare("=", Value(exp.column("ip"), IP), regex(r"^10\.0\.0\.")))
    select = exp.select(exp.Count(this=exp.Star())).from_(f"read_parquet('{parquet}')").where(where)
    assert row_groups_read(select.sql("duckdb")) == 20


def row_groups_read(query: str) -> int:
    """How many row groups a query read, by the engine's own account."""
    ((_, text),) = database().execute(f"EXPLAIN (ANALYZE, FORMAT json) {query}").fetchall()
    return sum(int(found) for found in re.findall(r'"row_groups_scanned": (\d+)', text))


def test_addresses_of_the_test_are_stored_as_flows_are() -> None:
    assert address("10.1.2.3") == bytes(10) + b"\xff\xff\x0a\x01\x02\x03"
