"""What several files of the room ask the database: a user by name, a level by number, who has ADMIN."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tapiary.accounts.actor import SCOPES, Actor, Permission, Scope
from tapiary.accounts.naming import name_key
from tapiary.database import Database, Level, User
from tapiary.errors import Conflict, NotFound

_ADMIN = int(Permission.ADMIN)


@contextmanager
def changing(database: Database) -> Iterator[Session]:
    """A session that changes rows; Conflict where somebody else's change at the same moment came first."""
    try:
        with database.session() as session:
            yield session
    except IntegrityError:
        raise Conflict("somebody changed the same thing at the same moment; look at it and try again") from None


def find_user(session: Session, name: str) -> User:
    """The user of that name, in whatever case. Raises NotFound."""
    user = session.scalar(select(User).where(User.name_key == name_key(name)))
    if user is None:
        raise NotFound(f"username: there is no user {name!r}", field="username")
    return user


def find_level(session: Session, number: int) -> Level:
    """The level of that number. Raises NotFound."""
    # No database has an integer beyond this, and some do not even take the question.
    level = session.get(Level, number) if abs(number) < 1 << 31 else None
    if level is None:
        raise NotFound(f"level: there is no level {number}", field="level")
    return level


def lowest_level(session: Session) -> int | None:
    """The largest number of a level: the lowest rank."""
    return session.scalar(select(func.max(Level.level)))


def admins() -> Select[Any]:
    """The users with ADMIN, the highest rank and oldest first."""
    bits = Level.permissions.op("&")(_ADMIN)
    return select(User).join(Level, Level.level == User.level).where(bits == _ADMIN).order_by(User.level, User.id)


def can_log_in() -> ColumnElement[bool]:
    """Users with a password here, or one at the LDAP server."""
    return or_(User.password_hash.is_not(None), User.ldap.is_(True))


@contextmanager
def keeping_an_admin(session: Session) -> Iterator[None]:
    """Raise Conflict when what the block changes leaves nobody with ADMIN, or none of them able to log in."""
    # Two who take the last two away at the same moment must not both see the other (SQLite lets one write anyway).
    session.execute(select(Level.level).with_for_update())
    before = _admins_left(session)
    yield
    session.flush()
    if _admins_left(session) < before:
        raise Conflict("the last user with ADMIN may be neither deleted nor demoted; make another one first",
                       code="last_admin")


def _admins_left(session: Session) -> int:
    """2 when a user with ADMIN can log in, 1 when there is one at all, else 0."""
    if session.scalar(admins().where(can_log_in()).limit(1)) is not None:
        return 2
    return 1 if session.scalar(admins().limit(1)) is not None else 0


def actor_of(
    user: User, permissions: int, *, means: str, address: str = "", scopes: frozenset[Scope] = frozenset(SCOPES),
    login_id: str | None = None,
) -> Actor:
    """The user as somebody who acts, with the permissions of the level that the user has now.

    A one-time password is the concern of who logs in with it, not of the user's tokens.
    """
    return Actor(
        user.name, user.id, user.level, Permission(permissions), scopes, means, address, login_id,
        user.one_time_password and not means.startswith("token:"),
    )
