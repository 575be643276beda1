"""The accounts as one: users, levels, tokens, logins and the audit log over one database."""

from __future__ import annotations

import getpass
import os
from dataclasses import replace

from tapiary.accounts.actor import LOCAL, Actor
from tapiary.accounts.audit import AuditLog
from tapiary.accounts.cache import MomentCache
from tapiary.accounts.credentials import Credentials
from tapiary.accounts.ldap import Directory
from tapiary.accounts.levels import Levels
from tapiary.accounts.logins import Logins
from tapiary.accounts.tokens import Tokens
from tapiary.accounts.users import Users
from tapiary.config import AccountsConfig, LdapConfig
from tapiary.database import Database


class Accounts:
    """Who may do what. Safe to share between threads; the constructor does no I/O."""

    def __init__(
        self, database: Database, config: AccountsConfig | None = None, ldap: LdapConfig | None = None
    ) -> None:
        config = config or AccountsConfig()
        self._cache = MomentCache[Actor | None]()
        self.audit = AuditLog(database, config.audit_days)
        self.users = Users(database, self.audit, self._cache.clear)
        self.levels = Levels(database, self.audit, self._cache.clear)
        self.tokens = Tokens(database, self.audit, self._cache)
        directory = Directory(database, self.audit, ldap or LdapConfig(), self._cache.clear)
        credentials = Credentials(database, config, self.audit, directory)
        self.logins = Logins(database, config, self.audit, self._cache, credentials.check)

    def verify(self, token: str, *, address: str = "") -> Actor | None:
        """Whose application token this is, None when it is not valid: its owner, as far as its scopes allow."""
        return self.tokens.verify(token, address=address)

    def shell(self) -> Actor:
        """Whoever runs a command on the server's own data: may everything; the audit log has the system's user."""
        try:
            return replace(LOCAL, name=f"{LOCAL.name}:{getpass.getuser()}")
        except (KeyError, OSError):  # a container may run under a number that has no name
            return replace(LOCAL, name=f"{LOCAL.name}:{os.getuid()}")
