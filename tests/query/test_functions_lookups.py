"""lookup(), lookupAll(), lookupKeyExists(), and searches in collectors, over tables that the engine has."""

from __future__ import annotations

import ipaddress
from random import Random
from typing import Any

import pytest
from sqlglot import exp

from tapiary.query.catalog import Lookup
from tapiary.query.constants import address, network
from tapiary.query.functions import FunctionError, aggregate, call
from tapiary.query.types import BOOLEAN, DOUBLE, IP, LONG, STRING, SUBNET, Value, list_of
from tests.query.running import Asking, Names, computed, database, ip, missing, run, stream, value

BOOKS = [
    ("Brian Goetz", "Java Concurrency in Practice", 2006, "0321349606"),
    ("Joshua Bloch", "Effective Java", 2018, "0134685991"),
    ("Scott Oaks", "Java Performance: The Definitive Guide", 2014, "1449358457"),
    ("Scott Oaks", "Java Performance: In-depth Advice", 2020, "1492056119"),
    ("Nobody", None, 1999, None),
    ("Nobody", "A second one", 1999, "1"),
]
NETS = [
    "10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3/32", "2001:db8::/32", "::/0", "10.1.0.0/16", "192.0.2.0/24",
]
TYPES = {"author": STRING, "title": STRING, "year": LONG, "ISBN": STRING}


@pytest.fixture(scope="module")
def context() -> Asking:
    engine = database()
    columns = "author VARCHAR, title VARCHAR, year BIGINT, ISBN VARCHAR, _row BIGINT"
    engine.execute(f"CREATE OR REPLACE TABLE books ({columns})")
    engine.executemany("INSERT INTO books VALUES (?, ?, ?, ?, ?)", [(*row, n) for n, row in enumerate(BOOKS)])
    engine.execute("CREATE OR REPLACE TABLE hosts (ip BLOB, port VARCHAR, name VARCHAR, _row BIGINT)")
    hosts = [("10.0.0.1", "80", "web"), ("2001:db8::1", "443", "secure"), (None, None, "none")]
    rows = [(host and address(host), port, name, n) for n, (host, port, name) in enumerate(hosts)]
    engine.executemany("INSERT INTO hosts VALUES (?, ?, ?, ?)", rows)
    engine.execute("CREATE OR REPLACE TABLE nets (cidr BLOB, name VARCHAR, site VARCHAR, _net BLOB, _row BIGINT)")
    stored = [(network(net), net, "ab"[n % 2], network(net), n) for n, net in enumerate(NETS)]
    engine.executemany("INSERT INTO nets VALUES (?, ?, ?, ?, ?)", stored)
    engine.execute("CREATE OR REPLACE TABLE qwerty (x BIGINT, y BIGINT, z VARCHAR)")
    engine.execute("INSERT INTO qwerty VALUES (1, 10, 'a'), (1, 20, 'b')")
    fields = {"cidr": SUBNET, "name": STRING, "site": STRING}
    tables = {
        "books": Lookup("books", "csvFile", TYPES, "books"),
        "hosts": Lookup("hosts", "csvFile", {"ip": IP, "port": STRING, "name": STRING}, "hosts"),
        "hosts & subnets": Lookup("hosts & subnets", "subnet", fields, "nets"),
        "groups": Lookup("groups", "subnet", fields, "nets", overlapping=True),
    }
    collectors = {"qwerty": stream("qwerty", "qwerty", {"x": LONG, "y": LONG, "z": STRING})}
    return Asking(Names(tables, collectors))


