"""The functions of NQL, one file a group of the manual, behind one door.

An argument of a wrong type gives null, as the manual says; what is known before any row is read, an unknown name or
a wrong number of arguments, is a FunctionError.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tapiary.query.function_error import FunctionError
from tapiary.query.functions import (
    aggregates,
    choice,
    collectors,
    lists,
    lookups,
    maths,
    network,
    predicates,
    profiles,
    texts,
    times,
)
from tapiary.query.functions.registry import Context, FunctionDoc, Registry
from tapiary.query.types import Value

__all__ = ["Context", "FunctionDoc", "FunctionError", "aggregate", "call", "describe", "is_aggregate", "names"]

_FUNCTIONS, _AGGREGATES = Registry(), Registry()
for _declare in (
    times.declare, maths.declare, choice.declare, texts.declare, predicates.declare, network.declare, lookups.declare,
    lists.declare, collectors.declare, profiles.declare,
):
    _declare(_FUNCTIONS)
aggregates.declare(_AGGREGATES)


def call(name: str, args: Sequence[Value], named: Mapping[str, Value], context: Context) -> Value:
    """The value of a function of these arguments.

    `if(cond: a, b)` has the arguments cond, a, b; `switch(v, k: r, …, d)` has v, k, r, …, d. Raises FunctionError.
    """
    if not _FUNCTIONS.has(name) and _AGGREGATES.has(name):
        raise FunctionError(f"{name} is an aggregate: it stands alone after `aggr name=`, not inside of an expression.")
    return _FUNCTIONS.call("function", name, args, named, context)


def aggregate(name: str, args: Sequence[Value], named: Mapping[str, Value], context: Context) -> Value:
    """The value of an aggregate over a group's rows, as an SQL aggregate. Raises FunctionError."""
    if not _AGGREGATES.has(name) and _FUNCTIONS.has(name):
        raise FunctionError(f"{name} is not an aggregate; these are: {', '.join(_AGGREGATES.names())}.")
    return _AGGREGATES.call("aggregate", name, args, named, context)


def is_aggregate(name: str) -> bool:
    """Whether an aggregate has this name; a function may have it, too, such as `sum`."""
    return _AGGREGATES.has(name)


def names() -> tuple[str, ...]:
    """The names of all functions and aggregates."""
    return tuple(sorted({*_FUNCTIONS.names(), *_AGGREGATES.names()}, key=str.lower))


def describe() -> list[FunctionDoc]:
    """All functions and aggregates for the reference, group by group."""
    return [*_FUNCTIONS.docs(), *_AGGREGATES.docs()]
