"""Plain text for terminals: styles, bars and tables that fit the width, the encoding and the user's wishes."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TextIO

import click

#: Width of rankings that go to a file or pipe, and the least that anything is laid out for.
PIPE_WIDTH, LEAST_WIDTH = 100, 40
#: Text columns of a table are not cut below this where others can be.
READABLE = 12

_EIGHTHS = " ▏▎▍▌▋▊▉█"


@dataclass(frozen=True, slots=True)
class Screen:
    """What a stream can show: its width in columns, colours or not, line-drawing characters or not.

    `cut` says whether tables must fit the width; what goes to a file or pipe is whole.
    """

    width: int = PIPE_WIDTH
    colour: bool = False
    unicode: bool = True
    cut: bool = True

    @classmethod
    def of(cls, stream: TextIO | None = None) -> Screen:
        """What this stream (standard output by default) can show; NO_COLOR and TERM=dumb are heeded (no-color.org)."""
        stream = stream or sys.stdout
        terminal = stream.isatty()
        return cls(
            max(LEAST_WIDTH, shutil.get_terminal_size((PIPE_WIDTH, 24)).columns) if terminal else PIPE_WIDTH,
            terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb",
            _encodes(stream.encoding, _EIGHTHS + "…·µ✓✗"),
            terminal,
        )

    def style(self, text: str, colour: str | None = None, *, bold: bool = False, dim: bool = False) -> str:
        """The text in a colour, where there are colours."""
        return click.style(text, fg=colour, bold=bold or None, dim=dim or None) if self.colour else text

    def heading(self, text: str) -> str:
        """A title over a block of lines."""
        return self.style(text, bold=True)

    def bar(self, part: float, whole: float, width: int = 20) -> str:
        """A bar of `part` in `whole`, padded to the width; what is not nothing shows at least a trace."""
        share = min(1.0, max(0.0, part / whole)) if whole > 0 and width > 0 else 0.0
        if not self.unicode:
            return ("#" * (max(1, round(share * width)) if share else 0)).ljust(width)
        eighths = max(1, round(share * width * 8)) if share else 0
        full, rest = divmod(eighths, 8)
        return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width)

    def clip(self, text: str, width: int) -> str:
        """The text without control characters, in at most `width` columns; a cut is marked."""
        text = printable(text)
        if columns(text) <= width:
            return text
        mark = "…" if self.unicode else "~"
        kept, used = [], 0
        for character in text:
            used += columns(character)
            if used > width - 1:
                break
            kept.append(character)
        return "".join(kept) + mark if width > 0 else ""

    def table(
        self, heads: Sequence[str], rows: Iterable[Sequence[object]], numbers: Iterable[int] = (),
        cut_first: Sequence[int] = (),
    ) -> list[str]:
        """Aligned columns under their heads; columns listed in `numbers` are set to the right.

        Where the width does not do, text columns are cut: those of `cut_first` in that order, then the widest.
        """
        cells = [["" if value is None else printable(str(value)) for value in row] for row in rows]
        right = set(numbers)
        widths = [max(columns(line[at]) for line in [list(heads), *cells]) for at in range(len(heads))]
        if self.cut:
            self._fit(widths, right, cut_first)
        lines = [self.style(self._line(heads, widths, right), dim=True)]
        return lines + [self._line(row, widths, right) for row in cells]

    def _fit(self, widths: list[int], right: set[int], cut_first: Sequence[int]) -> None:
        """Take columns from the text until the line fits; heads may be cut too, numbers never."""
        over = sum(widths) + 2 * (len(widths) - 1) - self.width
        for at in cut_first:
            less = max(0, min(over, widths[at] - READABLE))
            widths[at] -= less
            over -= less
        texts = [at for at in range(len(widths)) if at not in right]
        while texts and sum(widths) + 2 * (len(widths) - 1) > self.width:
            widest = max(texts, key=lambda at: widths[at])
            if widths[widest] <= 4:
                return
            widths[widest] -= 1

    def _line(self, row: Sequence[str], widths: Sequence[int], right: set[int]) -> str:
        parts = []
        for at, (text, width) in enumerate(zip(row, widths, strict=True)):
            text = self.clip(text, width)
            gap = " " * (width - columns(text))
            parts.append(gap + text if at in right else text + gap)
        return "  ".join(parts).rstrip()


def printable(text: str) -> str:
    """The text with control characters escaped: names come off the wire, and a terminal obeys some of them."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def columns(text: str) -> int:
    """How many columns a terminal needs for the text (wide East Asian characters take two)."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _encodes(encoding: str | None, text: str) -> bool:
    try:
        text.encode(encoding or "ascii")
    except (UnicodeError, LookupError):
        return False
    return True
