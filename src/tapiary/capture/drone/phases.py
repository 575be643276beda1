"""The phases of a job on the drone, as a table: what happens, from where, to where."""

from __future__ import annotations

from typing import NamedTuple

from tapiary.capture import states

#: Recorders run; they were told to end, and their files are being closed; they ended for now; for good; nothing left.
RECORDING, ENDING, PAUSED, ENDED, GONE = "recording", "ending", "paused", "ended", "gone"
PHASES = (RECORDING, ENDING, PAUSED, ENDED, GONE)


class Step(NamedTuple):
    """One allowed step."""

    event: str
    source: str
    target: str
    meaning: str


STEPS = (
    Step("start", "", RECORDING, "an order of the hive"),
    Step("limit", RECORDING, ENDING, "time, size or disk is used up"),
    Step("stop", RECORDING, ENDING, "the hive said so"),
    Step("pause", RECORDING, ENDING, "the hive said so, or a critical job came"),
    Step("break", RECORDING, ENDING, "a recorder cannot do it"),
    Step("closed", ENDING, ENDED, "every file is closed"),
    Step("closed_paused", ENDING, PAUSED, "every file is closed, more may follow"),
    Step("resume", PAUSED, RECORDING, "the same order again"),
    Step("give_up", PAUSED, ENDED, "nothing more will follow"),
    *(Step("delete", phase, GONE, "the hive needs it no longer") for phase in (PAUSED, ENDED)),
    Step("sent", ENDED, GONE, "the hive has all of it"),
)
_TARGETS = {(step.event, step.source): step.target for step in STEPS}


def allowed(event: str, phase: str) -> bool:
    """Whether the table has the step."""
    return (event, phase) in _TARGETS


def after(event: str, phase: str) -> str:
    """The phase after an event; KeyError for a step that the table does not have."""
    return _TARGETS[event, phase]


def said(phase: str, outcome: str, listening: bool) -> str:
    """TCI's word for it, as its drone says it to the hive."""
    if phase == RECORDING:
        return states.RUNNING if listening else states.WAITING
    return "Collecting" if phase == ENDING else outcome
