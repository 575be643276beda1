"""Injections in the audit log: one row for each user, index and stretch of time, not one for each request."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tapiary.accounts import Accounts, Actor

#: Seconds whose injections are told in one row.
STRETCH_S = 300.0


class InjectionTally:
    """How much who has injected into what since the last row. Safe to share between threads.

    What a crash takes with it is the count of the last minutes: the rows themselves are in the index.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._lock = threading.Lock()
        self._since = time.monotonic()
        self._counts: dict[tuple[str, str, str], tuple[Actor, int, int]] = {}

    def add(self, actor: Actor, index_id: str, rows: int) -> None:
        """Count one injection."""
        key = (actor.name, actor.address, index_id)
        with self._lock:
            first, requests, before = self._counts.get(key, (actor, 0, 0))
            self._counts[key] = (first, requests + 1, before + rows)
        self.flush(STRETCH_S)

    def flush(self, age_s: float = 0.0) -> None:
        """Write what has been counted, unless it is younger than that."""
        with self._lock:
            now = time.monotonic()
            if not self._counts or now - self._since < age_s:
                return
            counts, self._counts, self._since = self._counts, {}, now
        for (_, _, index_id), (actor, requests, rows) in counts.items():
            self._accounts.audit.write(actor, "index.inject", index_id, {"requests": requests, "rows": rows})
