"""Whole random queries: what the engine gives for them is what plain Python finds row by row."""

from __future__ import annotations

import ipaddress
import json
import math
from collections import defaultdict
from random import Random
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from tapiary.query import compile, parse, sql_text, tree
from tapiary.query.constants import address, network
from tapiary.query.rendering import readable
from tapiary.query.types import BOOLEAN, DOUBLE, IFC, IP, LONG, MAC, STRING, SUBNET, Type, list_of
from tests.query.naive import AGGREGATES, Interface, Mac, evaluate, text
from tests.query.running import NOW_MS, Names, database, stream

ADDRESSES = ["10.1.2.3", "10.1.9.9", "192.168.0.1", "8.8.8.8", "2001:db8::1", "fd00::7", "::1", "255.255.255.255"]
NETS = ["10.0.0.0/8", "10.1.2.0/24", "8.8.8.8/32", "0.0.0.0/0", "2001:db8::/32", "::/0", "fd00::/8"]
MACS = ["00:1b:21:3c:9d:f8", "00:1b:22:00:00:00", "ff:ff:ff:ff:ff:ff"]
IFCS = ["10.1.2.3[7]", "10.1.2.3[70]", "172.16.100.1[58]"]
TEXTS = [
    "", "a", "A", "wild cat", "cat", "żółw 🐢", "6", "6.0", "6.4", "-5", "80", "x%_^y", "10.1.2.3", "true",
    "aXaXa", " pad ",
]
LONGS = [0, 1, -5, 6, 80, 443, 65535, 2**40, 2**63 - 1, -(2**63)]
SMALL = [0, 1, -5, 6, 80, 443, 1000]
DOUBLES = [0.0, 0.5, -2.25, 6.0, 80.0, 1e6, 2.75]
MOMENTS = [0, 1_623_253_047_000, 1_609_457_400_123, -86_400_001, 1_700_000_000_000]

#: Fields by name: type, Arrow type, and what values are drawn from.
FIELDS: dict[str, tuple[Type, pa.DataType, list[Any]]] = {
    "flag": (BOOLEAN, pa.bool_(), [True, False]),
    "n": (LONG, pa.int64(), LONGS),
    "port": (LONG, pa.int32(), SMALL),
    "d": (DOUBLE, pa.float64(), DOUBLES),
    "s": (STRING, pa.string(), TEXTS),
    "t": (STRING, pa.string(), TEXTS),
    "ip": (IP, pa.binary(), [ipaddress.ip_address(each) for each in ADDRESSES]),
    "ip2": (IP, pa.binary(), [ipaddress.ip_address(each) for each in ADDRESSES]),
    "net": (SUBNET, pa.binary(), [ipaddress.ip_network(each) for each in NETS]),
    "mac": (MAC, pa.int64(), [Mac(int(each.replace(":", ""), 16)) for each in MACS]),
    "ifc": (IFC, pa.string(), [Interface(each) for each in IFCS]),
    "ts": (LONG, pa.int64(), MOMENTS),
    "ns": (list_of(LONG), pa.list_(pa.int64()), []),
    "ss": (list_of(STRING), pa.list_(pa.string()), []),
    "ips": (list_of(IP), pa.list_(pa.binary()), []),
}
ITEMS = {"ns": SMALL, "ss": TEXTS, "ips": FIELDS["ip"][2]}
SINGLE = ["flag", "n", "port", "d", "s", "t", "ip", "ip2", "net", "mac", "ifc", "ts"]


def drawn_rows(chance: Random) -> list[dict[str, Any]]:
    rows = []
    for _ in range(chance.randint(0, 40)):
        row: dict[str, Any] = {}
        for name, (_, _, values) in FIELDS.items():
            if chance.random() < 0.15:
                row[name] = None
            elif name in ITEMS:
                row[name] = [chance.choice(ITEMS[name]) for _ in range(chance.randint(0, 3))]
            else:
                row[name] = chance.choice(values)
        rows.append(row)
    return rows


def stored(value: Any) -> Any:
    if isinstance(value, list):
        return [stored(item) for item in value]
    if isinstance(value, ipaddress.IPv4Address | ipaddress.IPv6Address):
        return address(str(value))
    if isinstance(value, ipaddress.IPv4Network | ipaddress.IPv6Network):
        return network(str(value))
    return value


