"""Waiting for a change of the queue, across processes."""

from __future__ import annotations

import threading
import time

from tapiary.database import Database

#: Pause between two looks; a waiting job is seen within it.
POLL_S = 0.02
#: The bell rings this often also when nothing seems to have changed: resting jobs come due by the clock alone.
RING_S = 0.5


class Bell:
    """Rings when another connection has committed something. For one thread."""

    def __init__(self, database: Database) -> None:
        self._seen: int = -1
        self._cursor = None
        if database.is_sqlite:
            connection = database.engine.raw_connection()
            connection.detach()
            self._cursor = connection.cursor()

    def wait(self, stopping: threading.Event) -> None:
        """Wait for a change, or at most half a second, or until told to stop."""
        end = time.monotonic() + RING_S
        while not stopping.wait(POLL_S) and time.monotonic() < end:
            if self._changed():
                return

    def _changed(self) -> bool:
        if self._cursor is None:
            return True  # elsewhere the look at the queue is itself the cheapest question
        # A counter in shared memory: some microseconds, no lock, no read of the file.
        self._cursor.execute("PRAGMA data_version")
        row = self._cursor.fetchone()
        before, self._seen = self._seen, row[0] if row else -1
        return before != self._seen
