"""Actors: who sends a request, and the question "may this actor do that?"."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntFlag
from typing import Literal

#: What a token may be limited to: look; bring, change, order and delete; administer. `admin` implies the others.
Scope = Literal["read", "write", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "write", "admin")


class Permission(IntFlag):
    """TCI's permission bits; ADMIN is all of them and the one unnamed bit, and is needed exactly."""

    MODIFY_USERS = 1
    MODIFY_AUTHORIZATIONS = 2
    VIEW_LOG = 4
    JOB_MASTER = 8
    SCRIPT_MASTER = 16
    ADMIN = 63


#: Needs, or has, nothing.
NONE = Permission(0)


@dataclass(frozen=True, slots=True)
class Right:
    """What a route or an action asks for: a scope of the token, and permission bits of its owner."""

    scope: Scope
    permission: Permission = NONE


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who acts: a user by password, token or session, anyone where that is switched on, or the shell."""

    name: str
    user_id: int | None = None
    #: The user's authorization level: a smaller number is a higher rank.
    level: int = 1 << 31
    permissions: Permission = NONE
    scopes: frozenset[Scope] = field(default_factory=frozenset)
    #: How the actor proved who it is, for the audit log: password, token:<id>, login:<id>, page:<id>, npm:<id>, local.
    means: str = ""
    #: The address that the request came from.
    address: str = ""
    login_id: str | None = None
    #: The password must be changed before anything else.
    must_change_password: bool = False

    def has(self, permission: Permission) -> bool:
        """Whether all bits of the permission are set."""
        return self.permissions & permission == permission

    def may(self, right: Right) -> bool:
        """Whether both the scope and the permission of a right are there."""
        return (right.scope in self.scopes or "admin" in self.scopes) and self.has(right.permission)

    def may_access(self, owner_id: int | None, owner_level: int) -> bool:
        """Whether a thing of this owner is the actor's to see and change (TCI's rule for jobs).

        The owner may; whoever strictly outranks the owner may; who has JOB_MASTER may.
        """
        own = self.user_id is not None and owner_id == self.user_id
        return own or owner_level > self.level or self.has(Permission.JOB_MASTER)


READ, WRITE = Right("read"), Right("write")
ADMINISTER = Right("admin", Permission.ADMIN)

#: The actor of requests without a token where `server.anonymous` is on: files and results, not the server itself.
ANYONE = Actor("anonymous", scopes=frozenset({"read", "write"}))
#: Whoever can start the program on the server's own data: may everything.
LOCAL = Actor("local", level=0, permissions=Permission.ADMIN, scopes=frozenset(SCOPES), means="local")
