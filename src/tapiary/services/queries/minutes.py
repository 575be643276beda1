"""The streams of one-minute aggregates, `netflow…Aggr` and `assetNetflowAggr`: views over the flows, always up to date.

A flow counts whole in the minute of its first packet. Where a stream has a `direction`, each flow counts once for its
client and once for its server. Rates are over the minute; those `…ActiveTime` over `activeTime`, the milliseconds from
the first packet of these flows to the last one, at most a minute. By exporter, interface, MPLS label and type of
service there are no rows: flows that were measured from packets have none of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from sqlglot import exp

from tapiary.query import DOUBLE, IP, LONG, STRING, Range, Type
from tapiary.services.queries.fields import Field, Rows, begun, column, relation, unknown

MINUTE_MS = 60_000
_TIMESTAMP = Field("timestamp", LONG, "epoch_us(first_seen) // 60000000 * 60000")
_ACTIVE_MS = "least((epoch_us(max(last_seen)) - epoch_us(min(first_seen))) // 1000, 60000)"
_SUMS = {
    "clientBytes": "client_bytes", "serverBytes": "server_bytes", "clientPackets": "client_packets",
    "serverPackets": "server_packets", "bytes": "client_bytes + server_bytes",
    "packets": "client_packets + server_packets",
    "clientBits": "client_bytes * 8", "serverBits": "server_bytes * 8", "bits": "(client_bytes + server_bytes) * 8",
}
_RATES = ("bits", "packets", "clientBits", "serverBits", "clientPackets", "serverPackets")
_INTERFACE: tuple[tuple[str, Type], ...] = (
    ("exporterIp", IP), ("ifcIndex", LONG), ("ifcName", STRING), ("ifcSpeed", LONG), ("inBytes", LONG),
    ("outBytes", LONG), ("inPackets", LONG), ("outPackets", LONG), ("pctInUtilization", DOUBLE),
    ("pctOutUtilization", DOUBLE),
)
_DIRECTION = Field("direction", STRING, "direction")
_PORT = Field("serverPort", LONG, "server_port")
_PROTOCOL = Field("protocol", LONG, "protocol")
#: Each stream's groups beside the minute, as the SQL of its relation; `end_x` is the client's or the server's column x.
_GROUPS: dict[str, tuple[Field, ...]] = {
    "netflowTotalAggr": (),
    "netflowByAppAggr": (Field("application", STRING, "application"),),
    "netflowByAsnAggr": (Field("asNumber", LONG, "end_asn"), Field("asName", STRING, "end_as_name"), _DIRECTION),
    "netflowByCountryAggr": (Field("country", STRING, "end_country"), _DIRECTION),
    "netflowByGroupAggr": (Field("group", STRING, "category"),),
    "netflowByIpAggr": (Field("ipAddress", IP, "end_ip"), Field("countryCode", STRING, "end_country"), _DIRECTION),
    "netflowByProtocolAggr": (_PROTOCOL,),
    "assetNetflowAggr": (Field("clientIp", IP, "client_ip"), Field("serverIp", IP, "server_ip"), _PORT, _PROTOCOL),
}
_GROUPS["netflowByAppsAggr"] = _GROUPS["netflowByAppAggr"]  # as one of Sycope's clients writes it
#: Streams without rows, and their own fields.
EMPTY: dict[str, tuple[tuple[str, Type], ...]] = {
    "netflowByExporterAggr": (
        ("exporterIp", IP), ("exporterName", STRING), ("exporterDescription", STRING), ("exporterLocation", STRING),
    ),
    "netflowByIfcAggr": _INTERFACE,
    "netflowByMplsAggr": (("mpls", LONG),),
    "netflowByTosAggr": (("tosNumber", LONG), ("tosName", STRING)),
}
NAMES = (*_GROUPS, *EMPTY)


@cache
def minutes(name: str) -> Rows:
    """The rows of one of the streams `NAMES`."""
    if name in EMPTY:
        return Rows([_TIMESTAMP, *(unknown(*field) for field in EMPTY[name]), *_aggregates()], groups=1)
    groups = _GROUPS[name]
    extra = [unknown("groupType", STRING), unknown("direction", STRING)] if name == "netflowByGroupAggr" else []
    return Rows([_TIMESTAMP, *groups, *_aggregates(), *extra], groups=1 + len(groups))


def select(name: str, flows: str, range: Range) -> exp.Select:
    """The stream's SELECT over the relation of that name that has the flow table's rows."""
    chosen = begun(range, step_ms=MINUTE_MS)
    if name in EMPTY:
        return minutes(name).select(relation(flows), exp.false())
    ends = [field.sql for field in _GROUPS[name] if field.sql.startswith("end_")]
    if not ends:
        return minutes(name).select(relation(flows), *chosen)
    client, server = (_side(side, ends, flows, chosen) for side in ("client", "server"))
    return minutes(name).select(exp.union(client, server, distinct=False).subquery("ends"))


def _side(side: str, ends: Sequence[str], flows: str, chosen: Sequence[exp.Expression]) -> exp.Select:
    """The flows as one end of theirs sees them."""
    own = [exp.alias_(column(f"{side}{name.removeprefix('end')}"), name, quoted=True) for name in ends]
    found = exp.select(exp.Star(), *own, exp.alias_(exp.Literal.string(side), "direction", quoted=True))
    return found.from_(relation(flows)).where(*(condition.copy() for condition in chosen), copy=False)


def _aggregates() -> list[Field]:
    found = [Field("activeTime", LONG, _ACTIVE_MS)]
    found += [Field(name, LONG, _sum(sql)) for name, sql in _SUMS.items()]
    found += [Field(name, LONG, "count(*)") for name in ("flows", "sessions")]
    for name in _RATES:
        found.append(Field(f"{name}PerSecond", DOUBLE, f"{_sum(_SUMS[name])} / 60.0"))
        found.append(
            Field(f"{name}PerSecondActiveTime", DOUBLE, f"{_sum(_SUMS[name])} * 1e3 / nullif({_ACTIVE_MS}, 0)")
        )
    found.append(Field("flowsPerSecond", DOUBLE, "count(*) / 60.0"))
    found.append(unknown("tenantId", STRING))
    return found


def _sum(sql: str) -> str:
    # DuckDB adds integers up in 128 bits, which neither Arrow nor JSON's readers take.
    return f"CAST(sum({sql}) AS BIGINT)"
