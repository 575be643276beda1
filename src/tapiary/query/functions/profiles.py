"""Traffic profiles: named predicates over the fields at hand."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from tapiary.errors import InvalidInput
from tapiary.query import sql
from tapiary.query.functions.registry import Context, Options, Registry
from tapiary.query.operators import condition
from tapiary.query.types import STRING, Value, list_of


def declare(functions: Registry) -> None:
    """Add these functions."""
    functions.add(
        "profiles", "matchingTrafficProfiles(clientIp, serverIp, serverPort, protocol, name=, includeAny=)",
        "The names of the traffic profiles that the row belongs to, sorted; [] for none",
    )(_matching)


def _matching(args: Sequence[Value], options: Options, context: Context) -> Value:
    """Profiles are known by their names alone, and none is one of any traffic: both options change nothing.

    No row belongs to a profile that these rows cannot be asked: it may be another user's, or speak of other fields.
    """
    names = []
    for name, predicate in sorted(context.catalog.profiles().items()):
        with suppress(InvalidInput):
            names.append(sql.case((condition(context.predicate(predicate)), sql.text(name))))
    if not names:
        return Value(sql.cast(sql.array(), "VARCHAR[]"), list_of(STRING), ([],))
    there = sql.function_of("_item", sql.negation(sql.is_null(sql.variable("_item"))))
    return Value(sql.call("list_filter", sql.array(*names), there), list_of(STRING))