def shown(value: Any) -> Any:
    """A value of plain Python as a result shows it."""
    if isinstance(value, list):
        return [shown(item) for item in value]
    if isinstance(value, bool | None) or (isinstance(value, int | float) and not isinstance(value, Mac)):
        return value
    return text(value)


class Writer:
    """Writes random queries over the fields."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance

    def constant(self, values: list[Any]) -> str:
        value = self.chance.choice(values)
        if isinstance(value, Mac) or not isinstance(value, bool | int | float):
            return json.dumps(text(value), ensure_ascii=False)
        return json.dumps(value)

    def any_constant(self) -> str:
        prefixes = ["00:1b", "00-1B-21", "10.1.2.3"]
        return self.constant(
            self.chance.choice([TEXTS, SMALL, DOUBLES, ADDRESSES, NETS, MACS, IFCS, [True, False], prefixes])
        )

    def condition(self, depth: int = 3) -> str:
        roll = self.chance.random()
        if depth and roll < 0.25:
            word = self.chance.choice(["and", "or", "AND"])
            return f" {word} ".join(f"({self.condition(depth - 1)})" for _ in range(self.chance.randint(2, 4)))
        if depth and roll < 0.37:
            return f"not ({self.condition(depth - 1)})"
        return self.chance.choice(
            [self.comparison, self.of_fields, self.of_null, self.pattern, self.search, self.membership, self.test]
        )()

    def comparison(self) -> str:
        name = self.chance.choice(list(FIELDS))
        op = self.chance.choice(["=", "!=", "=", "==", "<", "<=", ">", ">="])
        # The order of networks, and of what is no text, is no one's business.
        if op[0] in "<>" and name in ("net", "mac", "ifc", "flag", "ips"):
            op = "="
        if self.chance.random() < 0.6:
            return f"{name} {op} {self.constant(ITEMS.get(name) or FIELDS[name][2])}"
        if op[0] in "<>" and name in ("s", "t", "ss"):
            return f"{name} {op} {self.constant(TEXTS)}"
        return f"{name} {op} {self.any_constant()}"

    def of_fields(self) -> str:
        one, other = self.chance.choice(
            [("n", "port"), ("port", "d"), ("s", "t"), ("ip", "ip2"), ("ip", "net"), ("n", "ts"), ("ns", "port"),
             ("ips", "ip2"), ("ss", "s"), ("flag", "flag"), ("mac", "mac"), ("ifc", "ifc"), ("ns", "ns"),
             ("port", "s"), ("d", "t"), ("ip", "s"), ("t", "flag"), ("ss", "port")]
        )  # fmt: skip
        ordered = one in ("n", "port", "s", "ip") and other != "net"
        name = self.chance.choice(["eq", "neq", "gt", "lte"] if ordered else ["eq", "neq"])
        return f"{name}({one}, {other})"

    def of_null(self) -> str:
        name = self.chance.choice(list(FIELDS))
        if name in ITEMS and self.chance.random() < 0.5:
            return f"{name} {self.chance.choice(['=', '!='])} []"
        return f"{name} {self.chance.choice(['=', '!='])} null"

    def pattern(self) -> str:
        patterns = [
            "*", "a*", "*a*", "?", "*.1.*", "10.1.*", "10.*", "*%*", "wild?cat", "wild.cat", "6*",
            "00:1b:*", "*[7]", "2001:*",
        ]
        name = self.chance.choice(["n", "port", "s", "t", "ip", "ip2", "net", "mac", "ifc", "ss", "ips", "flag"])
        return f"{name} ~= {json.dumps(self.chance.choice(patterns))}"

    def search(self) -> str:
        name = self.chance.choice(["n", "port", "s", "t", "ip", "net", "mac", "ifc", "ss", "ips"])
        op = self.chance.choice(["=", "!="])
        return f"{name} {op} /{self.chance.choice(['a', '^1', 'c$', '^$', '[0-9]+', 'a|6', '^10[.]'])}/"

    def membership(self) -> str:
        name = self.chance.choice(list(FIELDS))
        pool = ITEMS.get(name) or FIELDS[name][2]
        items = [self.constant(pool) if self.chance.random() < 0.8 else self.any_constant() for _ in range(3)]
        if name in ("ip", "ip2", "ips"):
            items.append(self.constant(NETS))
        word = self.chance.choice(["in", "in", "not in"])
        return f"{name} {word} [{', '.join(items[: self.chance.randint(0, 4)])}]"

    def test(self) -> str:
        choice = self.chance.choice
        texts = lambda: choice([choice(["s", "t", "port", "ip", "ifc", "mac"]), self.constant(TEXTS)])  # noqa: E731
        return choice(
            [
                lambda: f"{choice(['startsWith', 'endsWith', 'contains', 'not_contains'])}({texts()}, {texts()})",
                lambda: f"{choice(['isNull', 'isNotNull', 'isEmpty', 'isNotEmpty'])}({choice(list(FIELDS))})",
                lambda: f"{choice(['isIp4', 'isIp6', 'isIpPrivate'])}({choice(['ip', 'ip2'])})",
                lambda: f"inSubnet({choice(['ip', 'ip2'])}, {choice(['net', self.constant(NETS)])})",
                lambda: f"{choice(['any', 'none', 'all'])}(ss, {choice(['ss', self.list_of(TEXTS)])})",
                lambda: f"{choice(['any', 'none', 'all'])}(ips, {choice(['ips', self.list_of(ADDRESSES + NETS)])})",
                lambda: f"{choice(['any', 'none', 'all'])}(ns, {choice(['ns', self.list_of(SMALL)])})",
                lambda: f"anyMatchingNumber({choice(['ns', 'port'])}, {choice([1, 6, 80])}, {choice([0, 1, 6])})",
                lambda: "isWeekendDay(ts)",
                lambda: f"{choice(['eq', 'neq', 'gt'])}({self.number(1)}, {self.number(1)})",
            ]
        )()

    def list_of(self, values: list[Any]) -> str:
        return "[" + ", ".join(self.constant(values) for _ in range(self.chance.randint(0, 3))) + "]"

    def number(self, depth: int = 2) -> str:
        choice = self.chance.choice
        if not depth or self.chance.random() < 0.3:
            return choice(["n", "port", "d", "port", self.constant(SMALL), self.constant(DOUBLES)])
        inner = lambda: self.number(depth - 1)  # noqa: E731
        return choice(
            [
                lambda: f"{choice(['add', 'sub', 'mul', 'div', 'floorDiv', 'mod'])}({inner()}, {inner()})",
                lambda: f"{choice(['abs', 'sign', 'floor', 'ceil', 'sqrt'])}({inner()})",
                lambda: f"{choice(['bitAnd', 'bitOr'])}(port, {self.constant(SMALL)})",
                lambda: f"strlen({self.text(depth - 1)})",
                lambda: f"len({choice(['ns', 'ss', 'ips'])})",
                lambda: f"valueAt(ns, {choice([-1, 0, 1, 2])})",
                lambda: f"if({self.condition(1)}: port, {choice(['n', '7'])})",
                lambda: f"{choice(['getYear', 'getHour', 'getDayOfWeek'])}(ts)",
                lambda: f"addDays(ts, {choice([-1, 3])})",
                lambda: f"indexOf({self.text(depth - 1)}, {self.constant(['a', 'X', '.', 'ż'])})",
            ]
        )()

    def text(self, depth: int = 2) -> str:
        choice = self.chance.choice
        if not depth or self.chance.random() < 0.3:
            return choice(["s", "t", self.constant(TEXTS)])
        inner = lambda: self.text(depth - 1)  # noqa: E731
        return choice(
            [
                lambda: f"concat({inner()}, {choice(['port', 'ip', 'mac', 'net', 'flag', 'ifc'])}, {inner()}"
                + choice(["", ', delimiter="-"', ", distinct=true", ", limit=2"]) + ")",
                lambda: f"substring({inner()}, {choice([-2, 0, 1, 3])}{choice(['', ', endId=2', ', endId=-1'])})",
                lambda: f"{choice(['left', 'right'])}({inner()}, {choice([0, 1, 3, 99])})",
                lambda: f"{choice(['lower', 'upper', 'trim'])}({inner()})",
                lambda: f"replace({inner()}, {self.constant(['a', 'aX', 'X', ''])}, {self.constant(TEXTS)}"
                f"{choice(['', ', strat=last', ', strat=all'])})",
                lambda: f"ipToStr(ip{choice(['', ', short=true'])})",
                lambda: choice(["macToStr(mac)", "subnetToStr(net)", "tsToStr(ts)"]),
                lambda: f"switch({choice(['port', 's', 'ip'])}, {self.any_constant()}: {inner()}, {inner()})",
                lambda: f"get({choice([-1, 0, 1])}, ss)",
            ]
        )()

    def value(self) -> str:
        others = [lambda: f"eq({self.text(1)}, s)", lambda: "valueAt(ips, 0)"]
        return self.chance.choice([self.number, self.text, *others])()


def answer(query: str, rows: list[dict[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    """What the engine gives for a query over these rows: the columns' names and the rows."""
    arrays = [pa.array([stored(row[name]) for row in rows], kind) for name, (_, kind, _) in FIELDS.items()]
    order = pa.array(range(len(rows)), pa.int64())
    table = pa.Table.from_arrays([*arrays, order], names=[*FIELDS, "place"])
    engine = database()
    engine.register("nql_rows", table)
    fields = {**{name: kind for name, (kind, _, _) in FIELDS.items()}, "place": LONG}
    plan = compile(query, Names(streams={"t": stream("t", "nql_rows", fields)}), now_ms=NOW_MS)
    found = engine.execute(sql_text(plan)).fetchall()
    shown_rows = [
        [readable(value, kind) for value, (_, kind) in zip(row, plan.columns, strict=True)] for row in found
    ]
    return [name for name, _ in plan.columns], shown_rows


