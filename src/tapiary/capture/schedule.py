"""Which capture jobs begin, and which must give way: pure decisions over what waits, what runs, and who is there."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from tapiary.capture.states import CRITICAL


@dataclass(frozen=True, slots=True)
class Job:
    """What matters of a job here; a smaller priority goes first, then the older job."""

    id: int
    priority: int
    drones: frozenset[int]

    @property
    def rank(self) -> tuple[int, int]:
        """The order in every queue."""
        return self.priority, self.id


def to_start(waiting: Iterable[Job], connected: Collection[int], busy: Collection[int]) -> list[Job]:
    """The waiting jobs that begin now, in order.

    Each drone has a queue, ordered by priority, then age. A job begins when it is the first in the queue of each of
    its drones and all of them are free: one that waits for a busy drone keeps its other drones reserved, so that
    nobody starves. A job one of whose drones is not connected reserves nothing; others go past it.
    """
    taken, here = set(busy), frozenset(connected)
    starting = []
    for job in sorted(waiting, key=lambda each: each.rank):
        if not job.drones <= here:
            continue
        if not job.drones & taken:
            starting.append(job)
        taken |= job.drones
    return starting


def to_pause(waiting: Iterable[Job], running: Iterable[Job], connected: Collection[int]) -> list[Job]:
    """The running jobs that must make room for a critical one, all of whose drones are connected."""
    here = frozenset(connected)
    wanted: set[int] = set()
    for job in waiting:
        if job.priority <= CRITICAL and job.drones <= here:
            wanted |= job.drones
    return [job for job in running if job.priority > CRITICAL and job.drones & wanted]


def queue_of(drone: int, waiting: Iterable[Job]) -> list[int]:
    """The jobs that wait for a drone, in their order."""
    return [job.id for job in sorted(waiting, key=lambda each: each.rank) if drone in job.drones]
