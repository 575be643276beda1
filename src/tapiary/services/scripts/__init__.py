"""User scripts: kept in the database, run over a finished capture's packets in a sandbox.

`library` keeps them, `running` runs one for the queue, `shipped` names those that come with the program and `tools`
holds what those do.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tapiary.services.scripts.library import Scripts, ScriptView

__all__ = ["ScriptView", "Scripts"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.library"), name)
