"""Answers of the database that may be used again for a moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

#: How long an answer may be used again; what another process changed is heeded within it.
CACHE_S = 1.0
#: Answers that are remembered; beyond that, the memory starts anew.
CACHE_SIZE = 1024

Answer = TypeVar("Answer")


class MomentCache(Generic[Answer]):
    """Answers by their question, remembered for at most `CACHE_S` seconds. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Answer]] = {}
        self._age = 0

    def get(self, key: str, look_up: Callable[[], Answer]) -> Answer:
        """The remembered answer, else the one that `look_up` gives now."""
        now = time.monotonic()
        with self._lock:
            known = self._known.get(key)
            age = self._age
        if known is not None and now < known[0]:
            return known[1]
        answer = look_up()
        with self._lock:
            # An answer from before a change must not outlive the change.
            if age == self._age:
                if len(self._known) >= CACHE_SIZE:
                    self._known.clear()
                self._known[key] = (now + CACHE_S, answer)
        return answer

    def clear(self) -> None:
        """Forget all, after a change."""
        with self._lock:
            self._known.clear()
            self._age += 1
