"""Custom indexes: tables that users define, and the rows that they inject.

`definition` reads what a client says of an index, `changes` which of it may change, `kinds` and `cells` are the 15
types, `columns` turns many cells into arrays, `uploads` reads files of rows, `indexes` brings it together.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tapiary.services.indexes.errors import BadCell, BadCells
    from tapiary.services.indexes.indexes import Indexes
    from tapiary.services.indexes.views import Field, IndexView, Injected

__all__ = ["BadCell", "BadCells", "Field", "IndexView", "Indexes", "Injected"]

_HOMES = {"BadCell": "errors", "BadCells": "errors", "Indexes": "indexes"}
_HOMES |= {name: "views" for name in __all__ if name not in _HOMES}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
