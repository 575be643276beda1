"""The Delta Lake tables of flows, packet index and custom indexes: commit, compact, drop, and SQL over them.

`Store` is the room's door. Nothing heavy (pyarrow, deltalake, duckdb) is imported before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tapiary.store.selection import IndexSelection, Selection

if TYPE_CHECKING:
    from tapiary.store.indexes.fields import IndexField, Rotation
    from tapiary.store.indexes.table import IndexTable
    from tapiary.store.reader import Rows
    from tapiary.store.running import Running
    from tapiary.store.store import Store
    from tapiary.store.writer import RunWriter, Written

__all__ = [
    "IndexField", "IndexSelection", "IndexTable", "Rotation", "Rows", "RunWriter", "Running", "Selection", "Store",
    "Written",
]

_HOMES = {
    "IndexField": "indexes.fields", "IndexTable": "indexes.table", "Rotation": "indexes.fields", "Rows": "reader",
    "Running": "running", "Store": "store", "RunWriter": "writer", "Written": "writer",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
