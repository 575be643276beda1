"""index/inject: rows into custom indexes."""

from __future__ import annotations

from typing import Any

import msgspec
from flask import Response, request
from flask_openapi3 import APIBlueprint, Tag

from tapiary.accounts import WRITE, Right
from tapiary.api.context import actor, services
from tapiary.api.sycope.answers import Done, SycopeError, done, reply
from tapiary.api.sycope.bodies import large_json
from tapiary.api.tci.shapes import Model
from tapiary.services import BadCells

INJECTION = Tag(name="npm injection", description="Rows into custom indexes")

RIGHTS: dict[str, Right | None] = {"index_inject": WRITE}
#: The body has a limit of its own, which counts what comes out of its packing.
BODIES: dict[str, int | None] = {"index_inject": None}
#: Names a request, so that one that is sent again adds nothing (draft-ietf-httpapi-idempotency-key-header).
KEY = "Idempotency-Key"


class Injection(msgspec.Struct, rename="camel"):
    """Rows by columns; other members are ignored."""

    index_name: str
    columns: list[str]
    rows: list[list[Any]]
    sort_timestamp: bool = True


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
    body = large_json(Injection, services().config.indexes.max_body_bytes, "indexes.max_body_bytes")
    services().indexes.inject(
        actor(), body.index_name, body.columns, body.rows, sort=body.sort_timestamp, request=request.headers.get(KEY)
    )
    return done()


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
    blueprint.register_error_handler(BadCells, bad_cells)
