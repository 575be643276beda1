"""Logging in and out."""

from __future__ import annotations

from pytci._calls._base import call, nothing
from pytci._effects import Plan
from pytci._effects import session as current
from pytci._model import one
from pytci._session import basic, renew_now
from pytci.models import Identity, User


def login(username: str, password: str) -> Plan[Identity]:
    """Log in with a name and a password, and use the tokens of that from now on.

    When the access token expires, a new one is had by the refresh token without further ado. Raises Unauthorized
    for a wrong name or password, RateLimited after too many of those.
    """
    identity = yield from call(
        "GET", "/token", one(Identity), authorization=basic(username, password), wait_out=False
    )
    return (yield from current()).adopt(identity)


def refresh_token() -> Plan[Identity]:
    """Get new tokens by the refresh token of the login, which is void afterwards.

    Needed rarely, as calls that are refused for an expired access token do so by themselves. Raises PyTCIError
    without a login, Unauthorized when the refresh token has expired too.
    """
    return (yield from renew_now((yield from current())))


def logout() -> Plan[None]:
    """End the login, so that its tokens are void, and forget the token.

    An application token is forgotten only: it stays valid until it is deleted.
    """
    session = yield from current()
    if session.refresh is not None:
        yield from call("DELETE", "/token", nothing)
    session.use(None)


def get_me() -> Plan[User]:
    """The user whose token is used."""
    return call("GET", "/users/@me", one(User))
