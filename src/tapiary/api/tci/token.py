"""/token: logins of programs, by JSON Web Tokens."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, request
from flask_openapi3 import APIBlueprint, Tag
from pydantic import Field

from tapiary.accounts import READ, Actor, LoginView, Right
from tapiary.api import jwts
from tapiary.api.context import actor, services
from tapiary.api.dialect import PUBLIC
from tapiary.api.tci.answers import NO_STORE, TciError, nothing, reply
from tapiary.api.tci.shapes import Model
from tapiary.errors import InvalidInput, Unauthenticated

TOKEN = Tag(name="token", description="Logging in and out")

#: The first has an authentication of its own (Basic), the second as well (a refresh token).
RIGHTS: dict[str, Right | None] = {"token_get": PUBLIC, "token_refresh": PUBLIC, "token_delete": READ}


class Identity(Model):
    """Who is logged in."""

    username: str
    email: str
    authorization_level: int


class Tokens(Model):
    """A pair of tokens, and how long they last."""

    access_token: str = Field(description="For all other routes")
    access_token_expires_in: int = Field(description="Seconds")
    refresh_token: str = Field(description="For the next pair, once")
    refresh_token_expires_in: int = Field(description="Seconds")
    identity: Identity


class Refusal(Model):
    """Why a refresh token is not accepted."""

    msg: str


class _WantsBasic(Unauthenticated):
    scheme = "Basic"


def token_get() -> Response:
    """Log in

    By name and password in `Authorization: Basic`.
    """
    given = request.authorization
    if given is None or given.type != "basic" or not given.username or not given.password:
        raise _WantsBasic("send name and password as Authorization: Basic")
    accounts, config = services().accounts, services().config.accounts
    address = request.remote_addr or ""
    try:
        user = accounts.logins.check_password(given.username, given.password, address=address)
    except Unauthenticated as error:
        raise _WantsBasic(error.message) from None
    login = accounts.logins.begin(
        user, "jwt", lifetime_s=config.refresh_token_s, address=address, agent=request.user_agent.string
    )
    return _pair(login, user)


def token_refresh() -> Response:
    """Get a new pair of tokens

    By the refresh token in `Authorization: Bearer`; it is good for this once. One that comes a second time was stolen,
    or the answer to it: the login ends.
    """
    login_id, renewal = jwts.refresh_claims()
    logins = services().accounts.logins
    address = request.remote_addr or ""
    try:
        login = logins.rotate(
            login_id, renewal, lifetime_s=services().config.accounts.refresh_token_s, address=address
        )
        user = logins.actor(login.id, address=address)
        if user is None:
            raise Unauthenticated("the login has ended")
    except Unauthenticated as error:
        refusal = jsonify(Refusal(msg=error.message).model_dump())
        refusal.status_code = 401
        return refusal
    return _pair(login, user)


def token_delete() -> Response:
    """Log out: all tokens of this login end"""
    login_id = actor().login_id
    if login_id is None:
        raise InvalidInput("this is no token of a login; application tokens are ended by DELETE /applications/ID")
    services().accounts.logins.end(login_id)
    return nothing()


def _pair(login: LoginView, user: Actor) -> Response:
    config = services().config.accounts
    access, refresh = jwts.issue(login, user.name)
    view = services().accounts.users.get(user.name)
    return reply(
        Tokens(
            access_token=access,
            access_token_expires_in=config.access_token_s,
            refresh_token=refresh,
            refresh_token_expires_in=config.refresh_token_s,
            identity=Identity(username=view.name, email=view.email or "", authorization_level=view.level),
        ),
        headers=NO_STORE,
    )


def add_routes(blueprint: APIBlueprint) -> None:
    """Add this module's routes."""
    limited: dict[str | int, Any] = {429: TciError, 503: TciError}
    refused: dict[str | int, Any] = {401: Refusal, 422: Refusal}
    blueprint.get("/token", tags=[TOKEN], responses={200: Tokens, **limited})(token_get)
    blueprint.post("/token", tags=[TOKEN], responses={200: Tokens, **refused})(token_refresh)
    blueprint.delete("/token", tags=[TOKEN], responses={204: None})(token_delete)
    blueprint.paths["/token"].get.security = [{"basic": []}]
