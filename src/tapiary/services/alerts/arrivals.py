"""What is new in the streams: by the commits that made it visible, so that nothing depends on a word that got lost.

A stream's mark says up to which commit its rows have been looked at. Flows become visible by the database row of
their run, rows of a custom index by a version of its table; either knows the times of its rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from tapiary.accounts import Actor
from tapiary.database import File, Run
from tapiary.errors import NotFound
from tapiary.query import Range
from tapiary.services.queries.catalog import FLOWS
from tapiary.services.queries.minutes import NAMES

if TYPE_CHECKING:
    from tapiary.services import Services

#: The streams that are made of flows.
OF_FLOWS = frozenset((*FLOWS, *NAMES))
#: The flows' mark, whichever stream of them is read.
FLOW_MARK = "netflow"


class Arrivals:
    """Looks what has come since a mark."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def marks(self, actor: Actor, streams: Iterable[str]) -> dict[str, Any]:
        """Where the streams stand now."""
        return self.since(actor, streams, {})[1]

    def since(
        self, actor: Actor, streams: Iterable[str], marks: Mapping[str, Any]
    ) -> tuple[list[Range], dict[str, Any]]:
        """The times of the rows that have come since these marks, and the marks of now.

        A stream without a mark begins now.
        """
        found: list[Range] = []
        now: dict[str, Any] = {}
        for name in sorted({FLOW_MARK if stream in OF_FLOWS else stream for stream in streams}):
            if name == FLOW_MARK:
                ranges, now[name] = self._flows(marks.get(name))
            else:
                try:
                    ranges, now[name] = self._index(actor, name, marks.get(name))
                except NotFound:  # a stream that is no table of rows, or an index that was deleted
                    continue
            found += ranges
        return found, now

    def _flows(self, mark: float | None) -> tuple[list[Range], float]:
        with self._services.database.session(write=False) as session:
            newest = session.scalar(select(func.max(Run.committed_at))) or 0.0
            if mark is None or newest <= mark:
                return [], newest
            query = (
                select(File.time_start, File.time_end).join(Run, File.run_id == Run.id)
                .where(Run.state == "committed", Run.committed_at > mark, File.time_end.is_not(None))
            )
            times = list(session.execute(query).all())
        return [Range((start or 0) // 1000, end // 1000 + 1) for start, end in times], newest

    def _index(self, actor: Actor, name: str, mark: int | None) -> tuple[list[Range], int]:
        version, times = self._services.indexes.find(actor, name).table.arrived(mark)
        return [Range(low, high + 1) for low, high in times], version


def merged(ranges: Iterable[Range]) -> list[Range]:
    """The same stretches of time, with those that touch as one, in the order of time."""
    found: list[Range] = []
    for range in sorted(ranges, key=lambda each: each.start_ms or 0):
        if found and (range.start_ms or 0) <= (found[-1].end_ms or 0):
            found[-1] = Range(found[-1].start_ms, max(found[-1].end_ms or 0, range.end_ms or 0))
        else:
            found.append(range)
    return found
