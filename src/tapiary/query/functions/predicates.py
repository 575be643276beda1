"""Predicates in the form of functions: what the operators do, and whether something is empty."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tapiary.query import sql
from tapiary.query.functions.registry import Context, Options, Registry
from tapiary.query.operators import compare, matches, member, negate
from tapiary.query.types import BOOLEAN, IFC, MAP, NULL, STRING, Value

_OPERATORS = {"eq": "=", "neq": "!=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def declare(functions: Registry) -> None:
    """Add these functions."""
    add = functions.add
    for name, operator in _OPERATORS.items():
        add("tests", f"{name}(a, b)", f"a {operator} b")(_comparison(operator))
    add("tests", "like(text, pattern)", "Whether the text fits a pattern: * is any text, ? or . one character")(
        _comparison("~=")
    )
    add("tests", "regex(text, pattern)", "Whether the regular expression (RE2) is found in the text")(_regex)
    add("tests", "in(x, list)", "Whether x is an item of the list")(
        lambda args, options, context: member(args[0], args[1])
    )
    add("tests", "notIn(x, list)", "Whether x is no item of the list")(
        lambda args, options, context: negate(member(args[0], args[1]))
    )
    add("tests", "isNull(x)", "Whether x has no value")(lambda args, options, context: _null(args[0]))
    add("tests", "isNotNull(x)", "Whether x has a value")(lambda args, options, context: negate(_null(args[0])))
    add("tests", "isEmpty(x)", "Whether x has no value, or is an empty text, list or map")(
        lambda args, options, context: _empty(args[0])
    )
    add("tests", "isNotEmpty(x)", "Whether x is not empty")(
        lambda args, options, context: negate(_empty(args[0]))
    )


def _comparison(operator: str) -> Callable[[Sequence[Value], Options, Context], Value]:
    return lambda args, options, context: compare(operator, args[0], args[1])


def _regex(args: Sequence[Value], options: Options, context: Context) -> Value:
    return Value(sql.known(matches(args[0], args[1])), BOOLEAN)


def _null(value: Value) -> Value:
    return Value(sql.is_null(value.sql), BOOLEAN)


def _empty(value: Value) -> Value:
    missing = sql.is_null(value.sql)
    if value.type in (STRING, IFC):
        return Value(sql.disjunction(missing, sql.known(sql.equal(value.sql, sql.text("")))), BOOLEAN)
    if value.type.item is not None:
        none = sql.equal(sql.call("len", value.sql), sql.integer(0))
        return Value(sql.disjunction(missing, sql.known(none)), BOOLEAN)
    if value.type == MAP:
        none = sql.equal(sql.call("cardinality", value.sql), sql.integer(0))
        return Value(sql.disjunction(missing, sql.known(none)), BOOLEAN)
    return Value(missing if value.type != NULL else sql.is_null(value.sql), BOOLEAN)
