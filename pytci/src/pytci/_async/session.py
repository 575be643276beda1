# Written by tools/make_methods.py: change the calls that it follows from, then run it.
"""Logging in and out."""

from __future__ import annotations

from pytci._calls import session as _calls
from pytci._runners import AsyncRunner
from pytci.models import Identity, User


class Session(AsyncRunner):
    """Logging in and out."""

    async def login(self, username: str, password: str) -> Identity:
        """Log in with a name and a password, and use the tokens of that from now on.

        When the access token expires, a new one is had by the refresh token without further ado. Raises Unauthorized
        for a wrong name or password, RateLimited after too many of those.
        """
        return await self._run(_calls.login(username, password))

    async def refresh_token(self) -> Identity:
        """Get new tokens by the refresh token of the login, which is void afterwards.

        Needed rarely, as calls that are refused for an expired access token do so by themselves. Raises PyTCIError
        without a login, Unauthorized when the refresh token has expired too.
        """
        return await self._run(_calls.refresh_token())

    async def logout(self) -> None:
        """End the login, so that its tokens are void, and forget the token.

        An application token is forgotten only: it stays valid until it is deleted.
        """
        return await self._run(_calls.logout())

    async def get_me(self) -> User:
        """The user whose token is used."""
        return await self._run(_calls.get_me())
