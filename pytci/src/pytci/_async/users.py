# Written by tools/make_methods.py: change the calls that it follows from, then run it.
"""Users and their levels of authorization."""

from __future__ import annotations

from pytci._calls import users as _calls
from pytci._runners import AsyncRunner
from pytci.models import AuthorizationLevel, Permission, User


class Users(AsyncRunner):
    """Users and their levels of authorization."""

    async def get_users(self) -> list[User]:
        """The users by name."""
        return await self._run(_calls.get_users())

    async def get_user(self, username: str) -> User:
        """A user; "@me" is the one whose token is used."""
        return await self._run(_calls.get_user(username))

    async def create_user(self, username: str, email: str, password: str, authorization_level: int) -> User:
        """Make a user. Needs MODIFY_USERS, and a level not above one's own."""
        return await self._run(_calls.create_user(username, email, password, authorization_level))

    async def edit_user(
        self,
        username: str,
        *,
        email: str | None = None,
        password: str | None = None,
        authorization_level: int | None = None,
    ) -> User:
        """Change a user: oneself ("@me" or by name), or others with MODIFY_USERS."""
        return await self._run(_calls.edit_user(
            username,
            email=email,
            password=password,
            authorization_level=authorization_level,
        ))

    async def delete_user(self, username: str) -> None:
        """Delete a user. Needs MODIFY_USERS."""
        return await self._run(_calls.delete_user(username))

    async def get_authorization_levels(self) -> list[AuthorizationLevel]:
        """The levels by number; 1 is the top."""
        return await self._run(_calls.get_authorization_levels())

    async def get_authorization_level(self, level: int) -> AuthorizationLevel:
        """A level."""
        return await self._run(_calls.get_authorization_level(level))

    async def get_permissions(self) -> list[Permission]:
        """The permissions and their bits."""
        return await self._run(_calls.get_permissions())

    async def create_authorization_level(self, level: int, name: str, permissions: int) -> AuthorizationLevel:
        """Make a level; permissions is the sum of bits. Needs MODIFY_AUTHORIZATIONS and those permissions oneself."""
        return await self._run(_calls.create_authorization_level(level, name, permissions))

    async def edit_authorization_level(
        self,
        level: int,
        *,
        name: str | None = None,
        permissions: int | None = None,
    ) -> AuthorizationLevel:
        """Change a level's name or permissions. Needs MODIFY_AUTHORIZATIONS."""
        return await self._run(_calls.edit_authorization_level(level, name=name, permissions=permissions))

    async def delete_authorization_level(self, level: int) -> None:
        """Delete a level that no user has. Needs MODIFY_AUTHORIZATIONS."""
        return await self._run(_calls.delete_authorization_level(level))
