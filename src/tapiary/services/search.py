"""Statistics and pages of the flows of one job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tapiary.services.views import AddressDetails, FlowFilter, FlowPage, Statistic

if TYPE_CHECKING:
    from tapiary.services import Services

#: Values shown of each statistic unless asked otherwise, and at most.
DEFAULT_LIMIT = 20
MAX_LIMIT = 10_000


class Search:
    """Questions to the rows of a job's visible run."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def statistics(self, job_id: int, flows: FlowFilter | None = None, *, limit: int = DEFAULT_LIMIT) -> tuple[Statistic, ...]:
        """Protocols, labels, groups, clients, servers, server_ports, countries, server_names, user_agents.

        Each with counts of flows, most frequent first, then by label; at most `limit` values each.
        Raises NotFound when the job has no rows (yet, or any more), InvalidInput for a filter that makes no sense.
        """
        raise NotImplementedError

    def address(self, job_id: int, ip: str, *, limit: int = DEFAULT_LIMIT) -> AddressDetails:
        """What the flows tell of an IPv4 or IPv6 address or a CIDR network."""
        raise NotImplementedError

    def flows(
        self, job_id: int, flows: FlowFilter | None = None, *, sort: str = "first_seen", limit: int = 100, offset: int = 0,
        columns: tuple[str, ...] | None = None,
    ) -> FlowPage:
        """A page of flows. sort: columns of the schema or of VIRTUAL, by commas, each with - for descending.

        columns: what to give of each flow, None for all but the optional statistics groups.
        """
        raise NotImplementedError
