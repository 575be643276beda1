"""How functions are declared: by their signature as the reference shows it, from which calls are checked.

A signature reads `name(a, b[, c], …, option=)`: what stands in brackets may be left out, `…` repeats, and what ends in
`=` is an option by name. Names of functions and options ignore case, and options underscores, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlglot import exp

from tapiary.query.catalog import Catalog, Stream
from tapiary.query.errors import meant, quoted
from tapiary.query.function_error import FunctionError
from tapiary.query.types import Value


class Context(Protocol):
    """What functions may ask about the query that they are part of."""

    @property
    def catalog(self) -> Catalog:
        """What the user may see."""

    @property
    def now_ms(self) -> int:
        """The moment at which the query began, the same throughout."""

    @property
    def lookups(self) -> set[str]:
        """The relations of lookups that the query asks; functions add theirs."""

    def predicate(self, nql: str) -> Value:
        """A profile's predicate over the fields at hand."""

    def collector(self, name: str) -> Stream | None:
        """A collector of this run, or one that exists beside it."""

    def order(self) -> Sequence[exp.Expression]:
        """By what rows are sorted before they are aggregated, for first and last; empty when by nothing."""


Build = Callable[[Sequence[Value], "Options", Context], Value]


@dataclass(frozen=True, slots=True)
class FunctionDoc:
    """A function as the reference lists it."""

    name: str
    signature: str
    summary: str
    group: str
    #: Further names of the same function.
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Function:
    """A function, or an aggregate, under one of its names, with the number of arguments and the options it takes."""

    name: str
    doc: FunctionDoc
    least: int
    most: int | None
    options: Mapping[str, str]
    build: Build


class Options:
    """The options of one call, by their names without case and underscores."""

    def __init__(self, function: str, given: Mapping[str, Value]) -> None:
        self._function = function
        self._given = given

    def value(self, name: str) -> Value | None:
        """An option of any kind, None when it is not given."""
        return self._given.get(_plain(name))

    def text(self, name: str) -> str | None:
        """An option that is constant text. Raises FunctionError when it is not constant."""
        found = self._constant(name)
        return None if found is None else str(found)

    def flag(self, name: str) -> bool:
        """An option that is true or false, false when it is not given. Raises FunctionError for anything else."""
        found = self._constant(name)
        if found is None or isinstance(found, bool):
            return bool(found)
        if str(found).lower() in ("true", "false"):
            return str(found).lower() == "true"
        raise FunctionError(f"{self._function}: {name} is true or false, not {quoted(str(found))}.")

    def number(self, name: str) -> int | float | None:
        """An option that is a constant number. Raises FunctionError for anything else."""
        found = self._constant(name)
        if found is None or (isinstance(found, int | float) and not isinstance(found, bool)):
            return found
        raise FunctionError(f"{self._function}: {name} is a number, not {quoted(str(found))}.")

    def _constant(self, name: str) -> Any:
        value = self.value(name)
        if value is None:
            return None
        if value.literal is None:
            raise FunctionError(f"{self._function}: {name} must be a constant.")
        return value.literal[0]


class Registry:
    """Functions by name, without case."""

    def __init__(self) -> None:
        self._functions: dict[str, Function] = {}
        self._shown: list[FunctionDoc] = []

    def add(self, group: str, signature: str, summary: str, *aliases: str) -> Callable[[Build], Build]:
        """Declare the function below under its name in the signature and under further names."""
        name, least, most, options = _read(signature)
        doc = FunctionDoc(name, signature, summary, group, aliases)

        def declare(build: Build) -> Build:
            self._shown.append(doc)
            for each in (name, *aliases):
                if each.lower() in self._functions:
                    raise RuntimeError(f"the function {each} is declared twice")
                self._functions[each.lower()] = Function(each, doc, least, most, options, build)
            return build

        return declare

    def has(self, name: str) -> bool:
        """Whether there is such a function."""
        return name.lower() in self._functions

    def names(self) -> tuple[str, ...]:
        """All names as they are written, sorted."""
        return tuple(sorted((function.name for function in self._functions.values()), key=str.lower))

    def docs(self) -> list[FunctionDoc]:
        """All functions in the order of their declaration, without other names."""
        return list(self._shown)

    def call(self, kind: str, name: str, args: Sequence[Value], named: Mapping[str, Value], context: Context) -> Value:
        """Call a function. Raises FunctionError that says what is wrong with the call."""
        function = self._functions.get(name.lower())
        if function is None:
            known = self.names()
            raise FunctionError(f"There is no {kind} {quoted(name)}.{meant(name, known)}")
        shown = function.name
        if len(args) < function.least or (function.most is not None and len(args) > function.most):
            raise FunctionError(f"{shown} takes {_count(function)}, not {len(args)}: {function.doc.signature}")
        given: dict[str, Value] = {}
        for option, value in named.items():
            if _plain(option) not in function.options:
                hint = meant(option, function.options.values())
                raise FunctionError(f"{shown} has no option {quoted(option)}.{hint}")
            given[_plain(option)] = value
        return function.build(args, Options(shown, given), context)


def _count(function: Function) -> str:
    least, most = function.least, function.most
    words = f"{least}" if least == most else f"at least {least}" if most is None else f"{least} to {most}"
    return f"{words} argument{'' if words == '1' else 's'}"


def _plain(option: str) -> str:
    return option.lower().replace("_", "")


def _read(signature: str) -> tuple[str, int, int | None, dict[str, str]]:
    name, _, inner = signature.partition("(")
    least, most, endless, options = 0, 0, False, {}
    for part in inner.rstrip(")").replace("[, ", ", [").split(", "):
        bare = part.strip("[]")
        if part == "…":
            endless = True
        elif bare.endswith("="):
            options[_plain(bare[:-1])] = bare[:-1]
        elif bare:
            most += 1
            least += not part.startswith("[")
    return name, least, None if endless else most, options