@pytest.mark.parametrize(
    ("args", "options", "found"),
    [
        (("books", "ISBN", {"author": "Gavin King"}), {}, None),
        (("books", "ISBN", {"author": "Scott Oaks"}), {}, "1449358457"),
        (("books", "ISBN", {"author": "Scott Oaks", "year": 2020}), {}, "1492056119"),
        (("books", "ISBN", {"author": "Scott Oaks", "year": "2020"}), {}, "1492056119"),
        (("books", "ISBN", {"author": "Nobody"}), {}, None),
        (("books", "year", {"title": "Effective Java"}), {}, 2018),
        (("books", "year", {"author": missing(STRING)}), {}, None),
        (("books", "year", {"author": ["Scott Oaks"]}), {}, None),
        (("hosts", "name", {"ip": ip("2001:db8::1")}), {}, "secure"),
        (("hosts", "name", {"ip": "10.0.0.1", "port": 80}), {}, "web"),
        (("hosts", "name", {"ip": "10.0.0.1", "port": 81}), {}, None),
        (("hosts", "ip", {"name": "web"}), {}, "10.0.0.1"),
        (("noSuchLookup", "name", {"ip": "10.0.0.1"}), {}, None),
        (("hosts", "noSuchColumn", {"ip": "10.0.0.1"}), {}, None),
        (("hosts", "name", {"noSuchColumn": "10.0.0.1"}), {}, None),
        (("hosts", "name", {"ip": "1.2.3.4"}), {"default": "?"}, "?"),
        (("hosts", "name", {"ip": "1.2.3.4"}), {"default": "?", "defaultToKey": True}, "?"),
        (("hosts", "name", {"ip": "1.2.3.4"}), {"defaultToKey": True}, "1.2.3.4"),
        (("hosts", "name", {"ip": ip("1.2.3.4")}), {"defaultToKey": True}, "1.2.3.4"),
        (("hosts", "name", {"ip": "10.0.0.1"}), {"defaultToKey": True}, "web"),
        (("noSuchLookup", "name", {"ip": "1.2.3.4"}), {"default": 5}, 5),
        (("hosts", "name", {"ip": ["1.2.3.4", "10.0.0.1"]}), {"defaultToKey": True, "unwind": "ip"},
         ["1.2.3.4", "web"]),
        (("hosts", "name", {"ip": ["1.2.3.4", "10.0.0.1"]}), {"unwind": "ip"}, [None, "web"]),
        (("hosts", "name", {"ip": "10.0.0.1"}), {"unwind": "ip"}, "web"),
        (("hosts & subnets", "name", {"cidr": "10.1.2.3"}), {}, "10.1.2.3/32"),
        (("hosts & subnets", "name", {"cidr": "10.1.2.4"}), {}, "10.1.2.0/24"),
        (("hosts & subnets", "name", {"cidr": ip("10.1.3.4")}), {}, "10.1.0.0/16"),
        (("hosts & subnets", "name", {"cidr": "10.200.0.1"}), {}, "10.0.0.0/8"),
        (("hosts & subnets", "name", {"cidr": "11.0.0.1"}), {}, None),
        (("hosts & subnets", "name", {"cidr": "2001:db8:1::1"}), {}, "2001:db8::/32"),
        (("hosts & subnets", "name", {"cidr": "2002::1"}), {}, "::/0"),
        (("hosts & subnets", "name", {"cidr": "10.1.2.3", "site": "b"}), {}, "10.1.2.3/32"),
        (("hosts & subnets", "name", {"cidr": "10.1.2.3", "site": "a"}), {}, "10.1.2.0/24"),
        (("hosts & subnets", "name", {"site": "b"}), {}, "10.1.0.0/16"),
        (("hosts & subnets", "cidr", {"cidr": "10.1.2.4"}), {}, "10.1.2.0/24"),
        (("hosts & subnets", "name", {"cidr": 5}), {}, None),
        (("hosts & subnets", "name", {"cidr": "text"}), {"default": "?"}, "?"),
        (("hosts & subnets", "name", {"cidr": ["10.1.2.4", "11.0.0.1"]}), {"unwind": "cidr"}, ["10.1.2.0/24", None]),
        (("groups", "name", {"cidr": "10.1.2.4"}), {}, ["10.1.2.0/24", "10.1.0.0/16", "10.1.0.0/16", "10.0.0.0/8"]),
        (("groups", "name", {"cidr": "11.0.0.1"}), {}, None),
    ],
)  # fmt: skip
def test_lookup(context: Asking, args: tuple[Any, ...], options: dict[str, Any], found: Any) -> None:
    assert over_constants_and_columns("lookup", args, options, context) == found


@pytest.mark.parametrize(
    ("args", "options", "found"),
    [
        (("books", "ISBN", {"author": "Gavin King"}), {}, []),
        (("books", "ISBN", {"author": "Brian Goetz"}), {}, ["0321349606"]),
        (("books", "ISBN", {"author": "Scott Oaks"}), {}, ["1449358457", "1492056119"]),
        (("books", "year", {"author": "Gavin King"}), {}, []),
        (("groups", "name", {"cidr": "10.1.2.3", "site": "a"}), {}, ["10.1.2.0/24", "10.1.0.0/16", "10.0.0.0/8"]),
        (("groups", "name", {"cidr": "11.1.1.1"}), {"default": "no results"}, ["no results"]),
        (("groups", "name", {"cidr": "11.1.1.1"}), {"default": "no results", "defaultToKey": True}, ["no results"]),
        (("groups", "name", {"cidr": "11.1.1.1"}), {"defaultToKey": True}, ["11.1.1.1"]),
        (("noSuchLookup", "name", {"cidr": "11.1.1.1"}), {}, None),
        (("groups", "noSuchColumn", {"cidr": "11.1.1.1"}), {}, []),
        (("books", "ISBN", {"author": ["Brian Goetz", "X"]}), {"unwind": "author"}, [["0321349606"], []]),
    ],
)
def test_lookup_all(context: Asking, args: tuple[Any, ...], options: dict[str, Any], found: Any) -> None:
    assert over_constants_and_columns("lookupAll", args, options, context) == found


