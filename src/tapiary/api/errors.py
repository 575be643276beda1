"""The one place where an error becomes an answer: `{"status", "code", "message"}`, as the Tractor document has it.

`status` and `code` both are the HTTP status. What is no error of ours is a bug: the log gets it whole under a
reference, the caller gets the reference alone.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import msgspec
from flask import Flask, Response, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from tapiary.errors import InvalidInput, TapiaryError, Unauthenticated
from tapiary.telemetry import counter, logger

if TYPE_CHECKING:
    from werkzeug.datastructures import Headers

log = logger("api")
_bugs = counter("api", "internal_errors")

#: Kinds of pydantic errors whose own words say too little.
_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "model_type": "must be a JSON object, sent with Content-Type: application/json",
    "model_attributes_type": "must be a JSON object, sent with Content-Type: application/json",
}


def answer(status: int, message: str, headers: Headers | dict[str, str] | None = None) -> Response:
    """An error as the document shapes it."""
    body = msgspec.json.encode({"status": status, "code": status, "message": message})
    return Response(body, status, headers, mimetype="application/json")


def register(app: Flask) -> None:
    """Let the app answer every error in this shape."""
    app.register_error_handler(TapiaryError, _of_ours)
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
    return _of_ours(InvalidInput("; ".join(parts)))


def _of_ours(error: TapiaryError) -> Response:
    if error.fault == "server":
        log.error("%s %s: %s (%s)", request.method, request.path, error.message, error.code)
    message = error.message
    if error.field and error.field not in message:
        message = f"{error.field}: {message}"
    headers = {"WWW-Authenticate": 'Bearer realm="tapiary"'} if isinstance(error, Unauthenticated) else None
    return answer(error.status, message, headers)


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
    return answer(status, message, headers)


def _bug(error: Exception) -> Response:
    reference = secrets.token_hex(4)
    _bugs.add()
    log.error("%s %s failed, reference %s", request.method, request.path, reference, exc_info=error)
    return answer(500, f"Internal server error (reference {reference} in the server's log)")
