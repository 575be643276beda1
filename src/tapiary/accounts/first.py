"""The first start: there must be somebody who can administer the server."""

from __future__ import annotations

import time

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tapiary.accounts import passwords
from tapiary.accounts.actor import LOCAL, Permission
from tapiary.accounts.audit import AuditLog
from tapiary.accounts.naming import name_key
from tapiary.accounts.queries import admins, can_log_in, changing
from tapiary.database import Database, Level, Token, User

NAME, LEVEL_NAME = "admin", "Admin"


def first_user(database: Database, audit: AuditLog, *, password: bool) -> str | None:
    """Make the first user, adopt the tokens without an owner, and return a one-time password if one was made.

    Raises Conflict when another start made the user at the same moment: then it is there.
    """
    with database.session(write=False) as session:
        if not _is_needed(session, password):
            return None
    made = passwords.make() if password else ""
    hashed = passwords.hash_of(made) if password else None
    with changing(database) as session:
        if session.scalar(select(User.id).limit(1)) is None:
            session.add(User(name=NAME, name_key=name_key(NAME), level=_admin_level(session), created_at=time.time()))
            session.flush()
            audit.write(LOCAL, "user.create", NAME, {"first": True}, session=session)
        # Of two that start at the same moment, one goes on here, and the other sees what it did.
        session.execute(select(Level.level).with_for_update())
        admin = session.scalar(admins().limit(1))
        if admin is None:
            return None
        adopted = session.execute(
            update(Token).where(Token.user_id.is_(None)).values(user_id=admin.id).returning(Token.id)
        ).scalars().all()
        if adopted:
            audit.write(LOCAL, "token.adopt", admin.name, {"tokens": list(adopted)}, session=session)
        if hashed is None or session.scalar(select(User.id).where(can_log_in()).limit(1)) is not None:
            return None
        admin.password_hash, admin.one_time_password = hashed, True
        audit.write(LOCAL, "user.edit", admin.name, {"fields": ["password"], "first": True}, session=session)
        return made


def _is_needed(session: Session, password: bool) -> bool:
    """Whether anything is to be done: at nearly every start there is not."""
    if session.scalar(select(Token.id).where(Token.user_id.is_(None)).limit(1)) is not None:
        return True
    wanted = select(User.id).where(can_log_in()) if password else select(User.id)
    return session.scalar(wanted.limit(1)) is None


def _admin_level(session: Session) -> int:
    """The highest level with all permissions, made where there is none."""
    levels = session.scalars(select(Level).order_by(Level.level)).all()
    for level in levels:
        if level.permissions == Permission.ADMIN:
            return level.level
    number = 1
    if levels and levels[0].level == number:  # somebody made it otherwise, and left nobody to mend it
        levels[0].permissions = int(Permission.ADMIN)
        return number
    taken = {level.name for level in levels}
    session.add(Level(level=number, name=LEVEL_NAME if LEVEL_NAME not in taken else f"{LEVEL_NAME} {number}",
                      permissions=int(Permission.ADMIN)))
    session.flush()
    return number
