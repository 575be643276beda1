"""pipeline: NQL queries, their results by pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec
from flask import Response
from flask_openapi3 import APIBlueprint, Tag

from tapiary.accounts import READ, Right
from tapiary.api.context import actor, services
from tapiary.api.sycope import query_models as models
from tapiary.api.sycope.answers import Done, SycopeError, done, reply
from tapiary.errors import NotFound, Unavailable

if TYPE_CHECKING:
    from tapiary.services import QueryView

QUERIES = Tag(name="npm queries", description="NQL queries")

RIGHTS: dict[str, Right | None] = {"query_run": READ, "query_page": READ, "query_cancel": READ}

#: Milliseconds that a query is waited for unless the caller says otherwise, as all known clients do.
WAIT_MS = 30_000
#: Rows that are made into text at once: pages of any size pass in little memory.
STEP_ROWS = 5_000


def query_run(body: models.Run) -> Response:
    """Run a query

    Answers when the result is whole, so that its `total` is final. A query that takes longer than `waitTime` is
    broken off and told as an error. With `waitTime` 0 the answer comes at once, and pages say by `status` whether the
    query still runs. Results are kept for queries.keep_s after they were last asked for.
    """
    wait_ms = WAIT_MS if body.wait_time is None else body.wait_time
    queries = services().queries
    view = queries.run(
        actor(), body.nql, start=body.start_time, end=body.end_time, wait_ms=wait_ms, parameters=_parameters(body)
    )
    if view.state != "done" and wait_ms:
        queries.cancel(actor(), view.id)
        raise Unavailable(
            f"the query took longer than waitTime ({wait_ms} ms) and was broken off; ask for a shorter range, or wait "
            "longer",
            code="too_slow",
        )
    columns = [{"name": name, "type": str(type)} for name, type in view.columns]
    return reply({"jobId": view.id, "data": {"total": view.total, "columns": columns}, "status": _status(view)})


def query_page(path: models.QueryPath, body: models.PageBody) -> Response:
    """Get rows of a result

    Any page may be asked for in any order; `[]` is what there is behind the last row.
    """
    queries, asking = services().queries, actor()
    view = queries.get(asking, path.job_id)
    end = view.total if body.limit is None else min(body.offset + body.limit, view.total)
    parts = (
        msgspec.json.encode(queries.page(asking, view.id, min(STEP_ROWS, end - start), start))[1:-1]
        for start in range(body.offset, end, STEP_ROWS)
    )
    # The first rows are asked for before the answer begins: what is wrong is still told as an error.
    first = next(parts, b"")
    tail = msgspec.json.encode({"total": view.total, "status": _status(view)})
    return Response(_joined(first, parts, tail), mimetype="application/json")


def query_cancel(path: models.QueryPath) -> Response:
    """Break a query off, or forget its result"""
    services().queries.cancel(actor(), path.job_id)
    return done()


def _joined(first: bytes, others: Iterator[bytes], tail: bytes) -> Iterator[bytes]:
    """`{"data": […]}` out of the insides of arrays of rows, with the members of the tail."""
    yield b'{"data":['
    yield first
    for part in others:
        if not part:  # forgotten meanwhile; the connection breaks, so that nobody takes this for all of the page
            raise NotFound("the rows of the query are gone", code="no_query")
        yield b","
        yield part
    yield b"],"
    yield tail[1:]


def _status(view: QueryView) -> dict[str, str]:
    return {"state": "FINISHED" if view.state == "done" else "RUNNING"}


def _parameters(body: models.Run) -> dict[str, str]:
    """Values of placeholders as the texts that they are replaced by."""
    return {
        name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for name, value in body.parameters.items()
    }


def add_routes(blueprint: APIBlueprint) -> None:
    """Add this module's routes."""
    refused: dict[str | int, Any] = {413: SycopeError, 429: SycopeError, 503: SycopeError}
    blueprint.post("/pipeline/run", tags=[QUERIES], responses={200: models.Started, **refused})(query_run)
    one = "/pipeline/<job_id>"
    blueprint.post(f"{one}/data", tags=[QUERIES], responses={200: models.Page, **refused})(query_page)
    blueprint.delete(one, tags=[QUERIES], responses={200: Done})(query_cancel)