def close(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9)
    return type(one) is type(other) and bool(one == other)


def stage(query: str, kind: type) -> Any:
    return next(each for each in parse(query).stages if isinstance(each, kind))


SEEDS = st.integers(0, 2**32)
EXAMPLES = settings(max_examples=200, deadline=None)


@EXAMPLES
@given(SEEDS)
def test_filters(seed: int) -> None:
    chance = Random(seed)
    rows = drawn_rows(chance)
    query = f'src stream="t" | where {Writer(chance).condition()} | sort place | project +place'
    condition = stage(query, tree.Where).condition
    wanted = [[place] for place, row in enumerate(rows) if evaluate(condition, row) is True]
    assert answer(query, rows)[1] == wanted, query


@EXAMPLES
@given(SEEDS)
def test_values(seed: int) -> None:
    chance = Random(seed)
    rows = drawn_rows(chance)
    query = f'src stream="t" | set x={Writer(chance).value()} | sort place | project +place, +x'
    ((_, expression),) = stage(query, tree.Assign).fields
    names, found = answer(query, rows)
    assert names == ["place", "x"]
    for (place, value), row in zip(found, rows, strict=True):
        wanted = shown(evaluate(expression, row))
        assert alike(value, wanted), (query, place, value, wanted)


def aggregate_call(chance: Random) -> str:
    name = chance.choice(sorted(AGGREGATES))
    fields = {"sum": ["port", "d"], "avg": ["port", "d"], "prc95": ["port", "d"], "min": ["n", "d", "s", "ip"],
              "max": ["port", "ts", "t", "ip2"], "dc": SINGLE, "count": list(FIELDS)}  # fmt: skip
    return f"{name}({chance.choice(fields[name])})"


