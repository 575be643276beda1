"""NQL over everything that a user may see: flows, custom indexes, alerts, devices, files.

`Queries` runs them, `ActorCatalog` is what they can name, `STREAMS` are the names that everybody's queries know.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tapiary.services.queries.catalog import MACRO, STREAMS, ActorCatalog
    from tapiary.services.queries.running import WAIT_MS, Queries
    from tapiary.services.queries.views import Answer, QueryView

__all__ = ["MACRO", "STREAMS", "WAIT_MS", "ActorCatalog", "Answer", "Queries", "QueryView"]

_HOMES = {"Queries": "running", "WAIT_MS": "running", "Answer": "views", "QueryView": "views"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'catalog')}"), name)
