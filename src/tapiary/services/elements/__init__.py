"""Configured things of all categories (custom indexes, lookups, macros, triggers): who owns them, who may what.

`elements` keeps them, `rights` says who may do what with one, `where` reads the filter of their listing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tapiary.services.elements.elements import Elements
    from tapiary.services.elements.views import INDEX, LOOKUP, MACRO, TRIGGER, ElementView

__all__ = ["INDEX", "LOOKUP", "MACRO", "TRIGGER", "ElementView", "Elements"]

_HOMES = {name: "elements" if name == "Elements" else "views" for name in __all__}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
