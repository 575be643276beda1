"""The drone: a program on a probe that captures network lines by orders of a hive.

`core` decides without sockets, processes or files; the rest are thin shells around it. Nothing heavy is imported
before the first name is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tapiary.capture.drone.agent import Agent as Agent
    from tapiary.capture.drone.check import Finding as Finding
    from tapiary.capture.drone.check import check as check
    from tapiary.capture.drone.config import Settings as Settings
    from tapiary.capture.drone.config import load as load
    from tapiary.capture.drone.growing import Growing as Growing
    from tapiary.capture.drone.orphans import stop_captures as stop_captures
    from tapiary.capture.drone.tally import Piece as Piece
    from tapiary.capture.drone.tally import Tally as Tally
    from tapiary.capture.drone.unit import systemd_unit as systemd_unit

_HOMES = {
    "Agent": "agent", "Finding": "check", "check": "check", "Settings": "config", "load": "config",
    "Growing": "growing", "stop_captures": "orphans", "Piece": "tally", "Tally": "tally", "systemd_unit": "unit",
}

__all__ = [
    "Agent", "Finding", "Growing", "Piece", "Settings", "Tally", "check", "load", "stop_captures", "systemd_unit",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
