"""The session of Sycope's clients: one cookie, which names a login and is signed.

Clients send no CSRF token. So the cookie is kept from other sites three times: browsers do not send it along
(SameSite=Strict), requests that a browser says are another site's are refused, and no route takes a form.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Response, request
from itsdangerous import BadSignature, Signer

from tapiary.api.context import services
from tapiary.api.jwts import derived_key
from tapiary.errors import Forbidden
from tapiary.telemetry import counter

if TYPE_CHECKING:
    from tapiary.accounts import Actor
    from tapiary.services import Services

_refused = counter("api", "refused_requests")

NAME = "sycope"
#: Other dialects never see the cookie.
PATH = "/npm"


def login_id(services: Services) -> str | None:
    """The login that the request's cookie names; None where there is none, or it was not made here."""
    if (value := request.cookies.get(NAME)) is None:
        return None
    try:
        return _signer(services).unsign(value).decode()
    except BadSignature:
        return None


def visitor(services: Services) -> Actor | None:
    """Who is logged in by the request's cookie, if anybody is."""
    if (found := login_id(services)) is None:
        return None
    return services.accounts.logins.actor(found, address=request.remote_addr or "")


def give(response: Response, services: Services, login_id: str) -> None:
    """Let the answer set the cookie. No other may be set beside: some clients send back the first one alone."""
    server = services.config.server
    response.set_cookie(
        NAME,
        _signer(services).sign(login_id).decode(),
        path=PATH,
        httponly=True,
        samesite="Strict",
        secure=server.tls or server.url.startswith("https://"),
    )


def take_back(response: Response) -> None:
    """Let the answer delete the cookie."""
    response.delete_cookie(NAME, path=PATH, httponly=True, samesite="Strict")


def refuse_other_sites() -> None:
    """Raise Forbidden for a request that a browser sends on behalf of a page of another site.

    Programs say nothing of where they come from, and pass.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        ours = site in ("same-origin", "none")
    else:  # a browser from before 2023, which sends Origin with whatever changes something
        own = {request.host, urlsplit(services().config.server.url).netloc}
        ours = origin is None or urlsplit(origin).netloc in own - {""}
    if not ours:
        _refused.add()
        raise Forbidden("requests from other sites' pages are refused")


def _signer(services: Services) -> Signer:
    return Signer(derived_key(services.secret_key, "npm"), salt="sycope", digest_method=hashlib.sha256)
