"""Whether the sender of a request may do what it asks for.

Each dialect has one table of its routes' rights. A route without an entry stops the start, so nothing is open by
being forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flask import Flask, g, request
from flask_wtf import CSRFProtect  # type: ignore[import-untyped]

from tapiary.accounts import Actor, Right
from tapiary.api.dialect import MAX_BODY_BYTES, Dialect
from tapiary.api.identity import Identity
from tapiary.errors import Forbidden, InternalError
from tapiary.telemetry import counter, logger

if TYPE_CHECKING:
    from tapiary.services import Services

log = logger("api")
_refused = counter("api", "refused_requests")

#: Endpoints, or blueprints, that everybody may see: they hold nothing of the users, or ask for a token of drones.
PUBLIC = frozenset({"health", "hive", "root", "docs", "openapi", "swagger", "wheel"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def protect(app: Flask, services: Services, dialects: Mapping[str, Dialect]) -> None:
    """Let the app check every request; dialects: by the name of their blueprint."""
    if services.config.server.anonymous:
        log.warning("server.anonymous is on: whoever reaches this server may read, change and delete captures")
    _check_complete(app, dialects)
    identity = Identity(services)
    csrf = CSRFProtect(app)

    def check() -> None:
        endpoint = request.endpoint
        if endpoint is None or _is_public(endpoint):
            return
        blueprint, _, name = endpoint.rpartition(".")
        dialect = dialects[blueprint]
        request.max_content_length = dialect.bodies.get(name, MAX_BODY_BYTES)
        if request.method == "OPTIONS":
            return
        right = dialect.rights[name]
        by_cookie = dialect.forms
        if right is not None:
            actor, from_session = identity.actor(dialect.visitor)
            _check_right(actor, right, name, dialect)
            g.actor = actor
            by_cookie = by_cookie or from_session
        if by_cookie and request.method not in SAFE_METHODS:
            csrf.protect()

    app.before_request(check)


def _check_right(actor: Actor, right: Right, name: str, dialect: Dialect) -> None:
    if actor.must_change_password and name not in dialect.unready:
        _refused.add()
        raise Forbidden(
            "the password is a one-time password: change it first, by PUT /api/v1/users/@me or at /account",
            code="must_change_password",
        )
    if not actor.has(right.permission):
        _refused.add()
        raise Forbidden(f"the user {actor.name!r} lacks the permission {right.permission.name}")
    if not actor.may(right):
        _refused.add()
        raise Forbidden(f"the token of {actor.name!r} lacks the scope {right.scope!r}")


def _is_public(endpoint: str) -> bool:
    return endpoint in PUBLIC or endpoint.partition(".")[0] in PUBLIC


def _check_complete(app: Flask, dialects: Mapping[str, Dialect]) -> None:
    for rule in app.url_map.iter_rules():
        blueprint, _, name = rule.endpoint.rpartition(".")
        known = blueprint in dialects and name in dialects[blueprint].rights
        if not _is_public(rule.endpoint) and not known:
            raise InternalError(f"the route {rule.rule} declares no right")
