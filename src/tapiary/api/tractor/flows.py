"""/file/{job_id}/flows: the flows themselves."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from flask import Response, request
from flask_openapi3 import APIBlueprint

from tapiary.api.tractor import models
from tapiary.api.tractor.context import FILE, services
from tapiary.api.tractor.wire import reply
from tapiary.errors import InvalidInput
from tapiary.schema import FLOW_COLUMNS
from tapiary.services import FlowFilter, FlowPage, risk_names

#: Most flow numbers in one request: what an URL of 8 kB can hold.
MAX_FLOW_NUMBERS = 1000
_PAGE_COLUMNS = (
    "client_ip",
    "client_port",
    "server_ip",
    "server_port",
    "first_seen",
    "last_seen",
    "server_name",
    "risks",
    "note",
)


def file_flows_labels(path: models.JobPath, query: models.LabelPageQuery) -> Response:
    """Get flows by Labels

    In the order of their first packets, a page at a time. The header X-Total-Count has the number of all, Link the
    address of the next page.
    """
    page = services().search.flows(
        path.job_id, FlowFilter(label=query.label), limit=query.limit, offset=query.offset, columns=_PAGE_COLUMNS
    )
    items = [
        models.DetailsLabelItem.model_construct(
            client_ip=f["client_ip"],
            client_port=f["client_port"],
            server_ip=f["server_ip"],
            server_port=f["server_port"],
            time_start=int(f["first_seen"]),
            time_end=int(f["last_seen"]),
            comment=comment(f),
        )
        for f in page.flows
    ]
    return reply(models.DetailsLabel(items), headers=_paging(page, query.limit))


def file_flows(path: models.JobPath, query: models.FlowPageQuery) -> Response:
    """Get flows, filtered, sorted and paged

    Any column may be given as a parameter, also packets, bytes, wire_bytes, payload_bytes, retransmissions, duration of
    both directions together, and ip, port, mac, country, city, asn, as_name of either end. A value may begin with
    `>`, `>=`, `<`, `<=` or `!` (not) and, in texts, have `*` for any characters; an empty value means unknown.
    Addresses take CIDR networks, times Unix seconds or ISO 8601. A column given twice means either value. The header
    X-Total-Count has the number of all flows that match, Link the address of the next page.
    """
    columns = None
    if query.columns is not None:
        columns = (
            tuple(c.name for c in FLOW_COLUMNS)
            if query.columns == "all"
            else tuple(dict.fromkeys(filter(None, (name.strip() for name in query.columns.split(",")))))
        )
        if not columns:
            raise InvalidInput("columns: names no column", field="columns")
    page = services().search.flows(
        path.job_id, flow_filter(query), sort=query.sort, limit=query.limit, offset=query.offset, columns=columns
    )
    return Response(msgspec.json.encode(page.flows), mimetype="application/json", headers=_paging(page, query.limit))


def flow_filter(query: models.FlowQuery) -> FlowFilter:
    """The filter that the request's parameters mean: the query's own, and any column."""
    numbers = tuple(query.flow or ())
    if len(numbers) > MAX_FLOW_NUMBERS:
        raise InvalidInput(f"flow: more than {MAX_FLOW_NUMBERS} flow numbers", field="flow")
    known = type(query).model_fields
    where = tuple((name, value) for name, value in request.args.items(multi=True) if name not in known)
    return FlowFilter(label=query.label, ip=query.ip, flow_ids=numbers, where=where)


def comment(flow: dict[str, Any]) -> str:
    """What an analyst should see first of a flow: the user's own note, the server's name, or nDPI's risks."""
    return flow.get("note") or flow.get("server_name") or ", ".join(risk_names(flow.get("risks") or 0))


def _paging(page: FlowPage, limit: int) -> dict[str, str]:
    """The headers of a page (Link: RFC 8288)."""
    headers = {"X-Total-Count": str(page.total)}
    after = page.offset + limit
    if after < page.total:
        pairs = [(name, value) for name, value in request.args.items(multi=True) if name not in ("offset", "limit")]
        query = urlencode([*pairs, ("limit", str(limit)), ("offset", str(after))])
        headers["Link"] = f'<{quote(request.path)}?{query}>; rel="next"'
    return headers


def add_routes(blueprint: APIBlueprint) -> None:
    """Add this module's routes."""
    blueprint.get("/file/<job_id>/flows/labels", tags=[FILE], responses={200: models.DetailsLabel})(file_flows_labels)
    blueprint.get("/file/<job_id>/flows", tags=[FILE], responses={200: models.Flows})(file_flows)
