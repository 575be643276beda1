"""The Delta Lake tables of flows and packet index: commit, compact, drop, and SQL over them.

`Store` is the room's door. Nothing heavy (pyarrow, deltalake, duckdb) is imported before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tapiary.store.selection import Selection

if TYPE_CHECKING:
    from tapiary.store.reader import Rows
    from tapiary.store.store import Store
    from tapiary.store.writer import RunWriter, Written

__all__ = ["Rows", "RunWriter", "Selection", "Store", "Written"]

_HOMES = {"Rows": "reader", "Store": "store", "RunWriter": "writer", "Written": "writer"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
