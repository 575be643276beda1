"""The statistics of a set of flows, as one SQL statement over one scan."""

from __future__ import annotations

from tapiary.schema import address_text
from tapiary.services.views import Count, Statistic

#: IANA's keywords of the protocols that occur, in lower case as everybody writes them.
PROTOCOLS = {
    0: "hopopt",
    1: "icmp",
    2: "igmp",
    4: "ipip",
    6: "tcp",
    8: "egp",
    9: "igp",
    17: "udp",
    33: "dccp",
    41: "ipv6",
    46: "rsvp",
    47: "gre",
    50: "esp",
    51: "ah",
    58: "icmpv6",
    88: "eigrp",
    89: "ospf",
    94: "ipip",
    97: "etherip",
    103: "pim",
    108: "ipcomp",
    112: "vrrp",
    115: "l2tp",
    124: "isis",
    132: "sctp",
    136: "udplite",
    137: "mpls",
}

#: Title of each statistic, the value that is counted, and which flows have one.
_TABLES: tuple[tuple[str, str, str], ...] = (
    ("protocols", "protocol", "true"),
    ("labels", "label", "true"),
    ("groups", "category", "true"),
    ("clients", "client_ip", "true"),
    ("servers", "server_ip", "true"),
    ("server_ports", "server_port", "server_port <> 0"),
    ("countries", "country", "country IS NOT NULL"),
    ("server_names", "server_name", "server_name <> ''"),
    ("user_agents", "user_agent", "user_agent <> ''"),
)
#: The columns that the statement reads.
COLUMNS = (
    "protocol",
    "label",
    "category",
    "client_ip",
    "server_ip",
    "server_port",
    "client_country",
    "server_country",
    "server_name",
    "user_agent",
)
TITLES = tuple(title for title, _, _ in _TABLES)


def statement(condition: str) -> str:
    """SQL that gives (title, text, address, flows) rows; parameters: the condition's, then a limit a statistic."""
    # Of all flows, each statistic reads its own column alone; a condition is rather evaluated once.
    kept = "NOT MATERIALIZED" if condition == "true" else "MATERIALIZED"
    head = f"WITH f AS {kept} (SELECT {', '.join(COLUMNS)} FROM flows WHERE {condition}) "
    selects = []
    for title, value, where in _TABLES:
        # A flow counts once for each country that one of its ends is in.
        source = (
            "f"
            if value != "country"
            else (
                "(SELECT server_country AS country FROM f UNION ALL SELECT client_country FROM f "
                "WHERE client_country IS DISTINCT FROM server_country)"
            )
        )
        text, blob = ("NULL", value) if value.endswith("_ip") else (f"CAST({value} AS VARCHAR)", "NULL")
        selects.append(
            f"SELECT '{title}' AS title, CAST({text} AS VARCHAR) AS text, CAST({blob} AS BLOB) AS address, n FROM "
            f"(SELECT {value}, count(*) AS n FROM {source} WHERE {where} "
            f"GROUP BY {value} ORDER BY n DESC, {value} LIMIT ?)"
        )
    return head + " UNION ALL ".join(selects)


def statistics(rows: list[tuple[str, str | None, bytes | None, int]]) -> tuple[Statistic, ...]:
    """The statement's rows as values, each statistic sorted by count, then by label."""
    content: dict[str, list[Count]] = {title: [] for title in TITLES}
    for title, text, address, count in rows:
        label = address_text(address) if address is not None else text or ""
        if title == "protocols":
            label = PROTOCOLS.get(int(label), label)
        content[title].append(Count(label, count))
    return tuple(
        Statistic(title, tuple(sorted(counts, key=lambda c: (-c.count, c.label)))) for title, counts in content.items()
    )
