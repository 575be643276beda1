"""The filter of the listing of elements: `category = "lookup.lookup" and config.name != "app"`.

Comparisons with `=`, `==` and `!=` of a member with a text, a number, `true`, `false` or `null`, joined by `and`,
`or`, `not` and parentheses. A member that is not there is null.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from tapiary.errors import InvalidInput

Test = Callable[[Mapping[str, Any]], bool]

#: Longest filter, in characters, and deepest nesting: far beyond what clients send.
MOST_CHARACTERS: Final = 4096
DEEPEST: Final = 50

_TOKEN = re.compile(
    r'\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<number>-?[0-9]+(?:\.[0-9]+)?)|(?P<name>[A-Za-z_][\w.]*)'
    r"|(?P<sign>==|!=|=|\(|\)))", re.ASCII)
_MEMBERS = ("id", "category", "name", "createdBy", "modifiedBy", "config", "attributes", "tags")
_CONSTANTS = {"true": True, "false": False, "null": None}


def where(text: str) -> Test:
    """The filter as a function of an element's members. Raises InvalidInput with the place of the error."""
    return _Parser(text).whole()


class _Parser:
    """Recursive descent over the tokens, each (kind, text, place)."""

    def __init__(self, text: str) -> None:
        if len(text) > MOST_CHARACTERS:
            raise InvalidInput(f"filter: must have at most {MOST_CHARACTERS} characters", field="filter")
        self._tokens: list[tuple[str, str, int]] = []
        self._at, self._depth = 0, 0
        place, end = 0, len(text.rstrip())
        while place < end:
            found = _TOKEN.match(text, place)
            if found is None:
                place += len(text[place:]) - len(text[place:].lstrip())
                raise _bad(place, 'a member, a text in "…", a number, an operator or a parenthesis')
            kind = str(found.lastgroup)
            self._tokens.append((kind, found[kind], found.start(kind)))
            place = found.end()
        self._tokens.append(("end", "", end))

    def whole(self) -> Test:
        test = self._any()
        if self._tokens[self._at][0] != "end":
            raise _bad(self._tokens[self._at][2], "and, or, or the end")
        return test

    def _any(self) -> Test:
        tests = [self._all()]
        while self._take("or"):
            tests.append(self._all())
        return lambda element: any(test(element) for test in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self._take("and"):
            tests.append(self._one())
        return lambda element: all(test(element) for test in tests)

    def _one(self) -> Test:
        self._depth += 1
        if self._depth > DEEPEST:
            raise InvalidInput(f"filter: is nested deeper than {DEEPEST}", field="filter")
        try:
            if self._take("not"):
                test = self._one()
                return lambda element: not test(element)
            if self._take("("):
                test = self._any()
                if not self._take(")"):
                    raise _bad(self._tokens[self._at][2], ")")
                return test
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> Test:
        kind, member, place = self._next()
        path = member.split(".")
        if kind != "name" or path[0] not in _MEMBERS:
            raise _bad(place, f"one of {', '.join(_MEMBERS)} (config.name for what lies inside)")
        _, operator, place = self._next()
        if operator not in ("=", "==", "!="):
            raise _bad(place, "= or !=")
        kind, text, place = self._next()
        wanted: Any
        if kind == "text":
            wanted = _unquoted(text, place)
        elif kind == "number":
            wanted = json.loads(text) if not re.match("-?0[0-9]", text) else float(text)
        elif text.lower() in _CONSTANTS:
            wanted = _CONSTANTS[text.lower()]
        else:
            raise _bad(place, 'a text in "…", a number, true, false or null')
        return lambda element: _equal(_at(element, path), wanted) == (operator != "!=")

    def _next(self) -> tuple[str, str, int]:
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _take(self, word: str) -> bool:
        kind, text, _ = self._tokens[self._at]
        if kind in ("name", "sign") and text.lower() == word:
            self._at += 1
            return True
        return False


def _unquoted(text: str, place: int) -> str:
    try:
        return str(json.loads(text, strict=False))
    except ValueError:
        raise _bad(place, r'a text whose escapes are those of JSON, as \" and \\') from None


def _at(element: Mapping[str, Any], path: list[str]) -> Any:
    value: Any = element
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _equal(value: Any, wanted: Any) -> bool:
    # In Python True equals 1; in JSON it does not.
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)


def _bad(place: int, expected: str) -> InvalidInput:
    return InvalidInput(f"filter: at character {place + 1} there should be {expected}", field="filter")
