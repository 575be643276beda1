"""The sandbox: runs a command of somebody else's with one writable folder and nothing else of this machine.

Docker where an engine answers, else bubblewrap: no network, a read-only system without anything of ours, and limits
on time, memory, processes and output that end the command when it passes one.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tapiary.sandbox.engines import engine_of, find_engine
    from tapiary.sandbox.order import HOME, Order, Outcome, Status
    from tapiary.sandbox.space import files_of, remove
    from tapiary.sandbox.users import folder_for, give
    from tapiary.sandbox.watch import run

__all__ = [
    "HOME", "Order", "Outcome", "Status", "engine_of", "files_of", "find_engine", "folder_for", "give", "remove",
    "run",
]

_HOMES = {
    "HOME": "order", "Order": "order", "Outcome": "order", "Status": "order", "engine_of": "engines",
    "find_engine": "engines", "files_of": "space", "folder_for": "users", "give": "users", "remove": "space",
    "run": "watch",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
