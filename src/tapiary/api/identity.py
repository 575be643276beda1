"""Who sends a request: by the Authorization header, or by the browser's session cookie.

The cookie counts only where there is no such header: what a browser sends by itself never adds to what a program
sends on purpose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from flask import request, session

from tapiary.accounts import ANYONE, Actor
from tapiary.api import jwts
from tapiary.errors import Forbidden, Unauthenticated
from tapiary.telemetry import counter

if TYPE_CHECKING:
    from tapiary.services import Services

_refused = counter("api", "refused_requests")

#: The one thing that the session cookie holds of ours, beside Flask-WTF's CSRF value.
LOGIN = "login"


class Identity:
    """Finds the actor of the present request."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._anonymous = services.config.server.anonymous

    def actor(self, own: Callable[[Services], Actor | None] | None = None) -> tuple[Actor, bool]:
        """The actor, and whether the session's cookie says so; own: `Dialect.visitor`. Raises Unauthenticated."""
        header = request.headers.get("Authorization")
        if header is not None:
            return self._of_header(header), False
        if own is not None and (actor := own(self._services)) is not None:
            return actor, False
        if (actor := visitor(self._services)) is not None:
            return actor, True
        if not self._anonymous:
            _refused.add()
            raise Unauthenticated("send Authorization: Bearer TOKEN; tokens are made at /tokens")
        # Without logins there is nothing that a foreign page could not send as well, save that browsers tell.
        if request.method not in ("GET", "HEAD") and request.headers.get("Sec-Fetch-Site") == "cross-site":
            raise Forbidden("requests from other sites' pages are refused")
        return replace(ANYONE, address=request.remote_addr or ""), False

    def _of_header(self, header: str) -> Actor:
        scheme, _, token = header.partition(" ")
        token = token.strip()
        actor = None
        if scheme.lower() == "bearer" and token:
            # TCI's order: whatever is no good access JWT may still be an application token.
            actor = jwts.actor_of(self._services, token) or self._services.accounts.verify(
                token, address=request.remote_addr or ""
            )
        if actor is None:
            _refused.add()
            raise Unauthenticated("Authorization: the token is not valid, has expired, or was revoked")
        return actor


def visitor(services: Services) -> Actor | None:
    """Who is logged in by the browser's session, if anybody is."""
    login_id = session.get(LOGIN)
    if not isinstance(login_id, str):
        return None
    return services.accounts.logins.actor(login_id, address=request.remote_addr or "")
