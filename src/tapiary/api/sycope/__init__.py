"""Sycope's dialect: custom indexes, injection, NQL queries, lookups and inventory under /npm/api/v1, and ours beside.

What the routes take and answer is what Sycope's document and its public clients send and read.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from flask_openapi3 import APIBlueprint, OpenAPI

from tapiary.accounts import Right
from tapiary.api.dialect import Dialect
from tapiary.api.sycope.answers import SycopeError, error
from tapiary.api.sycope.cookie import refuse_other_sites, visitor

__all__ = ["MODULES", "PREFIX", "dialect", "register"]

PREFIX = "/npm/api/v1"
#: The modules with routes: each has `add_routes(blueprint)` and `RIGHTS` by the routes' endpoints.
MODULES = ("session",)


def dialect() -> Dialect:
    """How the app guards these routes."""
    rights: dict[str, Right | None] = {}
    for module in _modules():
        rights |= module.RIGHTS
    return Dialect(rights, error, prefix=PREFIX, visitor=visitor)


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
    app.register_api(blueprint, url_prefix=PREFIX)


def _modules() -> list[ModuleType]:
    return [import_module(f"{__name__}.{name}") for name in MODULES]
