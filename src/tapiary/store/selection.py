"""Which rows of a table a query may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Selection:
    """Rows of these runs of a table; only files that can hold them are read.

    runs: None for every committed row, also of runs that the database does not (or no longer) name.
    columns: the columns that the query may name; None for all of them.
    """

    table: str = "flows"
    runs: Sequence[int] | None = None
    columns: Sequence[str] | None = None
