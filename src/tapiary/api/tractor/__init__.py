"""The Tractor dialect: the documented routes under /api/v1 and without that prefix, and more in their style."""

from __future__ import annotations

from flask_openapi3 import APIBlueprint, OpenAPI

from tapiary.api.dialect import MAX_BODY_BYTES, Dialect
from tapiary.api.tractor.models import Error
from tapiary.api.tractor.rights import PLACES, RIGHTS, UPLOADS
from tapiary.api.tractor.wire import error

__all__ = ["PLACES", "RIGHTS", "UPLOADS", "dialect", "register"]

PREFIX = "/api/v1"


def dialect(max_upload_bytes: int) -> Dialect:
    """How the app guards these routes; max_upload_bytes: 0 for no limit."""
    # A form has a head around its file; the exact limit is kept where the file's own bytes are counted.
    largest = max_upload_bytes + MAX_BODY_BYTES if max_upload_bytes else None
    return Dialect(RIGHTS, error, bodies=dict.fromkeys(UPLOADS, largest))


def register(app: OpenAPI) -> None:
    """Add the routes to the app, and its documentation of them once."""
    from tapiary.api.tractor import access, downloads, file, files, flows, server, uploads
    from tapiary.api.tractor.describe import describe_columns, describe_offset

    blueprint = APIBlueprint(
        "tractor",
        __name__,
        abp_security=[{"bearer": []}],
        abp_responses={400: Error, 401: Error, 403: Error, 404: Error, 500: Error},
    )
    for module in (files, file, flows, downloads, uploads, server):
        module.add_routes(blueprint)
    blueprint.before_request(access.check_job)
    describe_columns(blueprint)
    describe_offset(blueprint)
    app.register_api(blueprint, url_prefix=PREFIX)
    app.register_blueprint(blueprint, name="tractor_bare", url_prefix="/")
