"""Relational state: models, sessions, migrations.

`Database` opens the database of a URL; the models are plain SQLAlchemy classes. Nothing heavy is imported
before the first name is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tapiary.database.base import Base
    from tapiary.database.captures import Capture, CaptureDrone, CapturePart, Destination, Drone, Script
    from tapiary.database.elements import Alert, Device, Element, TriggerState
    from tapiary.database.engine import HEAD, Database
    from tapiary.database.models import File, Job, Run, Setting, Token
    from tapiary.database.people import Audit, Level, Login, User
    from tapiary.database.runs import RunNotOpen, begin_run, drop_runs, live_runs, publish_run, visible_runs

__all__ = [
    "HEAD", "Alert", "Audit", "Base", "Capture", "CaptureDrone", "CapturePart", "Database", "Destination", "Device",
    "Drone", "Element", "File", "Job", "Level", "Login", "Run", "RunNotOpen", "Script", "Setting", "Token",
    "TriggerState", "User",
    "begin_run", "drop_runs", "live_runs", "publish_run", "visible_runs",
]

_HOMES = {
    "HEAD": "engine", "Database": "engine",
    "Base": "base", "Audit": "people", "Level": "people", "Login": "people", "User": "people",
    "Capture": "captures", "CaptureDrone": "captures", "CapturePart": "captures", "Destination": "captures",
    "Drone": "captures", "Script": "captures",
    "Alert": "elements", "Device": "elements", "Element": "elements", "TriggerState": "elements",
    "File": "models", "Job": "models", "Run": "models", "Setting": "models", "Token": "models",
    "RunNotOpen": "runs", "begin_run": "runs",
    "drop_runs": "runs", "live_runs": "runs", "publish_run": "runs", "visible_runs": "runs",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
