"""Sycope's dialect: custom indexes, injection, NQL queries, lookups and inventory under /npm/api/v1, and ours beside.

What the routes take and answer is what Sycope's document and its public clients send and read.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from flask_openapi3 import APIBlueprint, OpenAPI

from tapiary.accounts import Right
from tapiary.api.dialect import Dialect
from tapiary.api.sycope.answers import PREFIX, SycopeError, error
from tapiary.api.sycope.bodies import pass_over
from tapiary.api.sycope.cookie import refuse_other_sites, visitor

__all__ = ["MODULES", "dialect", "register"]

#: The modules with routes: each has `add_routes(blueprint)`, `RIGHTS` by the routes' endpoints, and where the route
#: minds the size of bodies itself `BODIES`.
MODULES = ("session", "elements", "indexes", "injection", "lookups", "devices", "queries", "doubled")


def dialect(max_body_bytes: int) -> Dialect:
    """How the app guards these routes; max_body_bytes: largest lookup."""
    rights: dict[str, Right | None] = {}
    bodies: dict[str, int | None] = dict.fromkeys(("lookup_create", "lookup_edit"), max_body_bytes)
    for module in _modules():
        rights |= module.RIGHTS
        bodies |= getattr(module, "BODIES", {})
    return Dialect(rights, error, bodies=bodies, prefix=PREFIX, visitor=visitor)


def register(app: OpenAPI) -> None:
    """Add the routes to the app and to its documentation."""
    blueprint = APIBlueprint(
        "sycope",
        __name__,
        abp_security=[{"session": []}, {"bearer": []}],
        abp_responses={400: SycopeError, 401: SycopeError, 403: SycopeError, 404: SycopeError, 500: SycopeError},
    )
    for module in _modules():
        module.add_routes(blueprint)
    blueprint.before_request(refuse_other_sites)
    blueprint.before_request(pass_over)
    app.register_api(blueprint, url_prefix=PREFIX)


def _modules() -> list[ModuleType]:
    return [import_module(f"{__name__}.{name}") for name in MODULES]
