"""What is said of cells that cannot be taken."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tapiary.errors import InvalidInput

#: Bad cells that are told one by one; of the others, only how many there are.
TOLD: Final = 20
#: Of these, how many stand in the message; and longest text that is shown of a value.
IN_MESSAGE, VALUE_LENGTH = 3, 80


@dataclass(frozen=True, slots=True)
class BadCell:
    """One value that its column cannot take; rows are counted from 0, `column` is empty when the row is at fault."""

    row: int
    column: str
    #: The beginning of the value as JSON.
    value: str
    reason: str

    def __str__(self) -> str:
        where = f"row {self.row}, {self.column}" if self.column else f"row {self.row}"
        return f"{where}: {self.value} {self.reason}"


class BadCells(InvalidInput):
    """Cells that cannot be taken: the first of them in `cells`, and how many there are in `count`.

    Nothing of the request has been kept.
    """

    default_code = "bad_cells"

    def __init__(self, cells: Sequence[BadCell], count: int, field: str = "rows") -> None:
        told = "; ".join(str(cell) for cell in cells[:IN_MESSAGE])
        more = f"; and {count - min(count, IN_MESSAGE)} more" if count > IN_MESSAGE else ""
        what = "1 cell" if count == 1 else f"{count} cells"
        super().__init__(f"{field}: nothing was taken because of {what} (rows count from 0): {told}{more}", field=field)
        self.cells, self.count = tuple(cells), count

    def __reduce__(self) -> tuple[object, ...]:
        return (BadCells, (self.cells, self.count, self.field))


class Faults:
    """Bad cells as they are found; the first by row, then by column, are kept."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._order = {name: place for place, name in enumerate(columns)}
        self._cells: list[BadCell] = []
        self.count = 0

    def add(self, row: int, column: str, value: Any, reason: str) -> None:
        """Note one; within a column, rows must come in order."""
        self.count += 1
        # A column's later ones can never come before TOLD of its own earlier ones.
        if sum(cell.column == column for cell in self._cells) < TOLD:
            self._cells.append(BadCell(row, column, as_text(value), reason))

    def check(self, field: str = "rows") -> None:
        """Raise BadCells when there are any."""
        if self.count:
            first = sorted(self._cells, key=lambda cell: (cell.row, self._order.get(cell.column, -1)))
            raise BadCells(first[:TOLD], self.count, field)


def as_text(value: Any) -> str:
    """The beginning of a value as JSON in ASCII, so that whatever it holds can be printed."""
    if isinstance(value, str):
        value = value[:VALUE_LENGTH]
    try:
        # What is printed of an integer of many digits would take its time, and Python refuses beyond 4300.
        text = "an integer of many digits" if type(value) is int and value.bit_length() > 256 else json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        text = f"a value of type {type(value).__name__}"
    return text if len(text) <= VALUE_LENGTH else text[:VALUE_LENGTH - 1] + "…"
