"""Group commit: callers that come while a commit is being made share the next one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from tapiary.store.part import Part

#: Rows of one commit; more of them wait for the next one.
MOST_ROWS = 500_000
#: How long a commit waits at most for the callers of the last one to come back, so that they share one again.
GATHERING_S = 0.1
#: How often it looks whether they have.
_LOOK_S = 0.002


@dataclass(eq=False)
class Waiting:
    """What one caller brought: rows, as a table or as lists of values by column, or files that hold them already."""

    rows: pa.Table | Mapping[str, Sequence[Any]] | None
    count: int = 0
    parts: list[Part] = field(default_factory=list)
    request: str | None = None
    version: int = -1
    error: BaseException | None = None
    done: bool = False
    #: Held until there is an answer, or the caller has to make the next commit itself.
    turn: threading.Lock = field(default_factory=threading.Lock)


class Group:
    """Lets one caller at a time commit what all of them brought."""

    def __init__(self, commit: Callable[[list[Waiting]], None]) -> None:
        self._commit = commit
        self._guard = threading.Lock()
        self._waiting: list[Waiting] = []
        self._led = False
        self._last = 1

    def submit(self, one: Waiting) -> int:
        """Wait until it is committed, and return the version; raises what the commit raised."""
        one.turn.acquire()
        with self._guard:
            self._waiting.append(one)
            leads, self._led = not self._led, True
        if not leads:
            one.turn.acquire()
        if not one.done:
            self._lead(one)
        if one.error is not None:
            raise one.error
        return one.version

    def _lead(self, one: Waiting) -> None:
        group = [one]
        try:
            group = self._gather()
            self._commit(group)
        except BaseException as error:  # noqa: BLE001 - raised in the thread of each caller
            with self._guard:
                self._waiting = [each for each in self._waiting if each is not one]  # broken off before it was taken
            for each in group:
                each.error = error
        with self._guard:
            self._led = bool(self._waiting)
            following = self._waiting[0] if self._waiting else None
        if following:
            following.turn.release()  # it finds itself not done, and leads
        for each in group:
            each.done = True
            each.turn.release()

    def _gather(self) -> list[Waiting]:
        """Take those that wait, after a pause while fewer of them are here than came last time."""
        end = time.monotonic() + GATHERING_S
        while len(self._waiting) < self._last and time.monotonic() < end:
            time.sleep(_LOOK_S)
        with self._guard:
            rows, count = 0, 0
            for count, each in enumerate(self._waiting, 1):  # noqa: B007 - how many is asked below
                rows += each.count
                if rows >= MOST_ROWS:
                    break
            group, self._waiting = self._waiting[:count], self._waiting[count:]
        self._last = len(group)
        return group
