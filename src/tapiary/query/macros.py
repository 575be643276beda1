"""Replaces macros and placeholders in a query's text before it is parsed, and remembers where every piece came from.

`$NAME$` is a macro: its text takes its place, whatever it holds, outside of texts and names in quotes and of patterns.
`${NAME}` is a placeholder. Outside of quotes its value takes its place like a macro's text; within quotes it stays
part of that text, whatever it holds, and a placeholder without a value is left as it is written.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tapiary.query.catalog import Range
from tapiary.query.errors import Fault, NqlError, in_a_row, meant, quoted
from tapiary.query.times import bucket_of

#: Characters of a query, before and after its macros: the built-in filters that list addresses have some thousand.
MAX_TEXT = 64 << 10
#: Macros within macros.
MAX_DEPTH = 16
#: Macros and placeholders that are replaced, those within macros counted in: empty ones add nothing to the length.
MAX_REPLACED = 5_000

#: What is taken as a whole: a text, a name, a pattern behind its operator, a placeholder, a macro.
_PIECES = re.compile(
    r'(?P<text>"(?:[^"\\]|\\.)*")'
    r"|(?P<name>`[^`\n]+`)"
    r"|(?P<pattern>[=~]\s*/(?:[^/\\\n]|\\[^\n])+/)"
    r"|\$\{(?P<placeholder>\w+)\}"
    r"|\$(?P<macro>[^\W\d]\w*)\$",
    re.DOTALL,
)
#: Neither the engine nor a wire takes these.
_UNFIT = re.compile("[\0\ud800-\udfff]")
_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stretch of the replaced text begins there and in the user's; `inside` names its macro or placeholder."""

    start: int
    origin: int
    inside: str | None


@dataclass(frozen=True, slots=True)
class Text:
    """A query's text after its replacements."""

    text: str
    written: str
    places: tuple[Place, ...]

    def origin(self, at: int) -> tuple[int, str | None]:
        """The offset in the user's text of an offset in this one, and the macro that it lies in."""
        place = self.places[bisect_right(self.places, at, key=lambda found: found.start) - 1]
        return (place.origin, place.inside) if place.inside else (place.origin + at - place.start, None)

    def error(self, fault: Fault) -> NqlError:
        """The error for the user of something that is wrong in this text."""
        at, inside = self.origin(min(fault.at, len(self.text)))
        before = self.written[:at]
        line, column = before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1
        within = f" (inside of {inside})" if inside else ""
        message = f"line {line}, column {column}{within}: {fault.message}"
        return NqlError(message, line=line, column=column, expected=fault.expected)


def replace(text: str, macro: Callable[[str], str | None], parameters: Mapping[str, str]) -> Text:
    """The text with every macro and placeholder replaced.

    Raises `NqlError` for an unknown macro, a placeholder without a value, macros that name themselves, and a text that
    is too long before or after.
    """
    replacement = _Replacement(text, macro, parameters)
    try:
        replacement.add(text, 0, None, ())
    except Fault as fault:
        raise Text(text, text, (Place(0, 0, None),)).error(fault) from None
    found = Text("".join(replacement.out), text, tuple(replacement.places))
    if unfit := _UNFIT.search(found.text):
        raise found.error(Fault("a query holds no zero characters and no halves of characters", unfit.start()))
    return found


def dashboard_values(period: Range, now_ms: int) -> dict[str, str]:
    """The values of placeholders that a dashboard fills by itself; an open range is the last hour before its end."""
    end = now_ms if period.end_ms is None else period.end_ms
    start = end - 3_600_000 if period.start_ms is None else period.start_ms
    return {
        "LIMIT_SOURCE": "",
        "AUTOBUCKET_INTERVAL": bucket_of(end - start),
        "TIMERANGE_FROM": str(max(start, 0)),
        "TIMERANGE_TO": str(max(end, 0)),
        "TIMERANGE_IN_MS_PLACEHOLDER": str(max(end - start, 0)),
        "UNIQUE_ID_0": "",
    }


class _Replacement:
    def __init__(self, written: str, macro: Callable[[str], str | None], parameters: Mapping[str, str]) -> None:
        self.macro = macro
        self.parameters = parameters
        self.out: list[str] = []
        self.places: list[Place] = []
        self.length = 0
        self.replaced = 0

    def add(self, text: str, origin: int, inside: str | None, within: tuple[str, ...]) -> None:
        """Append a text; one from a macro stands where the macro is named."""
        last = 0
        self._append("", origin, inside)
        for piece in _PIECES.finditer(text):
            start = piece.start()
            here = origin if inside else origin + start
            self._append(text[last:start], origin if inside else origin + last, inside)
            last = piece.end()
            if piece["text"] is not None:
                self._append(self._filled(piece[0], here), here, inside)
            elif piece["pattern"] or piece["name"]:
                self._append(piece[0], here, inside)
            else:
                self.replaced += 1
                if self.replaced > MAX_REPLACED:
                    raise Fault(f"a query has at most {MAX_REPLACED} macros and placeholders", here)
                name, value = self._value(piece, here)
                if name in within or len(within) >= MAX_DEPTH:
                    chain = " in ".join(reversed((*within[-3:], name)))
                    raise Fault(f"macros stand within each other without end: {chain}", here)
                self.add(value, here, inside or name, (*within, name))
        self._append(text[last:], origin if inside else origin + last, inside)

    def _append(self, text: str, origin: int, inside: str | None) -> None:
        self.length += len(text)
        if self.length > MAX_TEXT:
            raise _too_long(origin)
        self.places.append(Place(self.length - len(text), origin, inside))
        self.out.append(text)

    def _value(self, piece: re.Match[str], at: int) -> tuple[str, str]:
        if piece["macro"] is not None:
            name = piece["macro"]
            value = self.macro(name)
            if value is None:
                raise Fault(f"there is no macro {quoted(f'${name}$')}", at, ("the name of a macro",))
            return f"${name}$", value
        name = piece["placeholder"]
        if name not in self.parameters:
            hint = meant(name, self.parameters) or f" Known here: {in_a_row(sorted(self.parameters))}."
            shown = quoted(f"${{{name}}}")
            raise Fault(f"the placeholder {shown} has no value.{hint}", at, ("a parameter of this name",))
        return f"${{{name}}}", self.parameters[name]

    def _filled(self, text: str, at: int) -> str:
        length = self.length

        def value(found: re.Match[str]) -> str:
            nonlocal length
            known = self.parameters.get(found[1])
            if known is None:
                return found[0]
            length += len(known)
            if length > MAX_TEXT:  # before the text is made, which many placeholders of one long value would fill
                raise _too_long(at)
            return known.replace("\\", "\\\\").replace('"', '\\"')

        return _PLACEHOLDER.sub(value, text)


def _too_long(at: int) -> Fault:
    return Fault(f"a query has at most {MAX_TEXT} characters, its macros counted in", at)
