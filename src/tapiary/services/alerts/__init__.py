"""Triggers (saved queries that watch for something) and the alerts that they give.

`definition` says what a trigger is, `running` runs one, `arrivals` knows what is new, `evaluation` judges rows,
`writing` writes alerts, `delivery` does what these set going, `runner` has the threads.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tapiary.services.alerts.alerts import Alerts
    from tapiary.services.alerts.triggers import Triggers
    from tapiary.services.alerts.views import AlertView, TrialView, TriggerView

__all__ = ["AlertView", "Alerts", "TrialView", "TriggerView", "Triggers"]

_HOMES = {"Alerts": "alerts", "Triggers": "triggers"}
_HOMES |= {name: "views" for name in __all__ if name not in _HOMES}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
