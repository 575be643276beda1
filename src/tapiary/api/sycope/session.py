"""login and logout: a session by a cookie."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from flask_openapi3 import APIBlueprint, Tag

from tapiary.accounts import Right
from tapiary.api.context import services
from tapiary.api.dialect import PUBLIC
from tapiary.api.sycope import cookie
from tapiary.api.sycope.answers import Done, SycopeError, done
from tapiary.api.tci.shapes import Model
from tapiary.errors import Forbidden

SESSION = Tag(name="npm session", description="Logging in and out as Sycope's clients do")

RIGHTS: dict[str, Right | None] = {"login": PUBLIC, "logout": PUBLIC}


class Credentials(Model):
    """Who logs in."""

    username: str
    password: str


def login(body: Credentials) -> Response:
    """Log in

    The answer sets a cookie, which all other routes take. The login ends by `logout`, after accounts.session_idle_s
    without a request, and after accounts.session_s in any case. The routes take `Authorization: Bearer TOKEN` as well.
    """
    logins, address = services().accounts.logins, request.remote_addr or ""
    user = logins.check_password(body.username, body.password, address=address)
    if user.must_change_password:
        raise Forbidden(
            "the password is a one-time password: change it first, by PUT /api/v1/users/@me or at /account",
            code="must_change_password",
        )
    if (former := cookie.login_id(services())) is not None:
        logins.end(former)
    begun = logins.begin(
        user,
        "npm",
        lifetime_s=services().config.accounts.session_s,
        address=address,
        agent=request.user_agent.string,
    )
    response = done()
    cookie.give(response, services(), begun.id)
    return response


def logout() -> Response:
    """Log out: the login that the cookie names ends

    It is no error to be logged out already.
    """
    if (login_id := cookie.login_id(services())) is not None:
        services().accounts.logins.end(login_id)
    response = done()
    cookie.take_back(response)
    return response


def add_routes(blueprint: APIBlueprint) -> None:
    """Add this module's routes."""
    limited: dict[str | int, Any] = {429: SycopeError, 503: SycopeError}
    blueprint.post("/login", tags=[SESSION], responses={200: Done, **limited})(login)
    blueprint.get("/logout", tags=[SESSION], responses={200: Done})(logout)
    blueprint.paths["/login"].post.security = blueprint.paths["/logout"].get.security = []
