"""if and switch."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from tapiary.query import sql
from tapiary.query.coercion import unify
from tapiary.query.functions.registry import Context, Options, Registry
from tapiary.query.operators import compare, condition
from tapiary.query.types import Value


def declare(functions: Registry) -> None:
    """Add these functions."""
    add = functions.add
    add("choice", "if(condition, a, b)", "a where the condition is true, else b; written if(condition: a, b)")(_if)
    add("choice", "switch(x, key, result, …)", "The result beside the key that x equals, else the last one; "
        "written switch(x, key: result, …, otherwise)")(_switch)


def _if(args: Sequence[Value], options: Options, context: Context) -> Value:
    results, kind = unify(args[1:])
    return Value(sql.case((condition(args[0]), results[0]), otherwise=results[1]), kind)


def _switch(args: Sequence[Value], options: Options, context: Context) -> Value:
    value, pairs = args[0], args[1:]
    keys, results = list(pairs[: len(pairs) // 2 * 2 : 2]), list(pairs[1::2])
    if len(pairs) % 2:
        results.append(pairs[-1])
    expressions, kind = unify(results)
    otherwise = expressions.pop() if len(pairs) % 2 else exp.Null()
    branches = [
        (condition(compare("=", value, key)), result) for key, result in zip(keys, expressions, strict=True)
    ]
    return Value(sql.case(*branches, otherwise=otherwise), kind)
