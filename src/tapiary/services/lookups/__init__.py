"""Lookups: tables that queries look things up in, sent by users as texts.

`definition` reads what a client sends, `lookups` keeps them and gives queries their rows.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tapiary.services.lookups.lookups import Lookups
    from tapiary.services.lookups.views import LookupView

__all__ = ["LookupView", "Lookups"]

_HOMES = {"LookupView": "views", "Lookups": "lookups"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