@pytest.mark.parametrize(
    ("args", "found"),
    [
        (("books", {"author": "Gavin King"}), False), (("books", {"author": "Scott Oaks"}), True),
        (("hosts", {"noSuchColumn": "x"}), False), (("noSuchLookup", {"ip": "x"}), None),
        (("hosts & subnets", {"cidr": "10.9.9.9"}), True), (("hosts & subnets", {"cidr": "11.9.9.9"}), False),
        (("hosts & subnets", {"cidr": "10.9.9.9", "site": "b"}), False), (("hosts", {"ip": missing(IP)}), False),
    ],
)  # fmt: skip
def test_lookup_key_exists(context: Asking, args: tuple[Any, ...], found: bool | None) -> None:
    assert over_constants_and_columns("lookupKeyExists", args, {}, context) is found


def over_constants_and_columns(name: str, args: tuple[Any, ...], options: dict[str, Any], context: Asking) -> Any:
    """The result with constant keys, which must be the same with columns named like the lookup's own ones."""
    constants = [value(each) for each in args]
    named = {option: value(each) for option, each in options.items()}
    found = computed(call(name, constants, named, context))
    keys: dict[str, Value] = constants[-1].literal[0] if constants[-1].literal else {}
    columns = {key: Value(exp.column(key), each.type) for key, each in keys.items()}
    mapping = Value(exp.Null(), constants[-1].type, (columns,))
    again = computed(call(name, [*constants[:-1], mapping], named, context), keys)
    assert again == found
    return found


def test_the_relations_that_are_asked_are_told(context: Asking) -> None:
    asking = Asking(context.catalog)
    call("lookup", [value("hosts & subnets"), value("name"), value({"cidr": "10.1.2.3"})], {}, asking)
    call("lookupKeyExists", [value("books"), value({"author": "x"})], {}, asking)
    assert asking.lookups == {"nets", "books"}


def test_a_lookup_within_a_lookup_and_an_aggregate(context: Asking) -> None:
    inner = call("lookup", [value("hosts"), value("name"), value({"ip": Value(exp.column("ip"), IP)})], {}, context)
    outer = call("lookup", [value("hosts"), value("port"), value({"name": inner})], {}, context)
    assert computed(outer, {"ip": ip("10.0.0.1")}) == "80"
    first = aggregate("first", [outer], {}, context)
    assert computed(first, {"ip": ip("10.0.0.1")}) == "80"


def test_at_most_a_thousand_values(context: Asking) -> None:
    database().execute("CREATE OR REPLACE TABLE many AS SELECT 1 AS k, i AS v, i AS _row FROM range(3000) AS t(i)")
    asking = Asking(Names({"many": Lookup("many", "csvFile", {"k": LONG, "v": LONG}, "many")}))
    args = [value("many"), value("v"), value({"k": 1})]
    assert computed(call("lookupAll", args, {}, asking)) == list(range(1000))


def test_networks_of_random_addresses(context: Asking) -> None:
    chance = Random(4)
    nets = [random_network(chance) for _ in range(300)]
    engine = database()
    engine.execute("CREATE OR REPLACE TABLE random_nets (cidr BLOB, name VARCHAR, _net BLOB, _row BIGINT)")
    stored = [(network(net), net, network(net), n) for n, net in enumerate(nets)]
    engine.executemany("INSERT INTO random_nets VALUES (?, ?, ?, ?)", stored)
    asked = [random_address(chance) for _ in range(500)]
    asked += [str(ipaddress.IPv4Address(chance.getrandbits(32))) for _ in range(100)]
    engine.execute("CREATE OR REPLACE TABLE asked (ip BLOB, n BIGINT)")
    engine.executemany("INSERT INTO asked VALUES (?, ?)", [(address(one), n) for n, one in enumerate(asked)])
    fields = {"cidr": SUBNET, "name": STRING}
    names = Names({
        "one": Lookup("one", "subnet", fields, "random_nets"),
        "all": Lookup("all", "subnet", fields, "random_nets", overlapping=True),
    })
    results = [
        exp.alias_(call("lookup", [value(name), value("name"), value({"cidr": Value(exp.column("ip"), IP)})], {},
                        Asking(names)).sql, name, quoted=True)
        for name in ("one", "all")
    ]
    rows = engine.execute(exp.select(*results).from_("asked").order_by("n").sql("duckdb")).fetchall()
    ranges = [range_of(net) for net in nets]
    hits = 0
    for (one, every), text in zip(rows, asked, strict=True):
        wanted = [nets[place] for place in holding(ranges, text)]
        assert one == (wanted[0] if wanted else None)
        assert every == (wanted or None)
        hits += bool(wanted)
    assert 200 < hits < 570


