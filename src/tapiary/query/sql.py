"""Small builders of sqlglot expressions in DuckDB's words: what operators and functions are put together from.

Every builder copies nothing and glues no text: values become literals, operands get parentheses where they need them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from sqlglot import exp

#: Expressions that bind tighter than any operator.
_ATOMS = (
    exp.Column, exp.Literal, exp.Null, exp.Boolean, exp.Func, exp.Paren, exp.Subquery, exp.Bracket, exp.Identifier,
)


def call(name: str, *arguments: exp.Expression) -> exp.Expression:
    """A call of a function by its own name in DuckDB, which sqlglot does not translate."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def paren(expression: exp.Expression) -> exp.Expression:
    """The expression, in parentheses unless nothing beside it could tear it apart."""
    if isinstance(expression, _ATOMS) and not isinstance(expression, exp.Connector):
        return expression
    return exp.Paren(this=expression)


def binary(kind: type[exp.Expression], left: exp.Expression, right: exp.Expression) -> exp.Expression:
    """Two operands with an operator between them."""
    return kind(this=paren(left), expression=paren(right))


def equal(left: exp.Expression, right: exp.Expression) -> exp.Expression:
    """`left = right`."""
    return binary(exp.EQ, left, right)


def between(item: exp.Expression, low: exp.Expression, high: exp.Expression) -> exp.Expression:
    """`item BETWEEN low AND high`, both ends inside."""
    return exp.Between(this=paren(item), low=paren(low), high=paren(high))


def conjunction(*conditions: exp.Expression) -> exp.Expression:
    """All conditions; TRUE without any."""
    return _balanced(exp.And, conditions) if conditions else exp.true()


def disjunction(*conditions: exp.Expression) -> exp.Expression:
    """Any of the conditions; FALSE without any."""
    return _balanced(exp.Or, conditions) if conditions else exp.false()


def _balanced(kind: type[exp.Expression], conditions: Sequence[exp.Expression]) -> exp.Expression:
    """The conditions as a tree of little depth: whoever walks thousands of them does so recursively."""
    if len(conditions) == 1:
        return conditions[0]
    half = len(conditions) // 2
    return binary(kind, _balanced(kind, conditions[:half]), _balanced(kind, conditions[half:]))


def negation(condition: exp.Expression) -> exp.Expression:
    """`NOT condition`."""
    return exp.Not(this=paren(condition))


def known(condition: exp.Expression) -> exp.Expression:
    """The condition, FALSE where it is unknown."""
    return condition if never_null(condition) else coalesce(condition, exp.false())


def never_null(condition: exp.Expression) -> bool:
    """Whether a condition is true or false whatever the columns hold."""
    if isinstance(condition, exp.Paren | exp.Not):
        return never_null(condition.this)
    if isinstance(condition, exp.And | exp.Or):
        return never_null(condition.this) and never_null(condition.expression)
    if isinstance(condition, exp.Coalesce):
        return isinstance(condition.expressions[-1], exp.Boolean)
    return isinstance(condition, exp.Boolean | exp.Exists) or (
        isinstance(condition, exp.Is) and isinstance(condition.expression, exp.Null)
    )


def coalesce(first: exp.Expression, *others: exp.Expression) -> exp.Expression:
    """The first operand that is not null."""
    return exp.Coalesce(this=first, expressions=list(others))


def is_null(item: exp.Expression) -> exp.Expression:
    """`item IS NULL`."""
    return exp.Is(this=paren(item), expression=exp.Null())


def case(*branches: tuple[exp.Expression, exp.Expression], otherwise: exp.Expression | None = None) -> exp.Expression:
    """`CASE WHEN condition THEN result … ELSE otherwise END`."""
    found = exp.Case(ifs=[exp.If(this=condition, true=result) for condition, result in branches])
    if otherwise is not None:
        found.set("default", otherwise)
    return found


def text(value: str) -> exp.Expression:
    """A text literal; DuckDB keeps no zero character, so they are left out."""
    return exp.Literal.string(value.replace("\0", ""))


def integer(value: int) -> exp.Expression:
    """An integer literal."""
    return exp.Literal.number(value) if value >= 0 else exp.Paren(this=exp.Neg(this=exp.Literal.number(-value)))


def double(value: float) -> exp.Expression:
    """A DOUBLE literal: without an exponent DuckDB takes it for a DECIMAL."""
    if not math.isfinite(value):
        return cast(exp.Literal.string(repr(value)), "DOUBLE")
    written = repr(abs(value))
    found = exp.Literal.number(written if "e" in written else f"{written}e0")
    return exp.Paren(this=exp.Neg(this=found)) if value < 0 else found


def octets(value: bytes) -> exp.Expression:
    """A BLOB; the engine folds the call into a constant, by which it then leaves out row groups."""
    return exp.Unhex(this=exp.Literal.string(value.hex()))


def cast(item: exp.Expression, kind: str) -> exp.Expression:
    """`CAST(item AS kind)`."""
    return exp.Cast(this=item, to=exp.DataType.build(kind, dialect="duckdb"))


def try_cast(item: exp.Expression, kind: str) -> exp.Expression:
    """The same, null where the value does not fit."""
    return exp.TryCast(this=item, to=exp.DataType.build(kind, dialect="duckdb"), safe=True)


def attempt(item: exp.Expression) -> exp.Expression:
    """The value, null where computing it fails."""
    return exp.Try(this=item)


def function_of(name: str, body: exp.Expression) -> exp.Expression:
    """`LAMBDA name : body`; the body names its item by `variable(name)`."""
    return exp.Lambda(this=body, expressions=[exp.to_identifier(name, quoted=True)])


def variable(name: str) -> exp.Expression:
    """The item of a lambda."""
    return exp.column(exp.to_identifier(name, quoted=True))


def array(*items: exp.Expression) -> exp.Expression:
    """A list of items."""
    return exp.Array(expressions=list(items))
