"""The one place where an error becomes an answer, in the shape of the dialect whose route was asked for.

What is no error of ours is a bug: the log gets it whole under a reference, the caller gets the reference alone.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flask import Flask, Response, current_app, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from tapiary.errors import InvalidInput, TapiaryError, TooManyRequests, Unauthenticated
from tapiary.telemetry import counter, logger

if TYPE_CHECKING:
    from tapiary.api.dialect import Dialect

log = logger("api")
_bugs = counter("api", "internal_errors")

#: Kinds of pydantic errors whose own words say too little.
_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "model_type": "must be a JSON object, sent with Content-Type: application/json",
    "model_attributes_type": "must be a JSON object, sent with Content-Type: application/json",
}
#: The dialect of what no route answers.
_DEFAULT = "tractor"
_PREFIX = "/api/v1/"


def register(app: Flask, dialects: Mapping[str, Dialect]) -> None:
    """Let the app answer every error; dialects: by the name of their blueprint."""
    app.extensions["tapiary-dialects"] = dialects
    # Paths that no route answers are told from their first part, so that a typing error has the shape of its dialect.
    app.extensions["tapiary-parts"] = {
        rule.rule.removeprefix(_PREFIX).partition("/")[0]: rule.endpoint.rpartition(".")[0]
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(_PREFIX)
    }
    app.register_error_handler(TapiaryError, of_ours)
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(Exception, _bug)


def invalid(error: ValidationError) -> Response:
    """The answer to a request whose parameters or body do not fit their model; names every field at fault."""
    parts = []
    for each in error.errors(include_url=False, include_context=False):
        field = ".".join(str(part) for part in each["loc"]) or "body"
        words = each["msg"]
        words = _WORDS.get(each["type"], words[:1].lower() + words[1:])
        parts.append(f"{field}: {words}")
    return of_ours(InvalidInput("; ".join(parts)))


def of_ours(error: TapiaryError) -> Response:
    """The answer to an error of ours."""
    if error.fault == "server":
        log.error("%s %s: %s (%s)", request.method, place(), error.message, error.code)
    message = error.message
    if error.field and error.field not in message:
        message = f"{error.field}: {message}"
    headers = {}
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = f'{getattr(error, "scheme", "Bearer")} realm="tapiary"'
    elif isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    dialect = _dialect()
    return dialect.error(dialect.status((request.endpoint or "").rpartition(".")[2], error), message, headers)


def place() -> str:
    """The request's path for the log, without what a route takes as a secret, and without line ends."""
    if request.url_rule is not None and "token" in (request.view_args or {}):
        return request.url_rule.rule
    return quote(request.path)


def _dialect() -> Dialect:
    dialects: dict[str, Dialect] = current_app.extensions["tapiary-dialects"]
    name = (request.endpoint or "").rpartition(".")[0]
    if not name:
        for dialect in dialects.values():
            if dialect.prefix is not None and request.path.startswith(dialect.prefix):
                return dialect
    if not name and request.path.startswith(_PREFIX):
        part = request.path.removeprefix(_PREFIX).partition("/")[0]
        name = current_app.extensions["tapiary-parts"].get(part, "")
    return dialects.get(name) or dialects[_DEFAULT]


def _of_http(error: HTTPException) -> Any:
    if error.response is not None:  # an answer already, such as the one of `invalid`
        return error.response
    status = error.code or 500
    headers = {
        key: value for key, value in error.get_headers() if key.lower() in ("allow", "retry-after", "content-range")
    }
    message = error.name if status in (404, 405) else error.description or error.name
    if status == 404:
        message = "Not found"
    return _dialect().error(status, message, headers)


def _bug(error: Exception) -> Response:
    reference = secrets.token_hex(4)
    _bugs.add()
    log.error("%s %s failed, reference %s", request.method, place(), reference, exc_info=error)
    return _dialect().error(500, f"Internal server error (reference {reference} in the server's log)", {})
