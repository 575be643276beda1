"""The log's protection from those who send rubbish: one complaint about each in a minute."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Hashable

#: Seconds for which further complaints about the same one are only counted.
PAUSE_S = 60.0
#: Complaints that are remembered; older ones are forgotten, so that their number cannot grow.
REMEMBERED = 1024


class Complaints:
    """Decides which complaints are told."""

    def __init__(self, pause_s: float = PAUSE_S) -> None:
        self._pause_s = pause_s
        self._told: dict[Hashable, float] = {}
        self._lock = threading.Lock()

    def may_tell(self, about: Hashable) -> bool:
        """Whether nothing was told about this one in the last minute; then this counts as telling."""
        now = time.monotonic()
        with self._lock:
            last = self._told.get(about)
            if last is not None and now - last < self._pause_s:
                return False
            self._told.pop(about, None)
            self._told[about] = now
            if len(self._told) > REMEMBERED:
                del self._told[next(iter(self._told))]
            return True


class OnceAMinute(logging.Filter):
    """Lets every sort of message (its text before the arguments are put in) through once a minute.

    For the Socket.IO libraries, which log each broken packet, with a traceback, before anybody has shown a token.
    """

    def __init__(self) -> None:
        super().__init__()
        self._complaints = Complaints()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged: not what a client does wrong by itself, such as an address that has expired."""
        sort = (record.name, record.levelno, str(record.msg)[:40])
        return record.funcName != "_log_error_once" and self._complaints.may_tell(sort)