@EXAMPLES
@given(SEEDS)
def test_aggregates(seed: int) -> None:
    chance = Random(seed)
    rows, writer = drawn_rows(chance), Writer(chance)
    calls = [aggregate_call(chance) for _ in range(chance.randint(1, 3))]
    keys = chance.sample(["flag", "port", "s", "ip", "mac", "lower(t)"], chance.randint(0, 2))
    results = ", ".join(f"r{place}={call}" for place, call in enumerate(calls))
    by = f" by {', '.join(f'{key} as k{place}' for place, key in enumerate(keys))}" if keys else ""
    query = f'src stream="t" | {writer.condition(1)} | aggr {results}{by} unwind=true'
    condition, node = stage(query, tree.Where).condition, stage(query, tree.Aggregate)
    kept = [row for row in rows if evaluate(condition, row) is True]
    groups: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for row in kept:
        groups[tuple(evaluate(group.value, row) for group in node.by)].append(row)
    if not keys:
        groups.setdefault((), [])
    wanted = [
        [*(AGGREGATES[call.name]([row[call.arguments[0].text] for row in members]) for _, call in node.results), *key]
        for key, members in groups.items()
    ]
    names, found = answer(query, rows)
    assert names == [*(f"r{place}" for place in range(len(calls))), *(f"k{place}" for place in range(len(keys)))]
    missing = list(found)
    for row in wanted:
        fitting = [one for one in missing if all(map(alike, one, (shown(value) for value in row)))]
        assert fitting, (query, row, found)
        missing.remove(fitting[0])
    assert not missing, (query, missing)


def alike(one: Any, other: Any) -> bool:
    return close(one, other) or (isinstance(one, float) and isinstance(other, int) and close(one, float(other)))


