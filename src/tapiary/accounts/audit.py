"""The audit log: who changed what, when, from where, and how they had proved who they are.

A change's row is written in the change's own transaction: either both are there or neither. Failed logins are
written too, but not all of them when they come in masses: an attack must not fill the disk.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tapiary.accounts.actor import Actor
from tapiary.accounts.views import AuditView, audit_view
from tapiary.database import Audit, Database

#: Rows of failed logins within a minute; how many more there were is told by the next row that is written.
FAILURES_A_MINUTE = 60
#: How often old rows are looked for.
PRUNE_S = 3600.0
#: Longest text that is kept of what a caller may choose freely.
TEXT = 200


class AuditLog:
    """The rows of the audit log. Safe to share between threads."""

    def __init__(self, database: Database, days: int) -> None:
        self._database = database
        self._days = days
        self._lock = threading.Lock()
        self._pruned = float("-inf")
        self._minute, self._failures, self._unwritten = 0, 0, 0

    def write(
        self, actor: Actor, action: str, object: str = "", details: dict[str, Any] | None = None, *,
        session: Session | None = None,
    ) -> None:
        """Add a row; `session` is the transaction of the change that it tells of, else the row gets one of its own.

        The action is the thing and what was done to it, as `user.create`; `details` must hold no secrets.
        """
        if session is None:
            with self._database.session() as own:
                self.write(actor, action, object, details, session=own)
            return
        session.add(Audit(
            at=time.time(), user_id=actor.user_id, user_name=actor.name[:TEXT], address=actor.address[:TEXT],
            means=actor.means[:TEXT], action=action, object=object[:TEXT], details=details or None,
        ))
        self._prune_sometimes(session)

    def failed_login(self, action: str, name: str, address: str, *, user_id: int | None = None) -> None:
        """Add a row about a login that failed, unless there were too many of them within this minute.

        Give the name of a user who exists: what is no name may be a password in the wrong field.
        """
        with self._lock:
            minute = int(time.monotonic() // 60)
            if minute != self._minute:
                self._minute, self._failures = minute, 0
            if self._failures >= FAILURES_A_MINUTE:
                self._unwritten += 1
                return
            self._failures += 1
            unwritten, self._unwritten = self._unwritten, 0
        actor = Actor(name, user_id, means="password", address=address)
        self.write(actor, action, name, {"more_not_recorded": unwritten} if unwritten else None)

    def list(
        self, *, before: int | None = None, limit: int = 100, user: str | None = None, action: str | None = None
    ) -> list[AuditView]:
        """Rows, newest first: those with an identifier below `before`, by a user's name, of an action.

        An action that ends with a dot stands for all that begin so (`user.`).
        """
        query = select(Audit).order_by(Audit.id.desc()).limit(max(1, min(limit, 1000)))
        if before is not None:
            query = query.where(Audit.id < before)
        if user is not None:
            query = query.where(Audit.user_name == user)
        if action is not None:
            query = query.where(
                Audit.action.startswith(action, autoescape=True) if action.endswith(".") else Audit.action == action
            )
        with self._database.session(write=False) as session:
            return [audit_view(row) for row in session.scalars(query)]

    def prune(self) -> int:
        """Delete the rows that are older than `accounts.audit_days` and return how many they were; 0 keeps all."""
        if not self._days:
            return 0
        with self._database.session() as session:
            return self._prune(session)

    def _prune_sometimes(self, session: Session) -> None:
        with self._lock:
            now = time.monotonic()
            if not self._days or now - self._pruned < PRUNE_S:
                return
            self._pruned = now
        self._prune(session)

    def _prune(self, session: Session) -> int:
        limit = time.time() - self._days * 86_400
        gone = session.execute(delete(Audit).where(Audit.at < limit).returning(Audit.id))
        return len(gone.all())
