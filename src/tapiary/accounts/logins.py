"""Logins: a password is checked once, what comes of it (JWTs, a session by a cookie) can be ended at any time.

A login has one refresh identifier that is good. Using it gives the next; one that comes back a second time was
stolen, or its answer was lost: either way the login ends (RFC 9700, section 4.14.2). There is no grace for the
identifier just before, since a thief is as quick as a client that tries again.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tapiary.accounts.actor import Actor
from tapiary.accounts.audit import AuditLog
from tapiary.accounts.cache import MomentCache
from tapiary.accounts.queries import actor_of
from tapiary.accounts.views import LoginView, login_view
from tapiary.config import AccountsConfig
from tapiary.database import Database, Level, Login, User
from tapiary.errors import Forbidden, Unauthenticated

#: Random bytes of a login's identifier and of its refresh identifiers.
ID_BYTES = 16
#: `used_at` is written this often at most, in seconds.
USED_S = 60.0
#: Rows of logins that are over are kept for this long, in seconds: a refresh token that comes late is told so.
KEEP_S = 86_400.0
#: Digits of the identifier that the audit log shows: enough to tell logins apart, too few to be one.
SHOWN = 8
#: Longest text that is kept of what a client calls itself.
AGENT = 300

#: JSON Web Tokens, a browser's session, a session of Sycope's clients.
Kind = Literal["jwt", "page", "npm"]

_ENDED = "this login has ended; log in again"


class Logins:
    """The logins in the database. Safe to share between threads."""

    def __init__(
        self, database: Database, config: AccountsConfig, audit: AuditLog, cache: MomentCache[Actor | None],
        check: Callable[..., Actor],
    ) -> None:
        self._database, self._config, self._audit, self._cache, self._check = database, config, audit, cache, check

    def check_password(self, name: str, password: str, *, address: str) -> Actor:
        """Whoever has this name and password, here or at the LDAP server.

        Raises Unauthenticated, TooManyRequests, and Unavailable when the LDAP server is needed and does not answer.
        """
        return self._check(name, password, address=address)

    def begin(self, actor: Actor, kind: Kind, *, lifetime_s: float, address: str = "", agent: str = "") -> LoginView:
        """Begin a login of a user who has just shown a password; it lasts `lifetime_s` seconds.

        Raises Forbidden for an actor that is no user, Unauthenticated when the user has gone meanwhile.
        """
        if actor.user_id is None:
            raise Forbidden("only users can log in")
        now = time.time()
        login = Login(
            id=secrets.token_hex(ID_BYTES), user_id=actor.user_id, kind=kind, refresh_id=secrets.token_hex(ID_BYTES),
            created_at=now, used_at=now, expires_at=now + lifetime_s, address=address, agent=agent[:AGENT],
        )
        try:
            with self._database.session() as session:
                # Together with the rows of others that are over: logins come often enough for that.
                for over in session.scalars(
                    select(Login).where(Login.expires_at < now - KEEP_S).limit(100)
                ):
                    session.delete(over)
                session.add(login)
                session.execute(update(User).where(User.id == actor.user_id).values(last_login_at=now))
                by = replace(actor, address=address or actor.address)
                self._audit.write(by, "login", actor.name, {"kind": kind, "login": login.id[:SHOWN]}, session=session)
        except IntegrityError:
            raise Unauthenticated(_ENDED) from None
        return login_view(login)

    def rotate(self, login_id: str, refresh_id: str, *, lifetime_s: float, address: str = "") -> LoginView:
        """The login with a new refresh identifier in the place of this one, for another `lifetime_s` seconds.

        Raises Unauthenticated when the login is over, and when the identifier was used before: then the login ends,
        with all that came of it.
        """
        now = time.time()
        with self._database.session() as session:
            login = session.get(Login, login_id, with_for_update=True)
            if login is None or login.kind != "jwt" or _is_over(login, now):
                raise Unauthenticated(_ENDED)
            good = hmac.compare_digest(login.refresh_id or "", refresh_id) if refresh_id.isascii() else False
            if good:
                login.refresh_id = secrets.token_hex(ID_BYTES)
                login.used_at, login.expires_at = now, now + lifetime_s
            else:
                login.ended_at = now
                user = session.get_one(User, login.user_id)
                by = Actor(user.name, user.id, means=_means(login), address=address)
                self._audit.write(by, "login.reuse", user.name, {"login": login.id[:SHOWN]}, session=session)
        if not good:
            self._cache.clear()
            raise Unauthenticated("this refresh token was used before, so its login has ended; log in again")
        return login_view(login)

    def actor(self, login_id: str, *, address: str = "") -> Actor | None:
        """Whose login this is, with present level and permissions; None when it is over or the user has gone."""
        actor = self._cache.get(login_id, lambda: self._look_up(login_id))
        return replace(actor, address=address) if actor is not None and address else actor

    def end(self, login_id: str) -> None:
        """End a login, if it is not over yet."""
        with self._database.session() as session:
            login = session.get(Login, login_id)
            if login is not None and not _is_over(login, time.time()):
                login.ended_at = time.time()
                user = session.get_one(User, login.user_id)
                by = Actor(user.name, user.id, means=_means(login), address=login.address)
                self._audit.write(by, "login.end", user.name, {"login": login.id[:SHOWN]}, session=session)
        self._cache.clear()

    def end_all(self, user_id: int, but: str | None = None) -> None:
        """End all logins of a user, except that one."""
        with self._database.session() as session:
            end_logins(session, user_id, but=but)
        self._cache.clear()

    def _look_up(self, login_id: str) -> Actor | None:
        query = (
            select(Login, User, Level.permissions).join(User, User.id == Login.user_id)
            .join(Level, Level.level == User.level).where(Login.id == login_id)
        )
        with self._database.session(write=False) as session:
            row = session.execute(query).first()
        if row is None:
            return None
        login, user, permissions = row
        now = time.time()
        idle_s = self._config.session_idle_s if login.kind != "jwt" else float("inf")
        if _is_over(login, now) or now - login.used_at > idle_s:
            return None
        if now - login.used_at >= min(USED_S, idle_s / 4):
            with self._database.session(durable=False) as session:
                session.execute(update(Login).where(Login.id == login_id).values(used_at=now))
        return actor_of(user, permissions, means=_means(login), login_id=login.id)


def end_logins(session: Session, user_id: int, *, but: str | None = None) -> None:
    """End all logins of a user, except that one, in the session's transaction."""
    over = update(Login).where(Login.user_id == user_id, Login.ended_at.is_(None))
    if but is not None:
        over = over.where(Login.id != but)
    session.execute(over.values(ended_at=time.time()))


def _is_over(login: Login, now: float) -> bool:
    return login.ended_at is not None or login.expires_at <= now


def _means(login: Login) -> str:
    return f"{'login' if login.kind == 'jwt' else login.kind}:{login.id[:SHOWN]}"
