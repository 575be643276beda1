"""Which rows of a table a query may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tapiary.store.log import Log
    from tapiary.store.tables import Table


@dataclass(frozen=True)
class Selection:
    """Rows of these runs of a table; only files that can hold them are read.

    runs: None for every committed row, also of runs that the database does not (or no longer) name.
    columns: the columns that the query may name; None for all of them.
    """

    table: str = "flows"
    runs: Sequence[int] | None = None
    columns: Sequence[str] | None = None


@dataclass(frozen=True)
class IndexSelection:
    """Rows of an index from `start_ms` up to but without `end_ms`, as `IndexTable.select` makes it.

    start_ms, end_ms: None is open. columns: those that the query may name; None for all of them.
    """

    log: Log
    #: Its columns when the selection was made.
    table: Table
    start_ms: int | None = None
    end_ms: int | None = None
    columns: Sequence[str] | None = None
