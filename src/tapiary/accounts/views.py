"""What the room shows of users, levels, tokens, logins and the audit log; times are Unix seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tapiary.accounts.actor import SCOPES, Permission, Scope
from tapiary.database import Audit, Level, Login, Token, User


@dataclass(frozen=True, slots=True)
class UserView:
    """A user without the password; `email` is empty where there is none."""

    id: int
    name: str
    email: str
    level: int
    #: Logs in by LDAP.
    ldap: bool
    created_at: float
    last_login_at: float | None
    #: The password was made by the program and must be changed at the first login.
    one_time_password: bool
    #: There is a password here; without one, and without LDAP, nobody can log in as this user.
    has_password: bool = True


@dataclass(frozen=True, slots=True)
class LevelView:
    """An authorization level: its number is key and rank at once, 1 is the highest."""

    level: int
    name: str
    permissions: Permission


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token without its secret; `owner` is None for one of the time before there were users."""

    id: int
    name: str
    owner: str | None
    scopes: tuple[Scope, ...]
    created_at: float
    expires_at: float | None
    last_used_at: float | None
    revoked_at: float | None


@dataclass(frozen=True, slots=True)
class LoginView:
    """A login, with the identifier of the one refresh token that is good for it now."""

    id: str
    refresh_id: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class AuditView:
    """One row of the audit log; `details` hold names of fields and numbers, never a secret."""

    id: int
    at: float
    user_id: int | None
    user_name: str
    address: str
    #: How the user proved who it is: password, token:3, login:1f0a22c4, page:…, local.
    means: str
    action: str
    object: str
    details: dict[str, Any] | None


def user_view(user: User) -> UserView:
    """The row as it is shown."""
    return UserView(user.id, user.name, user.email or "", user.level, user.ldap, user.created_at,
                    user.last_login_at, user.one_time_password, user.password_hash is not None)


def level_view(level: Level) -> LevelView:
    """The row as it is shown."""
    return LevelView(level.level, level.name, Permission(level.permissions))


def token_view(token: Token, owner: str | None) -> TokenView:
    """The row as it is shown."""
    scopes = tuple(scope for scope in SCOPES if scope in token.rights)
    return TokenView(token.id, token.name, owner, scopes, token.created_at, token.expires_at, token.last_used_at,
                     token.revoked_at)


def login_view(login: Login) -> LoginView:
    """The row as it is shown."""
    return LoginView(login.id, login.refresh_id or "", login.expires_at)


def audit_view(row: Audit) -> AuditView:
    """The row as it is shown."""
    return AuditView(row.id, row.at, row.user_id, row.user_name, row.address, row.means, row.action, row.object,
                     row.details)
