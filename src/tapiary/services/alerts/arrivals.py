"""What is new in the streams: by the commits that made it visible, so that nothing depends on a word that got lost.

A stream's mark says up to which commit its rows have been looked at. Flows become visible by the database row of
their run, rows of a custom index by a version of its table; either knows the times of its rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, select

from tapiary.accounts import Actor
from tapiary.database import File, Run

if TYPE_CHECKING:
    from tapiary.services import Services

#: The flows' mark, whichever stream of them is read.
FLOW_MARK = "netflow"


class Stretch(NamedTuple):
    """A stretch of time in milliseconds; the end is not part of it."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Arrived:
    """What has come."""

    #: The times of the rows.
    stretches: tuple[Stretch, ...]
    #: Where the streams stand now.
    marks: dict[str, Any]
    #: Whether there is more than is known: its times are forgotten.
    unknown: bool = False


class Arrivals:
    """Looks what has come since a mark."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def since(self, actor: Actor, streams: Iterable[str], marks: Mapping[str, Any]) -> Arrived:
        """What has come since these marks; for a stream without a mark: nothing yet.

        Raises NotFound for an index that is switched off or gone.
        """
        from tapiary.services.indexes.definition import is_built_in

        found: list[Stretch] = []
        now: dict[str, Any] = {}
        unknown = False
        for name in sorted({FLOW_MARK if _is_of_flows(stream) else stream for stream in streams}):
            if name == FLOW_MARK:
                times, now[name] = self._flows(marks.get(name))
                found += times
                continue
            if is_built_in(name):  # `alerts`, `jobs` and the like have no commits to go by
                continue
            index = self._services.indexes.find(actor, name)
            id, since = marks.get(name, (index.element.id, None))
            # Of an index that was deleted and made again, all is new.
            version, spans = index.table.arrived(since if id == index.element.id else -1)
            now[name] = [index.element.id, version]
            unknown |= spans is None
            found += [Stretch(low, high + 1) for low, high in spans or ()]
        return Arrived(tuple(found), now, unknown)

    def _flows(self, mark: float | None) -> tuple[list[Stretch], float]:
        with self._services.database.session(write=False) as session:
            newest = session.scalar(select(func.max(Run.committed_at))) or 0.0
            if mark is None or newest <= mark:
                return [], newest
            query = (
                select(File.time_start, File.time_end).join(Run, File.run_id == Run.id)
                .where(Run.state == "committed", Run.committed_at > mark, File.time_end.is_not(None))
            )
            times = list(session.execute(query).all())
        return [Stretch((start or 0) // 1000, (end or 0) // 1000 + 1) for start, end in times], newest


def merged(stretches: Iterable[Stretch]) -> list[Stretch]:
    """The same stretches of time, with those that touch as one, in the order of time."""
    found: list[Stretch] = []
    for each in sorted(stretches):
        if found and each.start_ms <= found[-1].end_ms:
            found[-1] = Stretch(found[-1].start_ms, max(found[-1].end_ms, each.end_ms))
        else:
            found.append(each)
    return found


def _is_of_flows(stream: str) -> bool:
    from tapiary.services.queries import assets, flows, minutes

    return stream in (*flows.NAMES, *minutes.NAMES, *assets.NAMES)
