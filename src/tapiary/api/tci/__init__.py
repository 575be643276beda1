"""TCI's dialect: the documented routes under /api/v1, and ours in their style."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from flask_openapi3 import APIBlueprint, OpenAPI

from tapiary.accounts import Right
from tapiary.api.dialect import Dialect
from tapiary.api.tci.answers import TciError, error
from tapiary.api.tci.statuses import status_of

__all__ = ["MODULES", "dialect", "register"]

PREFIX = "/api/v1"
#: The modules with routes: each has `add_routes(blueprint)`, `RIGHTS` by the routes' endpoints, and where bodies may
#: be larger than usual `BODIES`, their bytes.
MODULES = (
    "token",
    "users",
    "levels",
    "applications",
    "logs",
    "audit",
    "jobs",
    "job_files",
    "drones",
    "scripts",
    "destinations",
    "query",
    "triggers",
    "alerts",
)


def dialect() -> Dialect:
    """How the app guards these routes."""
    rights: dict[str, Right | None] = {}
    bodies: dict[str, int | None] = {}
    for module in _modules():
        rights |= module.RIGHTS
        bodies |= getattr(module, "BODIES", {})
    # Who has to change a one-time password may do that (the route itself looks at whose), and log in and out.
    unready = frozenset({"token_get", "token_refresh", "token_delete", "user_edit"})
    return Dialect(rights, error, status=status_of, bodies=bodies, unready=unready)


def register(app: OpenAPI) -> None:
    """Add the routes to the app and to its documentation."""
    blueprint = APIBlueprint(
        "tci",
        __name__,
        abp_security=[{"bearer": []}],
        abp_responses={400: TciError, 401: TciError, 403: TciError, 404: TciError, 500: TciError},
    )
    for module in _modules():
        module.add_routes(blueprint)
    app.register_api(blueprint, url_prefix=PREFIX)


def _modules() -> list[ModuleType]:
    return [import_module(f"{__name__}.{name}") for name in MODULES]
