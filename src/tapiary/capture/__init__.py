"""Capturing on network lines: the hive–drone protocol without sockets, its states, the queue, and the drone itself.

A drone needs no server packages. Nothing is imported before the first name is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tapiary.capture.messages import (
        CHUNK_BYTES,
        DIALECT,
        CheckFilter,
        Completion,
        Dialect,
        DroneOptions,
        FilterVerdict,
        GetChunk,
        Init,
        JobOrder,
        JobState,
        Live,
        LiveFlow,
        LiveLabel,
        Options,
        PartInfo,
        StartJob,
        StatusUpdate,
        StopJob,
        Upload,
        decode,
        encode,
    )
    from tapiary.capture.schedule import Job, queue_of, to_pause, to_start
    from tapiary.capture.states import (
        ALIVE,
        ARCHIVED,
        BACKENDS,
        CAPTURED,
        COLLECTING,
        CRITICAL,
        DANGLING,
        DEACTIVATED,
        DISCONNECTED,
        DONE,
        ERROR,
        FAILED,
        HIGH,
        JOB_STATES,
        LOW,
        MOVED,
        NORMAL,
        PAUSED,
        PENDING,
        PROCESSING,
        QUEUED,
        RESUMED,
        RUNNING,
        SLEEPING,
        STEPS,
        STOPPED,
        TO_PROCESS,
        UNKNOWN,
        UPLOADING,
        WAITING,
        WORKING,
        diagram,
        drone_state,
        job_state,
        sources,
        target,
    )

_ROOMS = {
    "messages": (
        "CHUNK_BYTES", "DIALECT", "CheckFilter", "Completion", "Dialect", "DroneOptions", "FilterVerdict", "GetChunk",
        "Init", "JobOrder", "JobState", "Live", "LiveFlow", "LiveLabel", "Options", "PartInfo", "StartJob",
        "StatusUpdate", "StopJob", "Upload", "decode", "encode",
    ),
    "schedule": ("Job", "queue_of", "to_pause", "to_start"),
    "states": (
        "ALIVE", "ARCHIVED", "BACKENDS", "CAPTURED", "COLLECTING", "CRITICAL", "DANGLING", "DEACTIVATED",
        "DISCONNECTED", "DONE", "ERROR", "FAILED", "HIGH", "JOB_STATES", "LOW", "MOVED", "NORMAL", "PAUSED",
        "PENDING", "PROCESSING", "QUEUED", "RESUMED", "RUNNING", "SLEEPING", "STEPS", "STOPPED", "TO_PROCESS",
        "UNKNOWN", "UPLOADING", "WAITING", "WORKING", "diagram", "drone_state", "job_state", "sources", "target",
    ),
}
_HOMES = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "ALIVE", "ARCHIVED", "BACKENDS", "CAPTURED", "CHUNK_BYTES", "COLLECTING", "CRITICAL", "DANGLING", "DEACTIVATED",
    "DIALECT", "DISCONNECTED", "DONE", "ERROR", "FAILED", "HIGH", "JOB_STATES", "LOW", "MOVED", "NORMAL", "PAUSED",
    "PENDING", "PROCESSING", "QUEUED", "RESUMED", "RUNNING", "SLEEPING", "STEPS", "STOPPED", "TO_PROCESS", "UNKNOWN",
    "UPLOADING", "WAITING", "WORKING", "CheckFilter", "Completion", "Dialect", "DroneOptions", "FilterVerdict",
    "GetChunk", "Init", "Job", "JobOrder", "JobState", "Live", "LiveFlow", "LiveLabel", "Options", "PartInfo",
    "StartJob", "StatusUpdate", "StopJob", "Upload", "decode", "diagram", "drone_state", "encode", "job_state",
    "queue_of", "sources", "target", "to_pause", "to_start",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
