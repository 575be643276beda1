"""Users: made, changed and deleted under TCI's rank rules."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tapiary.accounts import passwords
from tapiary.accounts.actor import NONE, Actor, Permission
from tapiary.accounts.audit import AuditLog
from tapiary.accounts.first import first_user
from tapiary.accounts.logins import end_logins
from tapiary.accounts.naming import check_email, check_name, name_key
from tapiary.accounts.queries import actor_of, changing, find_user, keeping_an_admin
from tapiary.accounts.rules import check_grant, check_rank, require
from tapiary.accounts.views import UserView, user_view
from tapiary.database import Capture, Database, Destination, Level, User
from tapiary.errors import Conflict, InvalidInput


class Users:
    """The users in the database. `changed` is called after each change."""

    def __init__(self, database: Database, audit: AuditLog, changed: Callable[[], None]) -> None:
        self._database, self._audit, self._changed = database, audit, changed

    def list(self) -> list[UserView]:
        """All users by name."""
        with self._database.session(write=False) as session:
            return [user_view(user) for user in session.scalars(select(User).order_by(User.name_key))]

    def get(self, name: str, *, actor: Actor | None = None) -> UserView:
        """One user; case makes no difference. Raises NotFound, and Forbidden when the user outranks `actor`."""
        with self._database.session(write=False) as session:
            user = find_user(session, name)
        if actor is not None and not _is_self(actor, user):
            check_rank(actor, user.level, f"user {user.name!r}")
        return user_view(user)

    def actor(self, user_id: int, *, means: str) -> Actor | None:
        """A user as somebody who acts while away, with the rights that the user has now; None when the user is gone.

        `means` says by what, for the audit log (`trigger:3f…`). It may look, bring and order, never administer.
        """
        query = select(User, Level.permissions).join(Level, Level.level == User.level).where(User.id == user_id)
        with self._database.session(write=False) as session:
            row = session.execute(query).first()
        return None if row is None else actor_of(row[0], row[1], means=means, scopes=frozenset({"read", "write"}))

    def create(self, actor: Actor, *, username: str, email: str | None, password: str, level: int) -> UserView:
        """Make a user who logs in with a password.

        Raises Forbidden, InvalidInput (a field, or a level that does not exist), and Conflict where the name or the
        e-mail address is another user's.
        """
        require(actor, Permission.MODIFY_USERS)
        name, address = check_name(username), check_email(email or "")
        hashed = passwords.hash_of(passwords.check(password))
        with changing(self._database) as session:
            if session.scalar(select(User.id).where(User.name_key == name_key(name))) is not None:
                raise Conflict(f"username: there is a user {name!r} already", field="username")
            _check_email_free(session, address)
            _check_level(session, actor, level)
            user = User(name=name, name_key=name_key(name), email=address, password_hash=hashed, level=level,
                        created_at=time.time())
            session.add(user)
            self._audit.write(actor, "user.create", name, {"level": level}, session=session)
        self._changed()
        return user_view(user)

    def edit(
        self, actor: Actor, name: str, *, email: str | None = None, password: str | None = None,
        level: int | None = None,
    ) -> UserView:
        """Change a user; None leaves a field as it is, an empty `email` takes it away.

        Everybody may change the own password and e-mail address; the rest needs MODIFY_USERS. A new password ends
        all logins of the user but the one that changes it. Raises NotFound, Forbidden, InvalidInput, and Conflict:
        the address is another user's, the password is the LDAP server's, or nobody with ADMIN would be left.
        """
        hashed = None
        if password is not None:
            passwords.check(password)
            with self._database.session(write=False) as session:
                _find_for(session, actor, name)
            # Hashing takes a while, and a transaction that writes stops all others.
            hashed = passwords.hash_of(password)
        with changing(self._database) as session:
            user = _find_for(session, actor, name)
            fields = []
            if email is not None and (address := check_email(email)) != user.email:
                _check_email_free(session, address, user.id)
                user.email = address
                fields.append("email")
            if level is not None and level != user.level:
                _move(session, actor, user, level)
                fields.append("level")
            if hashed is not None:
                _set_password(session, actor, user, hashed)
                fields.append("password")
            if fields:
                self._audit.write(actor, "user.edit", user.name, {"fields": fields}, session=session)
        self._changed()
        return user_view(user)

    def delete(self, actor: Actor, name: str) -> None:
        """Delete a user with all logins and tokens.

        Raises NotFound, Forbidden, InvalidInput for oneself, and Conflict while captures or destinations are the
        user's, or when nobody with ADMIN would be left.
        """
        require(actor, Permission.MODIFY_USERS)
        with changing(self._database) as session:
            user = find_user(session, name)
            check_rank(actor, user.level, f"user {user.name!r}")
            if _is_self(actor, user):
                raise InvalidInput("username: nobody can delete themselves", field="username", code="self")
            for what, column in (("capture", Capture.owner_id), ("destination", Destination.owner_id)):
                count = session.scalar(select(func.count()).where(column == user.id)) or 0
                if count:
                    raise Conflict(f"user {user.name!r} owns {count} {what}{'s' if count > 1 else ''}; delete "
                                   f"{'those' if count > 1 else 'it'} first", field="username", code="in_use")
            with keeping_an_admin(session):
                session.delete(user)
            self._audit.write(actor, "user.delete", user.name, session=session)
        self._changed()

    def first(self, *, password: bool = True) -> str | None:
        """See to it that there is somebody to administer the server; call it at each start.

        Where there is no user at all: makes level 1 "Admin" with all permissions and the user `admin`. Gives tokens
        without an owner to the first user with ADMIN. Returns a new one-time password of that user when nobody
        could log in, to be shown this once; else None. Without `password` none is made.
        """
        try:
            made = first_user(self._database, self._audit, password=password)
        except Conflict:
            made = first_user(self._database, self._audit, password=password)
        self._changed()
        return made



def _is_self(actor: Actor, user: User) -> bool:
    return actor.user_id is not None and actor.user_id == user.id


def _find_for(session: Session, actor: Actor, name: str) -> User:
    """The user, if the actor may change something of it: the own account, or one that does not outrank."""
    user = find_user(session, name)
    own = _is_self(actor, user)
    require(actor, NONE if own else Permission.MODIFY_USERS)
    if not own:
        check_rank(actor, user.level, f"user {user.name!r}")
    return user


def _check_email_free(session: Session, email: str | None, user_id: int | None = None) -> None:
    if email is None:
        return
    found = session.scalar(select(User.id).where(func.lower(User.email) == email.lower()))
    if found is not None and found != user_id:
        raise Conflict(f"email: {email} is another user's", field="email")


def _check_level(session: Session, actor: Actor, level: int) -> None:
    """Raise unless the level exists and the actor may put somebody there."""
    row = session.get(Level, level) if 0 < level < 1 << 31 else None
    if row is None:
        raise InvalidInput(f"level: there is no level {level}", field="level")
    check_rank(actor, level, "level: it", "level")
    check_grant(actor, row.permissions, "level")


def _move(session: Session, actor: Actor, user: User, level: int) -> None:
    """Give the user another level."""
    require(actor, Permission.MODIFY_USERS)
    _check_level(session, actor, level)
    with keeping_an_admin(session):
        user.level = level


def _set_password(session: Session, actor: Actor, user: User, hashed: str) -> None:
    """Give the user another password, and end the logins that came of the former one."""
    if _is_self(actor, user):
        if user.ldap:
            raise Conflict(f"password: {user.name} logs in by LDAP; change the password there", field="password")
    else:
        # Whoever sets a password can log in with it, and so has what the user has.
        check_grant(actor, session.get_one(Level, user.level).permissions, "password")
        user.ldap = False
    user.password_hash, user.one_time_password = hashed, False
    end_logins(session, user.id, but=actor.login_id)
