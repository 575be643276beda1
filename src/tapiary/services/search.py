"""Statistics and pages of the flows of one job."""

from __future__ import annotations

import difflib
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tapiary.errors import InvalidInput
from tapiary.schema import FLOW_COLUMNS, STATISTICS_GROUPS, Column, address_text, columns_by_name, mac_text
from tapiary.services import statistics
from tapiary.services.filters import VIRTUAL, Condition, condition, order, unknown
from tapiary.services.runs import visible
from tapiary.services.views import AddressDetails, FlowFilter, FlowPage, Statistic

if TYPE_CHECKING:
    from tapiary.services import Services

#: Values shown of each statistic unless asked otherwise, and at most.
DEFAULT_LIMIT = 20
MAX_LIMIT = 10_000
#: Columns of a page of flows unless asked otherwise: not those that only say where the row belongs, nor the long ones.
DEFAULT_COLUMNS = tuple(
    c.name for c in FLOW_COLUMNS if c.group not in STATISTICS_GROUPS and c.name not in ("run_id", "job_id")
)
#: Protocols whose server_name is not the server's own name but what the client is or asks for.
NAMING = ("DNS", "MDNS", "LLMNR", "NetBIOS", "DHCP", "DHCPV6")


class Search:
    """Questions to the rows of a job's visible run."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def statistics(
        self, job_id: int, flows: FlowFilter | None = None, *, limit: int = DEFAULT_LIMIT
    ) -> tuple[Statistic, ...]:
        """Protocols, labels, groups, clients, servers, server_ports, countries, server_names, user_agents.

        Each with counts of flows, most frequent first, then by label; at most `limit` values each.
        Raises NotFound when the job has no rows (yet, or any more), InvalidInput for a filter that makes no sense.
        """
        run_id, _ = visible(self._services, job_id)
        found = self._statistics(run_id, condition(flows), limit)
        visible(self._services, job_id)  # rows that were replaced meanwhile may have been gone already
        return found

    def address(self, job_id: int, ip: str, *, limit: int = DEFAULT_LIMIT) -> AddressDetails:
        """What the flows tell of an IPv4 or IPv6 address or a CIDR network.

        The country and city are those of the matching ends, the user agent of matching clients, the domain name of
        matching servers: of each the most frequent, the city within the country. Raises as `statistics`.
        """
        run_id, _ = visible(self._services, job_id)
        both = condition(FlowFilter(ip=ip))
        ends = {side: condition(FlowFilter(where=((f"{side}_ip", ip),))) for side in ("client", "server")}
        # What is asked of a resolver is the name of others.
        own_name = Condition(f"coalesce(master, application) NOT IN ({', '.join('?' * len(NAMING))})", NAMING)
        places = self._rows(
            run_id,
            "SELECT country, city, count(*) AS n FROM ("
            f"SELECT client_country AS country, client_city AS city FROM flows WHERE {ends['client'].sql} UNION ALL "
            f"SELECT server_country, server_city FROM flows WHERE {ends['server'].sql}) "
            "WHERE country IS NOT NULL GROUP BY country, city ORDER BY sum(count(*)) OVER (PARTITION BY country) DESC, "
            "country, city IS NULL, n DESC, city LIMIT 1",
            ends["client"].params + ends["server"].params,
        )
        country, city = places[0][:2] if places else (None, None)
        found = AddressDetails(
            country,
            city,
            self._most_frequent(run_id, "user_agent", ends["client"]),
            self._most_frequent(run_id, "server_name", ends["server"] & own_name),
            self._statistics(run_id, both, limit),
        )
        visible(self._services, job_id)
        return found

    def flows(
        self,
        job_id: int,
        flows: FlowFilter | None = None,
        *,
        sort: str = "first_seen",
        limit: int = 100,
        offset: int = 0,
        columns: tuple[str, ...] | None = None,
    ) -> FlowPage:
        """A page of flows. sort: columns of the schema or of `filters.VIRTUAL`, by commas, each with - for descending.

        columns: what to give of each flow, None for all but the optional statistics groups. Times are in seconds,
        addresses and MACs are text, values that are not known are left out. Raises as `statistics`.
        """
        names = DEFAULT_COLUMNS if columns is None else columns
        for name in names:
            if name not in columns_by_name() and name not in VIRTUAL:
                raise unknown(name, "columns", [*columns_by_name(), *VIRTUAL])
        if not 0 <= offset <= 2**62 or not 0 <= limit <= MAX_LIMIT:
            raise InvalidInput(f"limit: must be from 0 to {MAX_LIMIT}, and offset not negative", field="limit")
        wanted, ordered = condition(flows), order(sort)
        run_id, _ = visible(self._services, job_id)
        total = self._rows(run_id, f"SELECT count(*) FROM flows WHERE {wanted.sql}", wanted.params)[0][0]
        selected = ", ".join(f'{VIRTUAL.get(name, chr(34) + name + chr(34))} AS "{name}"' for name in names)
        rows = (
            self._rows(
                run_id,
                f"SELECT {selected} FROM flows WHERE {wanted.sql} ORDER BY {ordered} LIMIT ? OFFSET ?",
                (*wanted.params, limit, offset),
            )
            if limit and offset < total
            else []
        )
        visible(self._services, job_id)
        kinds = [columns_by_name().get(name) for name in names]
        return FlowPage([_readable(names, kinds, row) for row in rows], total, offset)

    def near_labels(self, job_id: int, label: str, *, limit: int = 5) -> tuple[str, ...] | None:
        """None when a flow has this label, application or group, else the nearest names that flows of the job have.

        First come the labels inside of it, as TLS.Google of TLS, most frequent first. Raises NotFound as `statistics`.
        """
        run_id, _ = visible(self._services, job_id)
        wanted = condition(FlowFilter(label=label))
        if self._rows(run_id, f"SELECT 1 FROM flows WHERE {wanted.sql} LIMIT 1", wanted.params):
            return None
        rows = self._rows(
            run_id,
            "SELECT label, application, category FROM flows GROUP BY ALL ORDER BY count(*) DESC, label, category",
            (),
        )
        names = {name.lower(): name for row in rows for name in row if name}
        inside = [names[key] for key in names if key.startswith(f"{label.lower()}.")]
        near = [names[key] for key in difflib.get_close_matches(label.lower(), names, limit)]
        return tuple(dict.fromkeys([*inside, *near]))[:limit]

    def _statistics(self, run_id: int, wanted: Condition, limit: int) -> tuple[Statistic, ...]:
        if not 1 <= limit <= MAX_LIMIT:
            raise InvalidInput(f"limit: must be from 1 to {MAX_LIMIT}", field="limit")
        rows = self._rows(run_id, statistics.statement(wanted.sql), wanted.params + (limit,) * len(statistics.TITLES))
        return statistics.statistics(rows)

    def _most_frequent(self, run_id: int, column: str, wanted: Condition) -> str | None:
        rows = self._rows(
            run_id,
            f"SELECT {column}, count(*) AS n FROM flows WHERE ({wanted.sql}) AND {column} <> '' "
            f"GROUP BY {column} ORDER BY n DESC, {column} LIMIT 1",
            wanted.params,
        )
        return rows[0][0] if rows else None

    def _rows(self, run_id: int, sql: str, params: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        from tapiary.store import Selection

        rows: list[tuple[Any, ...]] = self._services.store.query(
            sql, params, tables={"flows": Selection("flows", [run_id])}
        ).fetchall()
        return rows


def _readable(names: tuple[str, ...], kinds: list[Column | None], row: tuple[Any, ...]) -> dict[str, Any]:
    flow: dict[str, Any] = {}
    for name, column, value in zip(names, kinds, row, strict=True):
        if value is None:
            continue
        if isinstance(value, bytes):
            value = address_text(value)
        elif isinstance(value, datetime):
            value = value.timestamp()
        elif column is not None and column.type == "mac":
            value = mac_text(value)
        flow[name] = value
    return flow
