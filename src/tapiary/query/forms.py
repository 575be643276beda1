"""Turns the grammar's rules into the tree while a text is parsed: each method gets its rule's parts as trees."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import zip_longest
from typing import Any, TypeVar

from lark import Token, Transformer

from tapiary.query import tree
from tapiary.query.errors import Fault
from tapiary.query.naming import checked_name

#: What an escape means; any other keeps its backslash, so that patterns in texts read as they are written.
_ESCAPES = {'"': '"', "\\": "\\", "n": "\n", "t": "\t", "r": "\r"}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_MOST_LONG = 2**63 - 1
#: Decimal exponents beyond this are no finite number, and too dear to read.
_MAX_DIGITS = 400
T = TypeVar("T")


def _of(kind: type[T], parts: list[Any]) -> tuple[T, ...]:
    return tuple(part for part in parts if isinstance(part, kind))


def _at(parts: list[Any]) -> int:
    first = parts[0] if parts else None
    if isinstance(first, Token):
        return first.start_pos or 0
    return 0 if first is None else getattr(first, "at", 0)


def _unquoted(token: Token) -> str:
    if token.type == "STRING":
        return _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[0]), token[1:-1])
    return token[1:-1] if token.type == "QUOTED" else str(token)


def _whole(token: Token) -> int:
    if not token.isdecimal() or len(token) > 18:
        raise Fault(f"`{token[:40]}` is no whole number that can stand here", token.start_pos or 0, ("a whole number",))
    return int(token)


class Forms(Transformer[Token, Any]):
    """One method for each rule of `nql.lark`."""

    # Values

    def literal(self, parts: list[Token]) -> tree.Literal:
        token, negative = parts[-1], len(parts) > 1
        match token.type:
            case "STRING":
                return tree.Literal(_unquoted(token), _at(parts))
            case "NUMBER":
                return tree.Literal(_number(token, negative), _at(parts))
            case kind:
                return tree.Literal({"TRUE": True, "FALSE": False}.get(kind), _at(parts))

    def reference(self, parts: list[Token]) -> tree.Name:
        return tree.Name(checked_name(_unquoted(parts[0]), _at(parts)), _at(parts))

    name = reference

    def word(self, parts: list[Token]) -> tree.Literal:
        return tree.Literal(str(parts[0]), _at(parts))

    def pattern(self, parts: list[Token]) -> tree.Pattern:
        return tree.Pattern(parts[0][1:-1].replace("\\/", "/"), _at(parts))

    def items(self, parts: list[Any]) -> tree.Items:
        return tree.Items(tuple(parts[1:]), _at(parts))

    def entry(self, parts: list[Any]) -> tuple[str, tree.Expression]:
        return _unquoted(parts[0]), parts[1]

    def map(self, parts: list[Any]) -> tree.Mapping:
        return tree.Mapping(tuple(parts[1:]), _at(parts))

    # Functions

    def argument(self, parts: list[Any]) -> tuple[Any, ...]:
        return tuple(parts)

    def call_option(self, parts: list[Any]) -> tree.Option:
        return tree.Option(str(parts[0]), parts[-1], _at(parts))

    def call(self, parts: list[Any]) -> tree.Call:
        name = parts[0].rstrip("(").rstrip().lstrip("$")
        arguments = _of(tuple, parts)
        paired = next((pair for pair in arguments if len(pair) > 1), None)
        if paired and name.casefold() != "switch":
            raise Fault("only `switch` takes `value: result`", paired[1].at)
        flat = tuple(value for argument in arguments for value in argument)
        return tree.Call(name, flat, _of(tree.Option, parts), _at(parts))

    def conditional(self, parts: list[Any]) -> tree.Call:
        return tree.Call("if", tuple(parts[1:]), (), _at(parts))

    # Conditions

    def compare(self, parts: list[Any]) -> tree.Compare:
        left, operator, right = parts
        if isinstance(right, tree.Pattern) and operator not in ("=", "==", "!=", "~="):
            raise Fault("a /pattern/ stands behind `=` or `!=`", right.at, ("`=`", "`!=`"))
        return tree.Compare(str(operator), left, right, _at(parts))

    def member(self, parts: list[Any]) -> tree.Member:
        return tree.Member(parts[0], parts[-1], len(parts) == 4, _at(parts))

    def opposite(self, parts: list[Any]) -> tree.Expression:
        condition: tree.Expression = parts[-1]
        # Twice the opposite is the condition as true or false: one pair says it, however many there are.
        for _ in range((len(parts) - 1) % 2 or min(len(parts) - 1, 2)):
            condition = tree.Not(condition, _at(parts))
        return condition

    def any(self, parts: list[Any]) -> tree.Any:
        return tree.Any(tuple(part for part in parts if not isinstance(part, Token)), _at(parts))

    def all(self, parts: list[Any]) -> tree.All:
        return tree.All(tuple(part for part in parts if not isinstance(part, Token)), _at(parts))

    # What commands are made of

    def option(self, parts: list[Any]) -> tree.Option:
        return tree.Option(parts[0].text, parts[-1], _at(parts))

    def source_option(self, parts: list[Any]) -> tree.Option:
        return tree.Option(str(parts[0]), parts[-1], _at(parts))

    def assignment(self, parts: list[Any]) -> tuple[tree.Name, tree.Expression]:
        return parts[0], parts[-1]

    def choice(self, parts: list[Any]) -> tree.Choice:
        names = _of(tree.Name, parts)
        sign = str(parts[0]) if isinstance(parts[0], Token) else ""
        return tree.Choice(sign, names[0], names[1].text if len(names) > 1 else None)

    def key(self, parts: list[Any]) -> tuple[tree.Name, bool]:
        return parts[0], len(parts) > 1 and parts[1].type == "DESC"

    def group(self, parts: list[Any]) -> tree.Group:
        return tree.Group(parts[0], parts[-1].text if len(parts) > 1 else None)

    def by(self, parts: list[Any]) -> tuple[tree.Group, ...]:
        return _of(tree.Group, parts)

    def on(self, parts: list[Any]) -> tree.Name:
        name: tree.Name = parts[-1]
        return name

    def result(self, parts: list[Any]) -> tuple[tree.Name, tree.Call]:
        return parts[0], parts[-1]

    def results(self, parts: list[Any]) -> list[Any]:
        return parts

    def pair(self, parts: list[Any]) -> tuple[tree.Name, tree.Name]:
        return parts[0], parts[-1]

    # Commands

    def pipe(self, parts: list[Any]) -> tree.Query:
        stages, spans, start = [], [], _at(parts)
        for part, after in zip_longest(parts, parts[1:]):
            if isinstance(part, Token):
                start = part.end_pos or 0
            else:
                stages.append(part)
                spans.append((start, after.start_pos if after else None))
        return tree.Query(tuple(stages), tuple(spans), _at(parts))

    def query(self, parts: list[Any]) -> tree.Query:
        pipe: tree.Query = parts[-1]
        return replace(pipe, explain=len(parts) > 1)

    def source(self, parts: list[Any]) -> tree.Source:
        options = _of(tree.Option, parts)
        rest = parts[1 + len(options) :]
        return tree.Source(options, rest[0] if rest else None, _at(parts))

    def collected(self, parts: list[Any]) -> tree.Collected:
        return tree.Collected(parts[1].text, _of(tree.Option, parts), _at(parts))

    def records(self, parts: list[Any]) -> tree.Records:
        return tree.Records(_of(tree.Mapping, parts), _at(parts))

    def store(self, parts: list[Any]) -> tree.Store:
        return tree.Store(parts[1].text, _at(parts))

    def where(self, parts: list[Any]) -> tree.Where:
        return tree.Where(parts[-1], _at(parts))

    def assign(self, parts: list[Any]) -> tree.Assign:
        return tree.Assign(tuple(parts[1:]), parts[0].casefold() == "add", _at(parts))

    def project(self, parts: list[Any]) -> tree.Project:
        return tree.Project(_of(tree.Choice, parts), _at(parts))

    def sort(self, parts: list[Any]) -> tree.Sort:
        return tree.Sort(_of(tuple, parts), _of(tree.Option, parts), _at(parts))

    def limit(self, parts: list[Any]) -> tree.Limit:
        counts = [part for part in parts[1:] if isinstance(part, Token) and part.type in ("NUMBER", "ALL")]
        offset = _whole(counts[0]) if len(counts) > 1 else 0
        count = None if counts[-1].type == "ALL" else _whole(counts[-1])
        return tree.Limit(offset, count, _of(tree.Name, parts), _at(parts))

    def tail(self, parts: list[Token]) -> tree.Tail:
        return tree.Tail(_whole(parts[1]), _at(parts))

    def top(self, parts: list[Any]) -> tree.Top:
        groups = next(iter(_of(tuple, parts)), ())
        return tree.Top(parts[0].casefold() == "rare", parts[1], groups, _of(tree.Option, parts), _at(parts))

    def fork(self, parts: list[Any]) -> tree.Fork:
        return tree.Fork(_of(tree.Query, parts), _at(parts))

    def subpipe(self, parts: list[Any]) -> tree.SubPipe:
        return tree.SubPipe(_of(tree.Query, parts), _at(parts))

    def sleep(self, parts: list[Token]) -> tree.Sleep:
        return tree.Sleep(_whole(parts[1]), _at(parts))

    def unwind(self, parts: list[Any]) -> tree.Unwind:
        return tree.Unwind(parts[1], _of(tree.Option, parts), _at(parts))

    def fields(self, parts: list[Any]) -> tree.Fields:
        return tree.Fields(_of(tree.Option, parts), _at(parts))

    def aggregate(self, parts: list[Any]) -> tree.Aggregate:
        on, by = _of(tree.Name, parts), _of(tuple, parts)
        for repeated, word in ((on, "on"), (by, "by")):
            if len(repeated) > 1:
                raise Fault(f"`{word}` stands twice in one command", _at(parts))
        results = next((tuple(part) for part in parts if isinstance(part, list)), ())
        options = _of(tree.Option, parts)
        kind = parts[0].casefold()
        return tree.Aggregate(kind, results, on[0] if on else None, by[0] if by else (), options, _at(parts))

    def split(self, parts: list[Any]) -> tree.Split:
        return tree.Split(tuple(parts[1]), _of(tree.Query, parts), _of(tree.Option, parts), _at(parts))

    def join(self, parts: list[Any]) -> tree.Join:
        (pipe,) = _of(tree.Query, parts)
        return tree.Join(pipe, _of(tuple, parts), _of(tree.Option, parts), _at(parts))


def _number(token: Token, negative: bool) -> int | float:
    digits = token.rstrip("dflDFL")
    sign = -1 if negative else 1
    whole = digits.isdecimal() and token[-1] not in "dfDF"
    if len(digits) > _MAX_DIGITS:
        raise Fault("this number has too many digits", token.start_pos or 0)
    value = sign * (int(digits) if whole else float(digits))
    if (isinstance(value, int) and not -_MOST_LONG - 1 <= value <= _MOST_LONG) or math.isinf(value):
        raise Fault(f"the number {token[:40]} is larger than 64 bits hold", token.start_pos or 0)
    return value
