"""Answers in TCI's form: JSON with one member a line, which its drone's start script relies on; errors."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from flask import Response
from pydantic import BaseModel

from tapiary.api.tci.shapes import Model

#: TCI's words for statuses; others are HTTP's own phrases.
WORDS = {400: "bad request", 401: "unauthorized", 403: "forbidden", 404: "not found", 500: "internal"}
#: Answers with secrets are kept by nobody on the way (RFC 6749, 5.1).
NO_STORE = {"Cache-Control": "no-store"}


class TciError(Model):
    """An error of TCI's routes and ours beside them; `error` is a word for the status."""

    error: str
    message: str


def reply(model: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A model as JSON, with all its members."""
    return Response(model.model_dump_json(indent=2) + "\n", status, headers, mimetype="application/json")


def nothing() -> Response:
    """The answer to what has no result: 204."""
    return Response(status=204)


def error(status: int, message: str, headers: Mapping[str, str]) -> Response:
    """An error as TCI shapes it."""
    body = msgspec.json.encode({"error": word(status), "message": message})
    return Response(msgspec.json.format(body) + b"\n", status, headers, mimetype="application/json")


def word(status: int) -> str:
    """The word for a status."""
    try:
        return WORDS.get(status) or HTTPStatus(status).phrase.lower()
    except ValueError:
        return "error"
