"""A durable queue of jobs, and the processes that work on them.

A job is a kind (a registered name) and JSON arguments. Work must be idempotent: after a crash it is done again.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tapiary.jobs.context import Cancelled, Context
    from tapiary.jobs.queue import Queue
    from tapiary.jobs.registry import Handler, handler, register
    from tapiary.jobs.states import STATES, TRANSITIONS, diagram
    from tapiary.jobs.workers import Workers

__all__ = [
    "STATES", "TRANSITIONS", "Cancelled", "Context", "Handler", "Queue", "Workers", "diagram", "handler", "register",
]

_HOMES = {
    "Cancelled": "context", "Context": "context", "Queue": "queue", "Handler": "registry", "handler": "registry",
    "register": "registry", "STATES": "states", "TRANSITIONS": "states", "diagram": "states", "Workers": "workers",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