def random_address(chance: Random) -> str:
    if chance.random() < 0.5:
        return str(ipaddress.IPv4Address(chance.getrandbits(32) & 0x0303_FFFF | chance.choice((0, 0x0A00_0000))))
    start = chance.choice(("2001:db8::", "::", "::ffff:0:0", "::1:0:0:0", "ffff::"))
    return str(ipaddress.IPv6Address(int(ipaddress.IPv6Address(start)) | chance.getrandbits(20)))


def random_network(chance: Random) -> str:
    text = random_address(chance)
    return f"{text}/{chance.choice(range(8, 33) if '.' in text else (20, 80, *range(100, 129)))}"


def range_of(net: str) -> tuple[int, int]:
    """The first and last stored address of a network, as numbers."""
    parsed = ipaddress.ip_network(net, strict=False)
    first, last = address(str(parsed[0])), address(str(parsed[-1]))
    assert first is not None
    assert last is not None
    return int.from_bytes(first), int.from_bytes(last)


def holding(ranges: list[tuple[int, int]], text: str) -> list[int]:
    """The places of the networks that hold an address, narrowest first; an address in IPv4's range is IPv4."""
    stored = address(text)
    assert stored is not None
    number, ipv4 = int.from_bytes(stored), range_of("0.0.0.0/0")
    found = []
    for place, (first, last) in enumerate(ranges):
        same_family = (ipv4[0] <= number <= ipv4[1]) == (ipv4[0] <= first and last <= ipv4[1])
        if same_family and first <= number <= last:
            found.append((last - first, place))
    return [place for _, place in sorted(found)]


@pytest.mark.parametrize(
    ("name", "args", "options", "found"),
    [
        ("valColl", ("qwerty", "y", {"x": 1}), {}, 10), ("valColl", ("qwerty", "y", {"x": 1, "z": "b"}), {}, 20),
        ("valColl", ("qwerty", "y", {"x": -1234567}), {}, None),
        ("valColl", ("qwerty", "y", {"x": -1234567}), {"default": 999}, 999),
        ("valColl", ("qwerty", "noSuchColumn", {"x": 1}), {}, None),
        ("valColl", ("qwerty", "noSuchColumn", {"x": 1}), {"default": 999}, 999),
        ("valColl", ("noSuchCollector", "y", {"x": 1}), {"default": "none"}, "none"),
        ("valInColl", (20, "qwerty", "y"), {}, True), ("valInColl", ("20", "qwerty", "y"), {"maxCacheSize": 10}, True),
        ("valInColl", (99, "qwerty", "y"), {}, False), ("valInColl", (missing(LONG), "qwerty", "y"), {}, False),
        ("valInColl", (1, "noSuchCollector", "y"), {}, None), ("valInColl", (1, "qwerty", "no"), {}, None),
        ("collExists", ("qwerty",), {}, True), ("collExists", ("noSuchCollector",), {}, False),
    ],
)  # fmt: skip
def test_collectors(context: Asking, name: str, args: tuple[Any, ...], options: dict[str, Any], found: Any) -> None:
    constants = [value(each) for each in args]
    named = {option: value(each) for option, each in options.items()}
    assert computed(call(name, constants, named, context)) == found
    if name == "valInColl":
        column = Value(exp.column("y"), constants[0].type)
        assert computed(call(name, [column, *constants[1:]], named, context), {"y": constants[0]}) == found


@pytest.mark.parametrize(
    ("name", "args", "options", "message"),
    [
        ("lookup", (5, "name", {"ip": "x"}), {}, "argument 1 must be a text"),
        ("lookup", ("hosts", "name", "x"), {}, "the keys are written as"),
        ("lookup", ("hosts", "name", {}), {}, "the keys are written as"),
        ("lookup", ("hosts", "name", {"ip": ["x"]}), {"unwind": "port"}, "unwind names one of the keys ip"),
        ("valInColl", (1, 2, "y"), {}, "argument 2 must be a text"),
    ],
)
def test_wrong_searches(
    context: Asking, name: str, args: tuple[Any, ...], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(FunctionError, match=message):
        run(name, *args, context=context, **options)


def test_types_of_results(context: Asking) -> None:
    for name, args, kind in (
        ("lookup", ("books", "year", {"author": "x"}), LONG),
        ("lookupAll", ("books", "year", {"author": "x"}), list_of(LONG)),
        ("lookupKeyExists", ("books", {"author": "x"}), BOOLEAN),
    ):
        assert call(name, [value(each) for each in args], {}, context).type == kind
    args = [value("books"), value("year"), value({"year": 1})]
    assert call("lookup", args, {"default": value(0.5)}, context).type == DOUBLE
