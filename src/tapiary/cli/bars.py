"""Counts as lines of label, number, share and bar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tapiary.cli.layout import Screen, columns
from tapiary.cli.numbers import exact, percent

#: Columns that a bar takes, and the most that a label may.
BAR_WIDTH, LABEL_WIDTH = 16, 48


def bar_lines(
    screen: Screen, title: str, counts: Iterable[tuple[str, int]], *, whole: int | None = None, more: int = 0,
    colour: str = "cyan",
) -> list[str]:
    """A title and a line for each count; nothing at all when there are none.

    whole: what the shares refer to, else the sum of what is shown. more: how many further values there are.
    """
    counts = list(counts)
    if not counts:
        return []
    whole = whole or sum(number for _, number in counts)
    top = max(number for _, number in counts)
    number_width = max(len(exact(number)) for _, number in counts)
    left = screen.width - number_width - 15  # gaps and the share's seven columns
    bar_width = max(0, min(BAR_WIDTH, left - 12))
    room = max(8, min(LABEL_WIDTH, left - bar_width))
    longest = max(columns(screen.clip(label, room)) for label, _ in counts)
    room = min(room, max(20, longest))
    lines = [screen.heading(title)]
    for label, number in counts:
        name = screen.clip(label, room)
        bar = screen.bar(number, top, bar_width).rstrip()
        name += " " * (room - columns(name))
        share = percent(number, whole)
        lines.append(f"  {name}  {exact(number):>{number_width}}  {share:>7}  {screen.style(bar, colour)}")
    if more > 0:
        lines.append(screen.style(f"  and {exact(more)} more", dim=True))
    return lines


def top_lines(
    screen: Screen, title: str, counts: Mapping[str, int], limit: int, *, whole: int | None = None,
    colour: str = "cyan",
) -> list[str]:
    """The most frequent of some counts, as `bar_lines`."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return bar_lines(screen, title, ranked[:limit], whole=whole, more=len(ranked) - limit, colour=colour)
