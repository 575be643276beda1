"""Text of a query in, its tree out: the grammar of `nql.lark` and one small function for each of its forms."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from tapiary.query import tree
from tapiary.query.errors import Fault, meant
from tapiary.query.forms import Forms

if TYPE_CHECKING:
    from lark import Lark
    from lark.exceptions import UnexpectedInput

#: Brackets within brackets. What is deeper would exhaust the stack of those who walk the tree, here and in the engine.
MAX_NESTING: Final = 24

_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[=~]\s*/(?:[^/\\\n]|\\[^\n])+/|`[^`\n]+`|[(\[{]|[)\]}]', re.DOTALL)

#: How terminals are called when something else stood in their place.
_WORDS: Final = {
    "IDENT": "a name", "QUOTED": "", "STRING": 'a text in "double quotes"', "NUMBER": "a number", "MINUS": "`-`",
    "SIGN": "`+`", "EQ": "`=`", "OPERATOR": "an operator such as `>=`", "PATTERN": "a /pattern/", "CALL": "a function",
    "IF": "", "TRUE": "", "FALSE": "", "NULL": "", "SRC": "", "COLL": "", "RECORDS": "", "DST": "", "WHERE": "",
    "SET": "", "PROJECT": "", "SORT": "", "LIMIT": "", "TAIL": "", "TOP": "", "FORK": "", "SUBPIPE": "", "SLEEP": "",
    "UNWIND": "", "FIELDS": "", "AGGR": "a command", "SPLIT": "", "JOIN": "", "EXPLAIN": "", "BAR": "`|`",
    "LPAR": "`(`", "RPAR": "`)`", "LIST": "`[`", "RSQB": "`]`", "MAP": "`{`", "RBRACE": "`}`", "COMMA": "`,`",
    "COLON": "`:`", "SOURCE_OPTION": "`stream=`, `startTime=` or `endTime=`", "$END": "the end",
}  # fmt: skip

_VALUES: Final = {"`(`", "`-`", "`[`", "`{`", "a name", "a function", "a number", 'a text in "double quotes"'}
_HINTS: Final = {
    "'": ' Texts stand in "double quotes".',
    ";": " A query is one pipe; its stages are parted by `|`.",
    "<>": " Write `!=`.",
    **dict.fromkeys("+-*/", " Compute with add(a, b), sub(a, b), mul(a, b) or div(a, b)."),
}
#: Commands of other languages.
_ELSEWHERE: Final = {
    "select": ' A query begins with a source: src stream="netflow".',
    "group": " Groups are made by `aggr n=count(1) by field`.",
}
_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|[\w.]+|<>|.', re.DOTALL)
_FIRST_WORD = re.compile(r"(?:^|[|(])\s*([^\W\d][\w.]*)\s*$")

#: The words that a stage begins with.
COMMANDS: Final = (
    "src", "source", "coll", "collector", "records", "dst", "where", "set", "add", "project", "sort", "limit", "tail",
    "top", "rare", "fork", "subPipe", "sleep", "unwind", "fields", "aggr", "rangeAggr", "timeAggr", "splitAggr", "join",
)  # fmt: skip


def parse_query(text: str) -> tree.Query:
    """The tree of a whole query; `Fault` says what is wrong, and where."""
    parsed: tree.Query = _parse(text, "query")
    return parsed


def parse_condition(text: str) -> tree.Expression:
    """The tree of a condition alone, as a traffic profile has; `Fault` says what is wrong, and where."""
    parsed: tree.Expression = _parse(text, "condition")
    return parsed


@lru_cache(maxsize=1)
def _grammar() -> Lark:
    from lark import Lark

    grammar = files("tapiary.query").joinpath("nql.lark").read_text(encoding="utf-8")
    return Lark(
        grammar, parser="lalr", start=["query", "condition"], maybe_placeholders=False,
        transformer=Forms(),
    )  # fmt: skip


def _parse(text: str, start: str) -> Any:
    from lark.exceptions import UnexpectedInput, VisitError

    _check_nesting(text)
    try:
        return _grammar().parse(text, start=start)
    except UnexpectedInput as problem:
        raise _fault(text, start, problem) from None
    except VisitError as problem:
        raise problem.orig_exc from None


def _check_nesting(text: str) -> None:
    depth = 0
    for found in _BRACKETS.finditer(text):
        if found[0] in ("(", "[", "{"):
            depth += 1
            if depth > MAX_NESTING:
                raise Fault(f"brackets stand more than {MAX_NESTING} deep within each other", found.start())
        elif found[0] in (")", "]", "}"):
            depth -= 1


def _fault(text: str, start: str, problem: UnexpectedInput) -> Fault:
    from lark.exceptions import UnexpectedToken

    at = len(text) if problem.pos_in_stream is None else problem.pos_in_stream
    if (isinstance(problem, UnexpectedToken) and problem.token.type == "$END") or at >= len(text):
        expected = _expected(text, start)
        return Fault(f"the query ends where {_either(expected)} is expected", len(text), expected)
    expected = _expected(text[:at], start)
    found = _WORD.match(text, at)
    word = found[0][:40] if found else text[at]
    if word == '"':
        return Fault("a text that begins here has no end", at, ('`"`',))
    hint = _HINTS.get(word, "")
    if not hint and (command := _FIRST_WORD.search(text, 0, at)):
        hint = _hint(command[1])
    return Fault(f"`{word}` cannot stand here; expected {_either(expected)}.{hint}", at, expected)


def _hint(command: str) -> str:
    """What may have been meant by a stage's first word, nothing when that is a command."""
    if command.casefold() in map(str.casefold, COMMANDS):
        return ""
    return _ELSEWHERE.get(command.casefold()) or meant(command, COMMANDS)


def _expected(text: str, start: str) -> tuple[str, ...]:
    """What could follow a text, in words."""
    from lark.exceptions import LarkError

    parser = _grammar().parse_interactive(text, start=start)
    with suppress(LarkError, Fault):
        parser.exhaust_lexer()
    words = {_WORDS.get(name, f"`{name.lower()}`") for name in parser.accepts()} - {""}  # type: ignore[no-untyped-call]
    return tuple(sorted(words - _VALUES | {"a value"} if words >= _VALUES else words))


def _either(words: tuple[str, ...]) -> str:
    if len(words) < 2:
        return words[0] if words else "something else"
    return ", ".join(words[:-1]) + " or " + words[-1]
