"""Packets, bytes and flows of a processed capture, in all and by label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tapiary.services.runs import visible

if TYPE_CHECKING:
    from tapiary.services import Services

_SQL = """
SELECT label, count(*), sum(client_packets + server_packets), sum(client_wire_bytes + server_wire_bytes)
FROM flows GROUP BY label ORDER BY 2 DESC, 1
"""


def totals(services: Services, job_id: int) -> dict[str, Any]:
    """The totals of the flows that a job made. Raises NotFound when it has none to show."""
    from tapiary.store import Selection

    run_id, _ = visible(services, job_id)
    rows = services.store.query(_SQL, (), tables={"flows": Selection("flows", [run_id])}).fetchall()
    labels = {
        label: {"flows": int(flows), "packets": int(packets), "bytes": int(size)}
        for label, flows, packets, size in rows
    }
    return {
        "packets": sum(each["packets"] for each in labels.values()),
        "bytes": sum(each["bytes"] for each in labels.values()),
        "flows": sum(each["flows"] for each in labels.values()),
        "labels": labels,
    }
