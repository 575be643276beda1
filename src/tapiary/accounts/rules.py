"""Who may change whom: TCI's rank rules for users and levels.

A smaller level number is a higher rank. Nobody changes a user or level that outranks them, puts anybody above
themselves, or gives away permissions that they lack, be it by way of a password that they would then know.
"""

from __future__ import annotations

from tapiary.accounts.actor import NONE, Actor, Permission, Right
from tapiary.errors import Forbidden


def require(actor: Actor, permission: Permission = NONE) -> None:
    """Raise Forbidden unless the actor has the permission, and no token that is limited to reading and writing.

    Whoever changes accounts can make an account or a token that is limited by nothing, so a limited token may not.
    """
    if not actor.has(permission):
        raise Forbidden(f"this needs the permission {permission.name}")
    if not actor.may(Right("admin", permission)):
        raise Forbidden("this token is limited: changing accounts and tokens needs its scope admin", code="scope")


def check_rank(actor: Actor, level: int, what: str, field: str | None = None) -> None:
    """Raise Forbidden when the level outranks the actor; `what` has it, as `user 'admin'`."""
    if level < actor.level:
        raise Forbidden(f"{what} has a higher rank (level {level}) than yours ({actor.level})", field=field)


def check_grant(actor: Actor, granted: int, field: str) -> None:
    """Raise Forbidden when the actor lacks one of the permissions that it would give away."""
    lacking = Permission(granted & int(Permission.ADMIN)) & ~actor.permissions
    if lacking:
        raise Forbidden(f"{field}: nobody can give permissions that they lack ({names(lacking)})", field=field)


def names(permissions: Permission) -> str:
    """The permissions as text: `MODIFY_USERS, VIEW_LOG`, `ADMIN`, or `none`."""
    if permissions == Permission.ADMIN:
        return "ADMIN"
    known = [p.name or "" for p in Permission if p != Permission.ADMIN and p in permissions]
    rest = int(permissions) & 32
    return ", ".join([*known, *(["bit 32 of ADMIN"] if rest else [])]) or "none"
