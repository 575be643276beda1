"""Checking a name and a password: here first, else at the LDAP server; never too often."""

from __future__ import annotations

from sqlalchemy import select, update

from tapiary.accounts import passwords
from tapiary.accounts.actor import Actor
from tapiary.accounts.audit import AuditLog
from tapiary.accounts.ldap import Directory
from tapiary.accounts.limiter import Limiter, address_key
from tapiary.accounts.naming import RESERVED, name_key
from tapiary.accounts.queries import actor_of
from tapiary.config import AccountsConfig
from tapiary.database import Database, Level, User
from tapiary.errors import TapiaryError, TooManyRequests, Unauthenticated


class Credentials:
    """Names and passwords of users. Safe to share between threads."""

    def __init__(self, database: Database, config: AccountsConfig, audit: AuditLog, directory: Directory) -> None:
        self._database, self._audit, self._directory = database, audit, directory
        self._limiter = Limiter(config.login_attempts, config.login_window_s)

    def check(self, name: str, password: str, *, address: str) -> Actor:
        """Whoever has this name and password; as slow for a name that nobody has as for a wrong password.

        Raises Unauthenticated, TooManyRequests, and Unavailable when the LDAP server is needed and does not answer.
        """
        key = name_key(name[:200])
        by_name, by_address = f"name {key}", f"address {address_key(address)}" if address else ""
        user = self._find(key)
        try:
            at = self._limiter.attempt(*filter(None, (by_name, by_address)))
        except TooManyRequests:
            self._audit.failed_login("login.limited", user.name if user else "", address,
                                     user_id=user.id if user else None)
            raise
        try:
            user_id = self._verify(user, key, name, password, address)
        except TapiaryError:  # the LDAP server's fault, not that of who logs in
            self._limiter.withdraw(by_name, at)
            self._limiter.withdraw(by_address, at)
            raise
        actor = None if user_id is None else self._actor(user_id, address)
        if actor is None:
            self._audit.failed_login("login.failed", user.name if user else "", address,
                                     user_id=user.id if user else None)
            raise Unauthenticated("the username or the password is wrong")
        self._limiter.reset(by_name)
        self._limiter.withdraw(by_address, at)
        return actor

    def _find(self, key: str) -> User | None:
        with self._database.session(write=False) as session:
            return session.scalar(select(User).where(User.name_key == key))

    def _verify(self, user: User | None, key: str, name: str, password: str, address: str) -> int | None:
        """The identifier of the user if the password is right."""
        stored = user.password_hash if user is not None else None
        # A user who was made here is never the directory's, not even without a password.
        if self._directory.is_used and (user is None or (user.ldap and stored is None)) and key not in RESERVED:
            return self._directory.login(user.name if user else name, password, address=address)
        if not passwords.matches(stored, password):
            return None
        assert user is not None
        assert stored is not None
        if passwords.is_outdated(stored):
            renewed = passwords.hash_of(password)
            with self._database.session() as session:
                # Not where the password was changed while this went on.
                session.execute(update(User).where(User.id == user.id, User.password_hash == stored)
                                .values(password_hash=renewed))
        return user.id

    def _actor(self, user_id: int, address: str) -> Actor | None:
        query = select(User, Level.permissions).join(Level, Level.level == User.level).where(User.id == user_id)
        with self._database.session(write=False) as session:
            row = session.execute(query).first()
        return None if row is None else actor_of(row[0], row[1], means="password", address=address)
