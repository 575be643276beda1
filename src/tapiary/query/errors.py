"""Errors of a query: where in its text, what is wrong there, and what was expected."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import partial

from tapiary.errors import InvalidInput


class NqlError(InvalidInput):
    """A query that cannot be run as it is written.

    `line` and `column` count from 1 in the text that the user gave (inside of a macro: where the macro is named);
    `expected` are the things that could have stood there, in words.
    """

    default_code = "invalid_query"

    def __init__(
        self,
        message: str,
        *,
        line: int = 1,
        column: int = 1,
        expected: tuple[str, ...] = (),
        field: str | None = "nql",
        code: str | None = None,
    ) -> None:
        super().__init__(message, field=field, code=code)
        self.line = line
        self.column = column
        self.expected = expected

    def __reduce__(self) -> tuple[object, ...]:
        again = partial(
            type(self), line=self.line, column=self.column, expected=self.expected, field=self.field, code=self.code
        )
        return (again, (self.message,))


class Fault(Exception):
    """What is wrong at an offset of the text that is parsed; the room's door makes an `NqlError` of it."""

    def __init__(self, message: str, at: int, expected: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.at = at
        self.expected = expected


def meant(name: str, known: Iterable[str]) -> str:
    """A sentence with the known name that a wrong one is closest to; empty when none is close."""
    names = {candidate.casefold(): candidate for candidate in known}
    close = get_close_matches(name.casefold()[:200], names, n=1, cutoff=0.6)
    return f" Did you mean {quoted(names[close[0]])}?" if close else ""


def in_a_row(names: Iterable[str], most: int = 12) -> str:
    """Names in a row for a message, cut where there are too many to read."""
    found = list(names)
    return ", ".join(found[:most]) + (f" and {len(found) - most} more" if len(found) > most else "")


def quoted(name: str) -> str:
    """A name as a message shows it, cut to a readable length."""
    return f"`{name if len(name) <= 80 else name[:77] + '…'}`"
