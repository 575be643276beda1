"""Places that users share: whoever asks for many leaves some to the others."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from tapiary.errors import Conflict, Unavailable

#: How often somebody who waits for a place looks whether that is still wanted.
_LOOK_S = 0.25


class Places:
    """So many at the same time, of one owner at most half of them. Safe to share between threads."""

    def __init__(self, number: int, patience_s: float, full: str) -> None:
        self._free, self._most = number, max(1, (number + 1) // 2)
        self._patience_s, self._full = patience_s, full
        self._held: Counter[object] = Counter()
        self._changed = threading.Condition()

    @contextmanager
    def one(self, owner: object, cancelled: threading.Event | None = None) -> Iterator[None]:
        """Wait for a place, and hold it. Raises Unavailable when there is none for too long, Conflict if cancelled."""
        end = time.monotonic() + self._patience_s
        with self._changed:
            while not self._free or self._held[owner] >= self._most:
                check(cancelled)
                left = end - time.monotonic()
                if left <= 0:
                    raise Unavailable(self._full, code="busy")
                self._changed.wait(min(_LOOK_S, left))
            self._free -= 1
            self._held[owner] += 1
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._held[owner] -= 1
                if not self._held[owner]:
                    del self._held[owner]
                self._changed.notify_all()


def check(cancelled: threading.Event | None) -> None:
    """Raise Conflict when a query is no longer wanted."""
    if cancelled is not None and cancelled.is_set():
        raise Conflict("the query was cancelled", code="query_cancelled")
