"""Answers in Sycope's form: `{"status", "code"}` around what changes something, bare objects elsewhere; errors."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from flask import Response
from pydantic import Field

from tapiary.api.tci.shapes import Model

#: Where all paths of the dialect begin.
PREFIX = "/npm/api/v1"


class Done(Model):
    """What was asked for is done."""

    status: int = Field(description="The HTTP status")
    code: str = Field(examples=["OK"])


class Created(Done):
    """Something was made."""

    id: str = Field(description="Its identifier", examples=["65ac6a43-8173bfdf-d1815c2c"])


class SycopeError(Model):
    """An error of these routes."""

    status: int = Field(description="The HTTP status")
    code: str = Field(description="The status in capitals", examples=["BAD_REQUEST"])
    message: str


def reply(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A value as JSON, members in their order: clients take the first member of a row for the one that they want."""
    return Response(msgspec.json.encode(value), status, headers, mimetype="application/json")


def done(**members: Any) -> Response:
    """The answer to what changes something: `{"status": 200, "code": "OK"}` and these members."""
    return reply({"status": 200, "code": "OK", **members})


def error(status: int, message: str, headers: Mapping[str, str]) -> Response:
    """An error as clients read it: by its `status`, which is the HTTP status, and its `message`."""
    return reply({"status": status, "code": _code(status), "message": message}, status, headers)


def _code(status: int) -> str:
    try:
        return HTTPStatus(status).name
    except ValueError:
        return "ERROR"
