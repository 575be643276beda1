"""The Flask app: documentation, security, errors, and the dialects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response, redirect, request
from flask_openapi3 import Info, OpenAPI
from werkzeug.wrappers import Response as BaseResponse

from tapiary import __version__
from tapiary.api import errors, hive, jwts, pages, security, sessions, sycope, tci, tractor, wheel
from tapiary.api.requests import TapiaryJSON, TapiaryRequest
from tapiary.api.tractor.models import Error

if TYPE_CHECKING:
    from tapiary.services import Services

DESCRIPTION = """From packet captures to labelled, enriched flows.

Make an application token at `/tokens`, or by `tapiary token create NAME`, and send it as
`Authorization: Bearer TOKEN`. The paths of files, file, labels and server also answer without `/api/v1`; their errors
are `{"status", "code", "message"}`. Paths below `/npm/api/v1` are Sycope's, with errors of the same members, and take
the session of its login as well. All others are TCI's and in its style; their errors are `{"error", "message"}`.

Countries, cities and networks come from the geographic data that are installed beside the server. What their licences
ask to be shown wherever these are shown is in the header `X-Attribution` of answers that may hold such, and at `/`."""
#: What a page may load and do: nothing from elsewhere. Swagger's page has inline scripts and styles; pages of ours are
#: stricter (`pages.render`).
CONTENT_SECURITY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "base-uri 'none'; frame-ancestors 'none'"
)


class TapiaryApp(OpenAPI):
    """Flask with generated documentation, and requests whose uploads go straight to the repository's disk."""

    request_class = TapiaryRequest
    json_provider_class = TapiaryJSON

    def generate_spec_json(self) -> None:
        """Make the document; flask-openapi3 writes the least value of a number as a float, also of an integer."""
        super().generate_spec_json()  # type: ignore[no-untyped-call]
        _whole_bounds(self.spec_json)


def _whole_bounds(part: Any) -> None:
    """Bounds of integers as integers, throughout a part of the document."""
    if isinstance(part, dict):
        if part.get("type") == "integer":
            for name in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
                if isinstance(part.get(name), float):
                    part[name] = int(part[name])
        for each in part.values():
            _whole_bounds(each)
    elif isinstance(part, list):
        for each in part:
            _whole_bounds(each)


def create_app(services: Services) -> TapiaryApp:
    """The WSGI app over the services; nothing is started. The secret key is made where there is none yet."""
    app = TapiaryApp(
        "tapiary",
        info=Info(title="Tapiary", version=__version__, description=DESCRIPTION),
        security_schemes={
            "bearer": {"type": "http", "scheme": "bearer", "description": "An application token, or an access JWT"},
            "session": {"type": "apiKey", "in": "cookie", "name": "sycope", "description": "Of POST /npm/api/v1/login"},
            "basic": {"type": "http", "scheme": "basic", "description": "Name and password, at GET /token alone"},
        },
        validation_error_status=400,
        validation_error_model=Error,
        validation_error_callback=errors.invalid,
        static_folder=None,
    )
    app.extensions["tapiary"] = services
    app.url_map.strict_slashes = False
    sessions.set_up(app, services)
    jwts.set_up(app, services)
    tractor.register(app)
    tci.register(app)
    sycope.register(app)
    pages.register(app)
    hive.register(app, services)
    wheel.register(app)
    _add_public_routes(app)
    ours = tractor.dialect(services.config.repository.max_upload_bytes)
    dialects = {"tractor": ours, "tractor_bare": ours, "tci": tci.dialect(), "pages": pages.dialect()}
    dialects["sycope"] = sycope.dialect(services.config.indexes.max_body_bytes)
    errors.register(app, dialects)
    app.after_request(_add_headers)
    app.after_request(lambda response: _add_attribution(response, services))
    security.protect(app, services, dialects)
    return app


def _add_public_routes(app: TapiaryApp) -> None:
    def health() -> dict[str, Any]:
        return {"status": "ok", "version": __version__}

    def docs() -> BaseResponse:
        return redirect("/openapi/swagger")

    app.add_url_rule("/health", "health", health)
    app.add_url_rule("/docs", "docs", docs)


def _add_headers(response: Response) -> Response:
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("X-Frame-Options", "DENY")
    if response.mimetype == "text/html":
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY)
    return response


def _add_attribution(response: Response, services: Services) -> Response:
    """Say whose geographic data the answer may hold; its documented form has no room for that."""
    name = (request.endpoint or "").rpartition(".")[2]
    if name in tractor.PLACES and response.status_code == 200 and (texts := services.attribution()):
        # Field values are visible ASCII (RFC 9110, 5.5).
        text = "; ".join(texts).encode("ascii", "replace").decode()
        response.headers["X-Attribution"] = " ".join(text.split())
    return response
