"""The Flask app: documentation, security, errors, and the dialects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response, redirect, request
from flask_openapi3 import Info, OpenAPI
from werkzeug.wrappers import Response as BaseResponse

from tapiary import __version__
from tapiary.api import errors, security, tractor
from tapiary.api.page import root_page
from tapiary.api.requests import TapiaryRequest
from tapiary.api.tractor.models import Error

if TYPE_CHECKING:
    from tapiary.services import Services

DESCRIPTION = """From packet captures to labelled, enriched flows.

Make a token by `tapiary token create NAME` and send it as `Authorization: Bearer TOKEN`. Every path below also answers
without `/api/v1`. Errors are always `{"status", "code", "message"}`.

Countries, cities and networks come from the geographic data that are installed beside the server. What their licences
ask to be shown wherever these are shown is in the header `X-Attribution` of answers that may hold such, and at `/`."""
#: What a page of ours may load and do: nothing from elsewhere. Swagger's page has inline scripts and styles.
CONTENT_SECURITY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
)


class TapiaryApp(OpenAPI):
    """Flask with generated documentation, and requests whose uploads go straight to the repository's disk."""

    request_class = TapiaryRequest

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
    """The WSGI app over the services; nothing is started."""
    app = TapiaryApp(
        "tapiary",
        info=Info(title="Tapiary", version=__version__, description=DESCRIPTION),
        security_schemes={"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "tap_…"}},
        validation_error_status=400,
        validation_error_model=Error,
        validation_error_callback=errors.invalid,
        static_folder=None,
    )
    app.extensions["tapiary"] = services
    app.url_map.strict_slashes = False
    errors.register(app)
    tractor.register(app)
    _add_public_routes(app, services)
    app.after_request(_add_headers)
    app.after_request(lambda response: _add_attribution(response, services))
    security.protect(app, services, tractor.RIGHTS, tractor.UPLOADS)
    return app


def _add_public_routes(app: TapiaryApp, services: Services) -> None:
    def health() -> dict[str, Any]:
        return {"status": "ok", "version": __version__}

    def root() -> Response:
        return Response(root_page(services.attribution()), mimetype="text/html")

    def docs() -> BaseResponse:
        return redirect("/openapi/swagger")

    app.add_url_rule("/health", "health", health)
    app.add_url_rule("/", "root", root)
    app.add_url_rule("/docs", "docs", docs)


def _add_headers(response: Response) -> Response:
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
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
