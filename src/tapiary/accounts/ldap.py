"""Logins by LDAP: what the directory says of a user becomes a row of ours, brought up to date at each login."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tapiary.accounts.actor import Actor
from tapiary.accounts.audit import AuditLog
from tapiary.accounts.ldap_client import Entry, authenticate
from tapiary.accounts.naming import check_email, check_name, name_key
from tapiary.accounts.queries import changing, lowest_level
from tapiary.config import LdapConfig
from tapiary.database import Database, Level, User
from tapiary.errors import Conflict, InvalidInput
from tapiary.telemetry import logger

_log = logger("accounts")


class Directory:
    """The LDAP server of the settings, and the rows that its users have here. `changed` as in `Users`."""

    def __init__(
        self, database: Database, audit: AuditLog, config: LdapConfig, changed: Callable[[], None]
    ) -> None:
        self._database, self._audit, self._config, self._changed = database, audit, config, changed

    @property
    def is_used(self) -> bool:
        """Whether there is an LDAP server in the settings."""
        return bool(self._config.uri)

    def login(self, name: str, password: str, *, address: str) -> int | None:
        """The identifier of the user of that name, made or updated now; None when the directory refuses the login.

        Raises Unavailable when the server does not answer, or not as it should.
        """
        try:
            check_name(name)
        except InvalidInput:
            return None
        entry = authenticate(self._config, name, password)
        if entry is None or not self._may_log_in(name, entry):
            return None
        try:
            user_id = self._row(name, entry, address)
        except Conflict:  # two first logins at the same moment: the other one has made the user
            user_id = self._row(name, entry, address)
        self._changed()
        return user_id

    def _row(self, name: str, entry: Entry, address: str) -> int | None:
        """Make or update the user's row; None where the user cannot have one."""
        actor = Actor(name, means="ldap", address=address)
        with changing(self._database) as session:
            level = self._level(session, entry)
            if level is None:
                _log.error("ldap: %r cannot log in, since there is no level to put anybody at", name)
                return None
            user = session.scalar(select(User).where(User.name_key == name_key(name)))
            if user is None:
                user = User(name=name, name_key=name_key(name), ldap=True, level=level, created_at=time.time())
                user.email = self._email(session, entry, None)
                session.add(user)
                session.flush()
                self._audit.write(actor, "user.create", name, {"level": level, "ldap": True}, session=session)
            elif not user.ldap:  # made here while the directory was asked
                return None
            else:
                self._update(session, actor, user, level, entry)
        return user.id

    def _may_log_in(self, name: str, entry: Entry) -> bool:
        group = self._config.required_group.lower()
        if not group or any(group in member.lower() for member in entry.groups):
            return True
        _log.warning("ldap: %r has the right password, but is not in the group %s", name, self._config.required_group)
        return False

    def _level(self, session: Session, entry: Entry) -> int | None:
        """The level that the user's groups give: the highest rank of those that match."""
        groups = [group.lower() for group in entry.groups]
        wanted = sorted(
            level for part, level in self._config.levels.items() if any(part.lower() in group for group in groups)
        )
        if not wanted and self._config.default_level:
            wanted = [self._config.default_level]
        for level in wanted:
            if session.get(Level, level) is not None:
                return level
            _log.error("ldap: the settings name level %d, which does not exist", level)
        return lowest_level(session)

    def _email(self, session: Session, entry: Entry, user_id: int | None) -> str | None:
        """The address of the entry, if it can be had: a login does not fail for it."""
        try:
            email = check_email(entry.email)
        except InvalidInput:
            return None
        if email is None:
            return None
        holder = session.scalar(select(User.id).where(func.lower(User.email) == email.lower()))
        return email if holder in (None, user_id) else None

    def _update(self, session: Session, actor: Actor, user: User, level: int, entry: Entry) -> None:
        fields = []
        if user.level != level:
            user.level = level
            fields.append("level")
        if (email := self._email(session, entry, user.id)) != user.email:
            user.email = email
            fields.append("email")
        if fields:
            self._audit.write(actor, "user.edit", user.name, {"fields": fields, "level": user.level, "ldap": True},
                              session=session)
