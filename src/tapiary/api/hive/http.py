"""The hive's HTTP side: drones of ours bring the parts of their captures, in order, each from where it broke off."""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import msgspec
from flask import Blueprint, Response, request

from tapiary.api.hive.bodies import Body, Unpacked
from tapiary.capture import Completion, decode
from tapiary.errors import InvalidInput, NotFound, TapiaryError, TooLarge, Unauthenticated, Unavailable
from tapiary.telemetry import counter, logger

if TYPE_CHECKING:
    from tapiary.services import Services

log = logger("api")

#: Seconds without a byte after which an upload is broken off: its part must become free for the drone's next attempt.
SILENCE_S = 60.0
#: Seconds after which a drone may try again when the disk is full.
DISK_FULL_S = 30
#: A `Completion` at most: 130 bytes a part, so 30,000 parts.
COMPLETION_BYTES = 4 << 20
#: An interface's name at most: Linux has 15 bytes (IFNAMSIZ), Windows writes GUIDs.
INTERFACE_CHARACTERS = 128
_failed = counter("api", "hive_failed_requests")


def make_blueprint(name: str, services: Services) -> Blueprint:
    """The routes, which authenticate by the drone's token themselves and answer `{"error", "message"}`."""
    routes = Blueprint(name, __name__, url_prefix="/hive/v1/captures/<int:capture_id>")

    def parts(capture_id: int) -> Response:
        return _answer(200, {"parts": services.hive.parts(_drone(services), capture_id)})

    def receive(capture_id: int, number: int) -> Response:
        drone_id = _drone(services)
        offset = _offset()
        interface = request.args.get("interface", "")
        if not 0 < len(interface) <= INTERFACE_CHARACTERS or not interface.isprintable():
            raise InvalidInput("interface: give the interface's name in the address", field="interface")
        body = _body()
        stream = _unpacked(body)
        received = services.hive.receive(drone_id, capture_id, number, interface, offset, cast(BinaryIO, stream))
        if isinstance(stream, Unpacked):
            stream.check()
        if body.torn:
            raise InvalidInput("body: broke off; go on where the part ends", field="body", code="torn_upload")
        return _answer(200, {"received": received})

    def complete(capture_id: int) -> Response:
        drone_id = _drone(services)
        again = services.hive.complete(drone_id, capture_id, decode(_whole_body(), Completion, "complete"))
        return _answer(409, {"again": again}) if again else _answer(200, {})

    routes.add_url_rule("/parts", "parts", parts)
    routes.add_url_rule("/parts/<int:number>", "receive", receive, methods=["PATCH"])
    routes.add_url_rule("/complete", "complete", complete, methods=["POST"])
    routes.register_error_handler(TapiaryError, _of_ours)
    routes.register_error_handler(Exception, _bug)
    return routes


def _drone(services: Services) -> int:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated("send Authorization: Bearer TOKEN with the drone's token")
    return services.hive.authenticate(token.strip())


def _offset() -> int:
    text = request.headers.get("Upload-Offset", "")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise InvalidInput(
            "Upload-Offset: give the bytes of the part that the hive has, uncompressed", field="Upload-Offset"
        )
    return int(text)


def _body() -> Body:
    """The body, which ends when the drone is silent for too long."""
    for name in ("gunicorn.socket", "werkzeug.socket"):
        if (sock := request.environ.get(name)) is not None:
            with suppress(OSError):
                sock.settimeout(SILENCE_S)
    return Body(cast(BinaryIO, request.stream))


def _unpacked(body: Body) -> Body | Unpacked:
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in ("identity", ""):
        return body
    if encoding != "zstd":
        raise InvalidInput(f"Content-Encoding: {encoding!r} is not known; use zstd, or none", field="Content-Encoding")
    return Unpacked(body)


def _whole_body() -> bytes:
    body = _body()
    data = b""
    while chunk := body.read(1 << 16):
        data += chunk
        if len(data) > COMPLETION_BYTES:
            raise TooLarge(f"body: more than {COMPLETION_BYTES} bytes", field="body")
    return data


def _answer(status: int, body: Any, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(body), status, headers, mimetype="application/json")


def _of_ours(error: TapiaryError) -> Response:
    status, headers = error.status, {}
    if isinstance(error, NotFound) and error.code == "gone":
        status = 410
    elif isinstance(error, Unavailable) and error.code == "disk_full":
        status, headers = 507, {"Retry-After": str(DISK_FULL_S)}
    elif isinstance(error, Unauthenticated):
        headers = {"WWW-Authenticate": 'Bearer realm="tapiary hive"'}
    if error.fault == "server":
        log.error("%s %s: %s (%s)", request.method, request.path, error.message, error.code)
    body: dict[str, Any] = {"error": error.code, "message": error.message}
    if isinstance(received := getattr(error, "received", None), int):
        body["received"] = received
    return _answer(status, body, headers)


def _bug(error: Exception) -> Response:
    reference = secrets.token_hex(4)
    _failed.add()
    log.error("%s %s failed, reference %s", request.method, request.path, reference, exc_info=error)
    return _answer(500, {"error": "internal_error", "message": f"reference {reference} in the server's log"})
