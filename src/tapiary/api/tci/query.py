"""/query: NQL over everything that the user may see, its rows streamed in the form that the client asks for."""

from __future__ import annotations

from itertools import chain
from typing import Annotated, Any

from flask import Response, request
from flask_openapi3 import APIBlueprint, Tag
from pydantic import Field

from tapiary.accounts import READ, Right
from tapiary.api.context import actor, services
from tapiary.api.tci.answers import TciError
from tapiary.api.tci.shapes import Model, Text
from tapiary.errors import InvalidInput
from tapiary.services import ANSWER_FORMATS

QUERY = Tag(name="query", description="Queries in NQL")

RIGHTS: dict[str, Right | None] = {"query": READ}

#: What an answer is when the client takes anything.
_DEFAULT = "application/json"
_FORMATS = {kind.partition(";")[0]: (name, kind) for name, kind in ANSWER_FORMATS.items()}
#: What clients may ask for: kinds with their parameters, too.
_KINDS = [*_FORMATS, *ANSWER_FORMATS.values()]

Moment = int | Text


class Query(Model):
    """A query."""

    nql: Annotated[Text, Field(description="The query", examples=['src stream="netflow" | aggr n=count(1) by label'])]
    start: Annotated[
        Moment | None,
        Field(description="Rows from this time on: milliseconds since 1970, or -1h@now, @2026-11-25T10:00:00Z"),
    ] = None
    end: Annotated[Moment | None, Field(description="Rows before this time")] = None
    parameters: Annotated[
        dict[str, Text], Field(default_factory=dict, description="Texts for the placeholders ${NAME} of the query")
    ]
    stream: Annotated[Text | None, Field(description="The stream of a query that names none")] = None


def query(body: Query) -> Response:
    """Run a query

    Answers with all rows, as they are computed, in the form that `Accept` asks for: a JSON list of objects, lines of
    JSON, CSV, Parquet, or a stream of Arrow's IPC format. Addresses are text, times are milliseconds since 1970. What
    the query gives too much of is best limited in the query. A connection that breaks in the middle says that the
    query could not be finished.
    """
    kind = request.accept_mimetypes.best_match(_KINDS, "") if request.accept_mimetypes else _DEFAULT
    if not kind:
        raise InvalidInput(f"Accept: must be one of {', '.join(_FORMATS)}", field="Accept")
    name, content_type = _FORMATS[kind.partition(";")[0]]
    answer = services().queries.stream(
        actor(), body.nql, start=body.start, end=body.end, parameters=body.parameters, default_stream=body.stream
    )
    pieces = answer.write(name)
    try:
        first = next(pieces, b"")
    except BaseException:
        answer.close()
        raise
    response = Response(chain([first], pieces), content_type=content_type)
    response.call_on_close(answer.close)
    return response


def add_routes(blueprint: APIBlueprint) -> None:
    """Add this module's routes."""
    text = {"schema": {"type": "string"}}
    file = {"schema": {"type": "string", "format": "binary"}}
    content: dict[str, Any] = {
        _DEFAULT: {"schema": {"type": "array", "items": {"type": "object"}}},
        "application/x-ndjson": text, "text/csv": text,
        "application/vnd.apache.parquet": file, "application/vnd.apache.arrow.stream": file,
    }
    refused: dict[str | int, Any] = {413: TciError, 503: TciError}
    blueprint.post("/query", tags=[QUERY], responses={200: {"content": content}, **refused})(query)
