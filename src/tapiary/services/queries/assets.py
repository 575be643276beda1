"""The stream `assetDevices`: every address that the visible flows have, and what people have written about it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from sqlglot import exp

from tapiary.query import IP, LONG, MAP, STRING, Type, list_of
from tapiary.schema import address_bytes
from tapiary.services.queries.fields import Field, Rows, relation
from tapiary.services.queries.kept import table

if TYPE_CHECKING:
    import pyarrow as pa

    from tapiary.services import Services

NAMES = ("assetDevices",)
#: What the database has of each device; `_ip` is the address as the flows have it.
_DEVICE: dict[str, Type] = {
    "_ip": IP, "id": STRING, "name": STRING, "domain": STRING, "description": STRING, "modified": LONG,
    "tags": list_of(STRING), "additional": MAP, "dns": list_of(STRING),
}
_FIELDS = (
    # A device that nobody has written about has its address for an identifier.
    Field("id", STRING, "coalesce(d.id, nql_ip_text(s.ip))"),
    Field("ip", IP, "s.ip"),
    Field("name", STRING, "coalesce(d.name, '')"),
    Field("domainName", STRING, "coalesce(d.domain, '')"),
    Field("description", STRING, "coalesce(d.description, '')"),
    Field("timestamp", LONG, "greatest(epoch_us(s.seen) // 1000, d.modified)"),
    Field("tags", list_of(STRING), "coalesce(d.tags, CAST([] AS VARCHAR[]))"),
    Field("additional", MAP, "coalesce(d.additional, CAST(map([], []) AS MAP(VARCHAR, VARCHAR)))"),
    Field("dnsRecords", list_of(STRING), "coalesce(d.dns, CAST([] AS VARCHAR[]))"),
)


@cache
def asset_devices() -> Rows:
    """The rows of `assetDevices`."""
    return Rows(_FIELDS)


def select(flows: str, devices: str) -> exp.Select:
    """The stream's SELECT over the relations of those names."""
    ends = [
        exp.select(exp.alias_(exp.column(f"{side}_ip"), "ip"), "last_seen").from_(relation(flows))
        for side in ("client", "server")
    ]
    noted = exp.select(exp.alias_(exp.column("_ip"), "ip"), exp.alias_(exp.null(), "last_seen"))
    noted = noted.from_(relation(devices))
    seen = exp.union(exp.union(*ends, distinct=False), noted, distinct=False).subquery("addresses")
    newest = exp.alias_(exp.Max(this=exp.column("last_seen")), "seen")
    by_address = exp.select("ip", newest).from_(seen).group_by("ip").subquery("s")
    known = exp.alias_(relation(devices), "d", table=True)
    found = asset_devices().select(by_address).join(known, on="d._ip = s.ip", join_type="left", copy=False)
    return asset_devices().fill(found, asset_devices().types)


def devices(services: Services) -> pa.Table:
    """What the database has of devices, as the relation that `select` reads."""
    from sqlalchemy import select

    from tapiary.database import Device

    with services.database.session(write=False) as session:
        return table(_DEVICE, [
            {
                "_ip": address_bytes(row.ip), "id": row.id, "name": row.name, "domain": row.domain_name,
                "description": row.description, "modified": round(row.modified_at * 1000),
                "tags": [str(tag) for tag in row.tags], "additional": list(row.additional.items()),
                "dns": [str(record) for record in row.dns_records],
            }
            for row in session.scalars(select(Device))
        ])
