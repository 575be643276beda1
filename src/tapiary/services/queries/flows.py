"""The streams `netflow` and `netflowRaw`: the flows of all captures that a user may see.

`netflow` has Sycope's fields, stored and derived, and the columns of ours that Sycope does not have, but for the
optional statistics groups; `netflowRaw` has those too, and nothing derived. Fields that our flows have no values for
are there, and null.

A flow's `timestamp` is its first packet's time. Rates are over the flow's time, but at least over one second; those
`…ActiveTime` are over the flow's time as it is, and null when that is none. Delays are in milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from tapiary.query import BOOLEAN, DOUBLE, IFC, IP, LONG, MAC, STRING, Type, list_of
from tapiary.schema import FLOW_COLUMNS, STATISTICS_GROUPS, Column, network_range, query_name
from tapiary.services.queries.fields import Field, Rows, unknown
from tapiary.services.statistics import PROTOCOLS

NAMES = ("netflow", "netflowRaw")
_TYPES = {
    "int16": LONG, "int32": LONG, "int64": LONG, "float64": DOUBLE, "string": STRING, "address": IP, "mac": MAC,
    "timestamp": LONG, "list<int32>": list_of(LONG),
}
#: Other names for a stored column.
_ALSO = {"label": "label", "serverName": "server_name", "applicationName": "application"}
#: Rounded down, as ranges are: DuckDB's epoch_ms rounds to the nearest.
_TIMESTAMP = Field("timestamp", LONG, "epoch_us(first_seen) // 1000")
_ACTIVE_S = "((epoch_us(last_seen) - epoch_us(first_seen)) / 1e6)"
_TOTALS = (
    Field("activeTime", LONG, "(epoch_us(last_seen) - epoch_us(first_seen)) // 1000"),
    Field("flows", LONG, "CAST(1 AS BIGINT)"),
    Field("bytes", LONG, "client_bytes + server_bytes"),
    Field("bits", LONG, "(client_bytes + server_bytes) * 8"),
    Field("packets", LONG, "client_packets + server_packets"),
    Field("clientBits", LONG, "client_bytes * 8"),
    Field("serverBits", LONG, "server_bytes * 8"),
)
_MEASURES = {
    "bits": "(client_bytes + server_bytes) * 8", "packets": "(client_packets + server_packets)",
    "clientBits": "client_bytes * 8", "serverBits": "server_bytes * 8",
    "clientPackets": "client_packets", "serverPackets": "server_packets", "flows": "1",
}
#: Names of devices by address, of the relation `_devices`: one row, so that no join multiplies the flows.
_DEVICE_NAMES = "map(list(_ip), list(name)) FROM _devices WHERE name <> ''"
#: What the client asks a resolver for is in `server_name` of these protocols.
_ASKING = "('DNS', 'MDNS', 'LLMNR', 'NetBIOS')"
#: Networks whose addresses are not routed between networks of different owners (RFC 1918, RFC 4193, RFC 6598), link
#: local ones (RFC 3927, RFC 4291) and the loopback.
PRIVATE = (
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8", "fc00::/7",
    "fe80::/10", "::1/128",
)
#: Sycope's fields of a flow that ours say nothing of.
UNKNOWN: tuple[tuple[str, Type], ...] = (
    ("applicationId", LONG), ("exporterIps", list_of(IP)), ("interfaces", list_of(IFC)),
    *((f"{side}{what}", list_of(STRING)) for what in ("Function", "Location", "Role") for side in ("client", "server")),
    ("tosNumbers", list_of(LONG)), ("mpls", list_of(LONG)), ("icmpType", list_of(LONG)), ("clientMaxTtl", LONG),
    ("clientNetworkTime", DOUBLE), ("serverNetworkTime", DOUBLE), ("retransmittedInBytes", LONG),
    ("retransmittedOutBytes", LONG), ("ipv6OptionHeaders", list_of(LONG)), ("httpSite", STRING), ("ja3cHash", STRING),
    ("exporterName", STRING), ("tosNames", list_of(STRING)), ("dnsQueryTypeName", STRING),
    ("dnsErrorReturnCodeNames", list_of(STRING)),
)
_DERIVED = (
    Field("asNumbers", list_of(LONG), "list_filter([client_asn, server_asn], lambda n : n IS NOT NULL)"),
    Field("asName", list_of(STRING), "list_filter([client_as_name, server_as_name], lambda n : n IS NOT NULL)"),
    Field("initialServerResponseTime", DOUBLE, "server_delay_us / 1e3"),
    Field("dnsQuery", STRING, f"CASE WHEN coalesce(master, application) IN {_ASKING} THEN server_name END"),
    Field("percentRetransmittedInPackets", DOUBLE, "100.0 * client_retransmissions / nullif(client_packets, 0)"),
    Field("percentRetransmittedOutPackets", DOUBLE, "100.0 * server_retransmissions / nullif(server_packets, 0)"),
    Field("clientBitsPerFlow", LONG, "client_bytes * 8"),
    Field("serverBitsPerFlow", LONG, "server_bytes * 8"),
    Field("clientBitsPerPacket", DOUBLE, "client_bytes * 8 / nullif(client_packets, 0)"),
    Field("serverBitsPerPacket", DOUBLE, "server_bytes * 8 / nullif(server_packets, 0)"),
    Field("DayOfWeek", LONG, "CAST(isodow(first_seen) AS BIGINT)"),
)


@cache
def netflow() -> Rows:
    """The rows of `netflow` over the flow table."""
    found = {field.name: field for field in (_TIMESTAMP, *_stored(statistics=False), *_also(), *_TOTALS, *_DERIVED)}
    found |= {field.name: field for field in (*_rates(), *_names())}
    found |= {name: unknown(name, type) for name, type in UNKNOWN}
    return Rows(list(found.values()))


@cache
def netflow_raw() -> Rows:
    """The rows of `netflowRaw` over the flow table: every stored column."""
    return Rows([_TIMESTAMP, *_stored(statistics=True), *_also()])


def _stored(*, statistics: bool) -> Iterator[Field]:
    for column in FLOW_COLUMNS:
        if column.name != "run_id" and (statistics or column.group not in STATISTICS_GROUPS):
            yield _stored_field(query_name(column), column)


def _also() -> Iterator[Field]:
    by_name = {column.name: column for column in FLOW_COLUMNS}
    for name, stored in _ALSO.items():
        yield _stored_field(name, by_name[stored])


def _stored_field(name: str, column: Column) -> Field:
    sql = f'"{column.name}"'
    return Field(name, _TYPES[column.type], f"epoch_us({sql}) // 1000" if column.type == "timestamp" else sql)


def _rates() -> Iterator[Field]:
    for name, sql in _MEASURES.items():
        yield Field(f"{name}PerSecond", DOUBLE, f"{sql} / greatest({_ACTIVE_S}, 1.0)")
        yield Field(f"{name}PerSecondActiveTime", DOUBLE, f"{sql} / nullif({_ACTIVE_S}, 0)")


def _names() -> Iterator[Field]:
    cases = " ".join(f"WHEN {number} THEN '{name.upper()}'" for number, name in PROTOCOLS.items())
    yield Field("protocolName", STRING, f"CASE protocol {cases} ELSE CAST(protocol AS VARCHAR) END")
    ranges = [tuple(f"from_hex('{edge.hex()}')" for edge in network_range(network)) for network in PRIVATE]
    for side in ("client", "server"):
        inside = " OR ".join(f"{side}_ip BETWEEN {first} AND {last}" for first, last in ranges)
        yield Field(f"{side}Private", BOOLEAN, inside)
        yield Field(f"{side}IpName", STRING, f"map_extract_value((SELECT {_DEVICE_NAMES}), {side}_ip)")
