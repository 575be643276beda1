"""Users and their levels of authorization."""

from __future__ import annotations

from pytci._calls._base import call, given, nothing, segment
from pytci._effects import Plan
from pytci._model import many, one
from pytci.models import AuthorizationLevel, Permission, User


def get_users() -> Plan[list[User]]:
    """The users by name."""
    return call("GET", "/users", many(User))


def get_user(username: str) -> Plan[User]:
    """A user; "@me" is the one whose token is used."""
    return call("GET", f"/users/{segment(username)}", one(User))


def create_user(username: str, email: str, password: str, authorization_level: int) -> Plan[User]:
    """Make a user. Needs MODIFY_USERS, and a level not above one's own."""
    body = {"username": username, "email": email, "password": password, "authorization_level": authorization_level}
    return call("POST", "/users", one(User), body)


def edit_user(
    username: str,
    *,
    email: str | None = None,
    password: str | None = None,
    authorization_level: int | None = None,
) -> Plan[User]:
    """Change a user: oneself ("@me" or by name), or others with MODIFY_USERS."""
    body = given(email=email, password=password, authorization_level=authorization_level)
    return call("PUT", f"/users/{segment(username)}", one(User), body)


def delete_user(username: str) -> Plan[None]:
    """Delete a user. Needs MODIFY_USERS."""
    return call("DELETE", f"/users/{segment(username)}", nothing)


def get_authorization_levels() -> Plan[list[AuthorizationLevel]]:
    """The levels by number; 1 is the top."""
    return call("GET", "/authorizations", many(AuthorizationLevel))


def get_authorization_level(level: int) -> Plan[AuthorizationLevel]:
    """A level."""
    return call("GET", f"/authorizations/{level:d}", one(AuthorizationLevel))


def get_permissions() -> Plan[list[Permission]]:
    """The permissions and their bits."""
    return call("GET", "/authorizations/permissions", many(Permission))


def create_authorization_level(level: int, name: str, permissions: int) -> Plan[AuthorizationLevel]:
    """Make a level; permissions is the sum of bits. Needs MODIFY_AUTHORIZATIONS and those permissions oneself."""
    body = {"level": level, "name": name, "permissions": permissions}
    return call("POST", "/authorizations", one(AuthorizationLevel), body)


def edit_authorization_level(
    level: int, *, name: str | None = None, permissions: int | None = None
) -> Plan[AuthorizationLevel]:
    """Change a level's name or permissions. Needs MODIFY_AUTHORIZATIONS."""
    body = given(name=name, permissions=permissions)
    return call("PUT", f"/authorizations/{level:d}", one(AuthorizationLevel), body)


def delete_authorization_level(level: int) -> Plan[None]:
    """Delete a level that no user has. Needs MODIFY_AUTHORIZATIONS."""
    return call("DELETE", f"/authorizations/{level:d}", nothing)
