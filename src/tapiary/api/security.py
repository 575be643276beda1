"""Who sends a request, and whether that actor may do what the request asks for.

Each dialect has one table of its routes' rights. A route without an entry stops the start, so nothing is open by
being forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flask import Flask, g, request

from tapiary.accounts import ANYONE, Actor, Right
from tapiary.errors import Forbidden, InternalError, Unauthenticated
from tapiary.telemetry import counter, logger

if TYPE_CHECKING:
    from tapiary.services import Services

log = logger("api")
_refused = counter("api", "refused_requests")

#: Endpoints, or blueprints, that everybody may see: they hold nothing of the users.
PUBLIC = frozenset({"health", "root", "docs", "static", "openapi", "swagger"})
#: Bodies of requests that are no uploads: JSON of a few names. (Precedent: nginx's client_max_body_size, 1 MB.)
MAX_BODY_BYTES = 1 << 20


def protect(app: Flask, services: Services, rights: Mapping[str, Right], uploads: frozenset[str]) -> None:
    """Let the app check every request.

    rights: by endpoint name without its blueprint; uploads: those whose bodies have no limit here.
    """
    anonymous = services.config.server.anonymous
    limit = services.config.repository.max_upload_bytes
    if anonymous:
        log.warning("server.anonymous is on: whoever reaches this server may read, change and delete captures")
    _check_complete(app, rights)

    def check() -> None:
        endpoint = request.endpoint
        if endpoint is None or endpoint in PUBLIC or endpoint.partition(".")[0] in PUBLIC:
            return
        name = endpoint.rpartition(".")[2]
        # A form has a head around its file; the exact limit is kept where the file's own bytes are counted.
        largest_upload = limit + MAX_BODY_BYTES if limit else None
        request.max_content_length = largest_upload if name in uploads else MAX_BODY_BYTES
        if request.method == "OPTIONS":
            return
        actor = _actor(services, anonymous)
        right = rights[name]
        if not actor.may(right):
            _refused.add()
            raise Forbidden(f"the token {actor.name!r} lacks the right {right!r}")
        g.actor = actor

    app.before_request(check)


def _actor(services: Services, anonymous: bool) -> Actor:
    header = request.headers.get("Authorization")
    if header is None:
        if anonymous:
            return ANYONE
        _refused.add()
        raise Unauthenticated("send Authorization: Bearer TOKEN; tokens are made by `tapiary token create`")
    scheme, _, token = header.partition(" ")
    actor = services.accounts.verify(token.strip()) if scheme.lower() == "bearer" else None
    if actor is None:
        _refused.add()
        raise Unauthenticated("Authorization: the token is not valid, or was revoked")
    return actor


def _check_complete(app: Flask, rights: Mapping[str, Right]) -> None:
    for rule in app.url_map.iter_rules():
        public = rule.endpoint in PUBLIC or rule.endpoint.partition(".")[0] in PUBLIC
        if not public and rule.endpoint.rpartition(".")[2] not in rights:
            raise InternalError(f"the route {rule.rule} declares no right")
