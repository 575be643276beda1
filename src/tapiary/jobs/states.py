"""The states of a job and every allowed step between them, as a table.

The queue builds its SQL from this table and the documentation draws its diagram from it: a step that is not here
cannot happen.
"""

from __future__ import annotations

from dataclasses import dataclass

#: The states, and what each means to a user.
STATES: dict[str, str] = {
    "new": "made, but held back until it is released",
    "queued": "waits for a worker",
    "in_progress": "a worker is at it",
    "finished": "done; its results are visible",
    "failed": "ended by an error that is kept with it",
    "cancelled": "ended by a user's wish",
}


@dataclass(frozen=True, slots=True)
class Transition:
    """One allowed step; `source` is empty for the step that makes the job."""

    event: str
    source: str
    target: str
    doc: str


TRANSITIONS: tuple[Transition, ...] = (
    Transition("hold", "", "new", "made to be released later"),
    Transition("submit", "", "queued", "made ready to run"),
    Transition("release", "new", "queued", "may run now"),
    Transition("claim", "queued", "in_progress", "a worker takes it"),
    Transition("claim_held", "new", "in_progress", "run in the process that made it"),
    Transition("finish", "in_progress", "finished", "the handler returned"),
    Transition("fail", "in_progress", "failed", "the handler raised, or too many attempts"),
    Transition("requeue", "in_progress", "queued", "the worker died or stopped, or failed for a passing reason"),
    Transition("cancel", "new", "cancelled", "cancelled before it ran"),
    Transition("cancel", "queued", "cancelled", "cancelled before it ran"),
    Transition("stop", "in_progress", "cancelled", "the handler saw the wish to cancel and stopped"),
)


def sources(event: str) -> tuple[str, ...]:
    """The states in which an event may happen; KeyError for an event that the table does not have."""
    found = tuple(t.source for t in TRANSITIONS if t.event == event)
    if not found:
        raise KeyError(event)
    return found


def target(event: str) -> str:
    """The state that an event leads to; every event has one only."""
    (state,) = {t.target for t in TRANSITIONS if t.event == event}
    return state


def ended() -> frozenset[str]:
    """The states that no step leaves."""
    return frozenset(STATES) - {t.source for t in TRANSITIONS}


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2"]
    lines += [f"    {t.source or '[*]'} --> {t.target}: {t.event}" for t in TRANSITIONS]
    lines += [f"    {state} --> [*]" for state in STATES if state in ended()]
    return "\n".join(lines) + "\n"
