"""Whole queries over small tables: people as the manual's `testdata` has them, and flows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pyarrow as pa
from sqlglot import exp

from tapiary import query
from tapiary.query import Range
from tapiary.query.catalog import Lookup, Stream
from tapiary.query.constants import address, network
from tapiary.query.rendering import readable
from tapiary.query.types import DOUBLE, IP, LONG, MAP, STRING, SUBNET, Type, list_of
from tests.query.running import database

NOW_MS = 1_700_000_000_000
DAY_MS = 86_400_000

PEOPLE: dict[str, Type] = {
    "fName": STRING, "lName": STRING, "dep": STRING, "ctry": STRING, "age": LONG, "host": STRING,
    "docs": list_of(STRING), "PD": DOUBLE, "ts": LONG, "balance": DOUBLE,
}  # fmt: skip
#: Somebody without a department, somebody without documents, and somebody of whom it is not known.
PERSONS: list[tuple[Any, ...]] = [
    ("Jake", "White", "HR", "DE", 56, "a.example", ["IDCard", "Passport"], 0.5, 0, 9966.0),
    ("Jack", "Magenta", "HR", "PL", 27, "b.example", ["Passport"], 0.25, DAY_MS - 1, 5000.0),
    ("Harry", "Blue", "IT", "US", 49, "a.example", [], 0.125, DAY_MS, 0.0),
    ("Ann", "Ruby", None, "US", 30, "c.example", None, 0.75, 3 * DAY_MS, 4999.5),
    ("Jake", "Blue", "ADM", "DE", 33, "a.example", ["Visa", "IDCard"], 1.0, 3 * DAY_MS + 1, 8000.0),
]
FLOWS: dict[str, Type] = {
    "timestamp": LONG, "clientIp": IP, "serverIp": IP, "serverPort": LONG, "protocol": LONG, "clientBytes": LONG,
    "serverBytes": LONG, "clientAsNumber": LONG, "serverAsNumber": LONG, "applicationNameNtop": STRING,
    "serverFunction": list_of(STRING), "exporterIps": list_of(IP),
}  # fmt: skip
ALERTS: dict[str, Type] = {
    "timestamp": LONG, "alertName": STRING, "alertSeverity": STRING, "clientIp": IP, "serverIp": IP,
    "alertRuleId": LONG, "event_type": STRING, "event_signature": STRING, "dns_rrtype": STRING,
    "alert_severity": LONG, "cpu_load": DOUBLE, "ip": IP, "additional": MAP,
}  # fmt: skip
LOOKUPS = {
    "app": Lookup("app", "csvFile", {"ip": IP, "port": LONG, "name": STRING}, "lookup_app"),
    "hosts & subnets": Lookup(
        "hosts & subnets", "subnet", {"cidr": SUBNET, "name": STRING, "privacy": STRING}, "lookup_hosts"
    ),
    "integration-zabbix": Lookup("integration-zabbix", "csvFile", {"ip": IP, "icmp_url": STRING}, "lookup_zabbix"),
}
_ARROW: dict[str, pa.DataType] = {
    "string": pa.string(), "long": pa.int64(), "double": pa.float64(), "ip": pa.binary(), "subnet": pa.binary(),
    "map": pa.map_(pa.string(), pa.string()),
}  # fmt: skip


def flow(at_ms: int, client: str, server: str, port: int, size: int, *functions: str) -> tuple[Any, ...]:
    """A flow of TCP."""
    ips = [address("192.0.2.1"), address("192.0.2.2")]
    return (at_ms, address(client), address(server), port, 6, size, 2 * size, 64500, None, "TLS", list(functions), ips)


#: Four flows: two clients, two servers, one of them IPv6.
TRAFFIC = [
    flow(NOW_MS - 4000, "10.0.0.1", "192.0.2.9", 443, 100, "LDAP"),
    flow(NOW_MS - 3000, "10.0.0.2", "192.0.2.9", 443, 200),
    flow(NOW_MS - 2000, "10.0.0.1", "192.0.2.9", 22, 300),
    flow(NOW_MS - 1000, "10.0.0.1", "2001:db8::9", 443, 400),
]


@dataclass
class Tables:
    """A catalogue of the tables above; further macros and profiles as a test gives them."""

    macros: Mapping[str, str] = field(default_factory=dict)
    predicates: Mapping[str, str] = field(default_factory=dict)
    beside: Mapping[str, str] = field(default_factory=dict)

    def stream(self, name: str) -> Stream | None:
        fields = STREAMS.get(name)
        return None if fields is None else Stream(name, fields, partial(_select, name, fields), "timestamp" in fields)

    def stream_names(self) -> Sequence[str]:
        return list(STREAMS)

    def collector(self, name: str) -> Stream | None:
        """A collector that exists beside the query: one of the streams' rows."""
        return self.stream(self.beside[name]) if name in self.beside else None

    def lookup(self, name: str) -> Lookup | None:
        return LOOKUPS.get(name)

    def macro(self, name: str) -> str | None:
        return self.macros.get(name)

    def profiles(self) -> Mapping[str, str]:
        return self.predicates


