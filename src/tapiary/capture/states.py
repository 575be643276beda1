"""The states of capture jobs, of their drones' shares, and of drones, in TCI's words; and the steps between them."""

from __future__ import annotations

from typing import NamedTuple

#: States of a job, and of one drone's share of it.
WAITING, QUEUED, RUNNING, PAUSED = "Waiting", "In queue", "In progress", "Paused"
CAPTURED, STOPPED, COLLECTING, UPLOADING = "Captured", "Stopped", "Collecting data", "Uploading data"
TO_PROCESS, PROCESSING, DONE, MOVED = "To process", "Processing", "Done", "Done - Files moved"
FAILED, DANGLING, ARCHIVED, UNKNOWN = "Failed", "Dangling", "Archived", "Unknown"
JOB_STATES = (
    WAITING, QUEUED, RUNNING, PAUSED, CAPTURED, STOPPED, COLLECTING, UPLOADING, TO_PROCESS, PROCESSING, DONE, MOVED,
    FAILED, DANGLING, ARCHIVED, UNKNOWN,
)

#: A drone that never connected, one that has nothing to do, one that captures or uploads, one that is away.
PENDING, SLEEPING, WORKING, DISCONNECTED = "Pending", "Sleeping", "Working", "Disconnected"
ERROR, DEACTIVATED = "Error", "Deactivated"
DRONE_STATES = (PENDING, SLEEPING, WORKING, DISCONNECTED, ERROR, UNKNOWN, DEACTIVATED)

BACKENDS = ("unknown", "tcpdump", "ndp", "ndp_dummy")

#: Priorities: smaller goes first. PAUSED is for jobs that a critical one interrupted.
LOW, NORMAL, HIGH, RESUMED, CRITICAL = 1, 0, -1, -98, -99

#: What TCI's drone 1.2.0 says, where the hive's word differs.
_SAID = {"Collecting": COLLECTING, "Uploading": UPLOADING}


def job_state(said: str) -> str:
    """The hive's word for what a drone says of a job; Unknown for a word that is none."""
    word = _SAID.get(said, said)
    return word if word in JOB_STATES else UNKNOWN


def drone_state(said: str) -> str:
    """The hive's word for what a drone says of itself; Unknown for a word that is none."""
    return said if said in DRONE_STATES else UNKNOWN


class Step(NamedTuple):
    """One allowed step: what happens, from where, to where, and why."""

    event: str
    source: str
    target: str
    meaning: str


#: Every step that a job may take. `stop` of a waiting job ends it; of a running one it is a wish to its drones.
STEPS = (
    Step("create", "", QUEUED, "ordered"),
    Step("start", QUEUED, RUNNING, "its drones are free"),
    Step("pause", RUNNING, PAUSED, "a user, or a critical job on one of its drones"),
    Step("resume", PAUSED, RUNNING, "its drones are free again"),
    Step("stop", QUEUED, STOPPED, "stopped before it began"),
    Step("stop", RUNNING, STOPPED, "a user; its drones are told"),
    Step("stop", PAUSED, STOPPED, "a user; what was captured is collected"),
    Step("ended", RUNNING, UPLOADING, "every drone has stopped capturing"),
    Step("ended", STOPPED, UPLOADING, "every drone has stopped capturing"),
    Step("collected", UPLOADING, COLLECTING, "every file is there: they are merged"),
    Step("merged", COLLECTING, DONE, "one file, in the repository"),
    Step("merged_script", COLLECTING, TO_PROCESS, "one file, in the repository; its script waits to be run"),
    *(
        Step("script", state, PROCESSING, "the script runs")
        for state in (TO_PROCESS, DONE, MOVED, FAILED)
    ),
    Step("script_done", PROCESSING, DONE, "the script has ended well"),
    Step("script_failed", PROCESSING, FAILED, "the script has failed; the capture is still there"),
    Step("script_cancelled", PROCESSING, TO_PROCESS, "the script was cancelled"),
    Step("move", DONE, MOVED, "the files went to the destination"),
    *(
        Step("fail", state, FAILED, "no drone captured anything, or its files could not be had or merged")
        for state in (RUNNING, STOPPED, UPLOADING, COLLECTING)
    ),
    *(
        Step("archive", state, ARCHIVED, "its files were deleted")
        for state in (
            QUEUED, PAUSED, RUNNING, UPLOADING, COLLECTING, STOPPED, TO_PROCESS, PROCESSING, DONE, MOVED, FAILED,
        )
    ),
)

#: Jobs that may still need their drones; a stopped one only while something of it is on them.
ALIVE = (QUEUED, RUNNING, PAUSED, STOPPED, UPLOADING)


def sources(event: str) -> tuple[str, ...]:
    """The states in which an event may happen; KeyError for an event that the table does not have."""
    found = tuple(step.source for step in STEPS if step.event == event)
    if not found:
        raise KeyError(event)
    return found


def target(event: str) -> str:
    """The state that an event leads to; every event has one only."""
    (state,) = {step.target for step in STEPS if step.event == event}
    return state


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    names = {state: state.title().replace(" ", "").replace("-", "") for state in JOB_STATES}
    used = {state for step in STEPS for state in (step.source, step.target) if state}
    lines = ["stateDiagram-v2"]
    lines += [f"    {names[state]}: {state}" for state in JOB_STATES if state in used]
    lines += [f"    {names.get(step.source, '[*]')} --> {names[step.target]}: {step.event}" for step in STEPS]
    return "\n".join([*lines, f"    {names[ARCHIVED]} --> [*]"]) + "\n"
