"""The files of a table at one moment, and which of them a query needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Snapshot:
    """The files of one version of the table, as columns of equal length; `low` and `high` bound `Table.bounded_by`."""

    version: int
    paths: list[str]
    sizes: np.ndarray[Any, np.dtype[np.int64]]
    rows: np.ndarray[Any, np.dtype[np.int64]]
    low: np.ndarray[Any, np.dtype[np.int64]]
    high: np.ndarray[Any, np.dtype[np.int64]]
    modified_ms: np.ndarray[Any, np.dtype[np.int64]]

    def holding(self, values: Sequence[int]) -> list[int]:
        """Positions of the files whose bounds have one of these values between them."""
        import numpy as np

        wanted = np.unique(np.asarray(list(values), dtype=np.int64))
        first = np.searchsorted(wanted, self.low, side="left")
        behind = np.searchsorted(wanted, self.high, side="right")
        return [int(i) for i in np.flatnonzero(behind > first)]

    def between(self, start: int | None, end: int | None) -> list[int]:
        """Positions of the files that can hold a value from `start` up to but without `end`."""
        import numpy as np

        chosen = np.ones(len(self.paths), dtype=bool)
        if start is not None:
            chosen &= self.high >= start
        if end is not None:
            chosen &= self.low < end
        return [int(i) for i in np.flatnonzero(chosen)]

    def is_single(self, position: int) -> bool:
        """Whether all rows of a file have the same value."""
        return bool(self.low[position] == self.high[position])