STREAMS = {
    "testdata": PEOPLE, "netflow": FLOWS, "netflowByAppsAggr": FLOWS, "assetNetflowAggr": FLOWS, "alerts": ALERTS,
    "ZabbixStats": ALERTS, "assetDevices": {"id": STRING, "ip": IP, "name": STRING, "additional": MAP},
}  # fmt: skip
_ROWS = {"testdata": PERSONS, "netflow": TRAFFIC, "assetNetflowAggr": TRAFFIC}


def _select(name: str, fields: Mapping[str, Type], period: Range) -> exp.Select:
    columns = [exp.column(exp.to_identifier(each, quoted=True)) for each in fields]
    select = exp.select(*columns).from_(f"nql_test_{name}")
    if "timestamp" in fields:
        time = exp.column(exp.to_identifier("timestamp", quoted=True))
        if period.start_ms is not None:
            select = select.where(exp.GTE(this=time, expression=exp.Literal.number(period.start_ms)))
        if period.end_ms is not None:
            select = select.where(exp.LT(this=time, expression=exp.Literal.number(period.end_ms)))
    return select


def _table(fields: Mapping[str, Type], rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    kinds = [pa.list_(_ARROW[kind.item.name]) if kind.item else _ARROW[kind.name] for kind in fields.values()]
    columns = list(zip(*rows, strict=True)) or [()] * len(kinds)
    arrays = [pa.array(values, kind) for values, kind in zip(columns, kinds, strict=True)]
    return pa.Table.from_arrays(arrays, names=list(fields))


def _prepare() -> None:
    connection = database()
    if connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'nql_test_testdata'").fetchall():
        return
    for name, fields in STREAMS.items():
        given = _table(fields, _ROWS.get(name, []))
        connection.register("given", given)
        connection.execute(f"CREATE TABLE nql_test_{name} AS FROM given")
    hosts = [(network("10.0.0.0/8"), "office", "Private"), (network("10.0.0.2/32"), "desk", "Public")]
    relations = {
        "app": [(address("192.0.2.9"), 443, "web")], "hosts & subnets": hosts, "integration-zabbix": [],
    }  # fmt: skip
    for name, found in LOOKUPS.items():
        rows = relations[name]
        table = _table(found.fields, rows).append_column("_row", pa.array(range(len(rows)), pa.int64()))
        if found.kind == "subnet":
            table = table.append_column("_net", table["cidr"])
        connection.register("given", table)
        connection.execute(f"CREATE TABLE {found.relation} AS FROM given")


def compiled(text: str, catalog: Tables | None = None, **options: Any) -> query.Plan:
    """The plan of a query over these tables."""
    return query.compile(text, catalog or Tables(), now_ms=NOW_MS, **options)


def ask(text: str, catalog: Tables | None = None, **options: Any) -> list[dict[str, Any]]:
    """The rows of a query as users read them."""
    _prepare()
    plan = compiled(text, catalog, **options)
    rows = database().execute(query.sql_text(plan)).fetchall()
    return [
        {name: readable(cell, kind) for (name, kind), cell in zip(plan.columns, row, strict=False)} for row in rows
    ]


def people(stages: str, **options: Any) -> list[dict[str, Any]]:
    """The rows that stages make of `testdata`."""
    return ask(f'src stream="testdata" | {stages}', **options)


def column(rows: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    """One field of all rows."""
    return [row[name] for row in rows]
