"""index/inject: rows into custom indexes."""

from __future__ import annotations

import shutil
import tempfile
from typing import Annotated, Any, BinaryIO, cast

import msgspec
from flask import Response, request
from flask_openapi3 import APIBlueprint, Tag
from pydantic import Field

from tapiary.accounts import WRITE, Right
from tapiary.api.context import actor, services
from tapiary.api.sycope.answers import Done, SycopeError, done, reply
from tapiary.api.sycope.bodies import large_json, unpacked
from tapiary.api.tci.shapes import Model, Parameters
from tapiary.errors import InvalidInput
from tapiary.services import BadCells

INJECTION = Tag(name="npm injection", description="Rows into custom indexes")

RIGHTS: dict[str, Right | None] = {"index_inject": WRITE, "index_upload": WRITE}
#: The bodies have limits of their own, which count what comes out of their packing.
BODIES: dict[str, int | None] = {"index_inject": None, "index_upload": None}
#: Formats by media type; those of SEEKING must be whole on the disk before they can be read.
FORMATS = {
    "application/x-ndjson": "ndjson",
    "text/csv": "csv",
    "application/vnd.apache.arrow.stream": "arrow",
    "application/vnd.apache.arrow.file": "arrow",
    "application/vnd.apache.parquet": "parquet",
}
SEEKING = frozenset({"application/vnd.apache.arrow.file", "application/vnd.apache.parquet"})
#: Names a request, so that one that is sent again adds nothing (draft-ietf-httpapi-idempotency-key-header).
KEY = "Idempotency-Key"


class Injection(msgspec.Struct, rename="camel"):
    """Rows by columns; other members are ignored."""

    index_name: str
    columns: list[str]
    rows: list[tuple[Any, ...]]
    sort_timestamp: bool = True


class IndexName(Parameters):
    """The index in the path."""

    name: Annotated[str, Field(description="Name of a custom index")]


class Uploaded(Done):
    """Rows were taken."""

    rows: int


class Cell(Model):
    """One value that its column cannot take."""

    row: int
    column: str
    value: str
    reason: str


class Refused(SycopeError):
    """Why nothing was taken; of bad cells the first ones, and how many there are."""

    cells: list[Cell] | None = None
    count: int | None = None


def index_inject() -> Response:
    """Inject rows into a custom index, all of them or none

    When the answer comes, the rows are in a committed table, and queries find them. A request with the header
    `Idempotency-Key` may be sent again: its rows are there once. The body may be packed (`Content-Encoding`: gzip,
    zstd). The answer to cells that cannot be taken has the first of them: row, column, value and reason.
    """
    if not request.is_json:
        raise InvalidInput("body: must be a JSON object, sent with Content-Type: application/json", field="body")
    body = large_json(Injection, services().config.indexes.max_body_bytes, "indexes.max_body_bytes")
    services().indexes.inject(
        actor(), body.index_name, body.columns, body.rows, sort=body.sort_timestamp, request=request.headers.get(KEY)
    )
    return done()


def index_upload(path: IndexName) -> Response:
    """Inject a file of rows into a custom index, all of them or none

    NDJSON (an object a row), CSV (names in the first line), an Arrow IPC stream or file, or Parquet, by Content-Type;
    otherwise as `index/inject`. Fields that a row does not have are null.
    """
    if request.mimetype not in FORMATS:
        raise InvalidInput(f"Content-Type: must be one of {', '.join(FORMATS)}", field="Content-Type")
    source = unpacked(services().config.indexes.max_upload_bytes, "indexes.max_upload_bytes")
    if request.mimetype not in SEEKING:
        return done(rows=_taken(path.name, source))
    with tempfile.TemporaryFile(dir=services().uploads.folder(), prefix="inject-") as file:
        shutil.copyfileobj(source, file, 1 << 20)
        file.seek(0)
        return done(rows=_taken(path.name, cast(BinaryIO, file)))


def _taken(name: str, source: BinaryIO) -> int:
    """Inject the rows of a source; how many there were."""
    injected = services().indexes.inject_file(
        actor(), name, source, FORMATS[request.mimetype], request=request.headers.get(KEY)
    )
    return injected.rows


def bad_cells(error: BadCells) -> Response:
    """The answer to cells that cannot be taken."""
    cells = [msgspec.to_builtins(cell) for cell in error.cells]
    return reply(
        {"status": 400, "code": "BAD_REQUEST", "message": error.message, "cells": cells, "count": error.count}, 400
    )


def add_routes(blueprint: APIBlueprint) -> None:
    """Add this module's routes."""
    refused: dict[str | int, Any] = {400: Refused, 409: SycopeError, 413: SycopeError, 503: SycopeError}
    schema = {
        "type": "object",
        "required": ["columns", "indexName", "rows"],
        "properties": {
            "indexName": {"type": "string"},
            "columns": {"type": "array", "items": {"type": "string"}},
            "rows": {"type": "array", "items": {"type": "array", "description": "One value for each column"}},
            "sortTimestamp": {"type": "boolean"},
        },
    }
    blueprint.post(
        "/index/inject",
        tags=[INJECTION],
        responses={200: Done, **refused},
        openapi_extensions={"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}},
    )(index_inject)
    octets = {"schema": {"type": "string", "format": "binary"}}
    blueprint.post(
        "/index/inject/<name>",
        tags=[INJECTION],
        responses={200: Uploaded, **refused},
        openapi_extensions={"requestBody": {"required": True, "content": dict.fromkeys(FORMATS, octets)}},
    )(index_upload)
    blueprint.register_error_handler(BadCells, bad_cells)
