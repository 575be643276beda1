"""NQL's operators over values of any types, in two-valued logic: what is unknown is not equal, less or like anything.

Results that could be null are `COALESCE(…, FALSE)`; where a condition chooses rows, `condition` takes that off again,
so that the engine can leave out row groups by it. Text beside an address means what the text writes: an address, a
CIDR network, the first pairs of a link-layer address, an exporter of interfaces. A list beside a single value means
that some item fits.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from tapiary.query import constants, sql
from tapiary.query.coercion import NOTHING, alike, as_text, list_value, literal, texts, unify
from tapiary.query.function_error import FunctionError
from tapiary.query.types import BOOLEAN, DOUBLE, IFC, IP, MAC, NULL, NUMBERS, STRING, SUBNET, Type, Value, list_of

#: The type of a regular expression between slashes.
REGEX = Type("regex")
_ORDER: dict[str, type[exp.Expression]] = {">": exp.GT, ">=": exp.GTE, "<": exp.LT, "<=": exp.LTE}
_Test = Callable[[Value], exp.Expression]
_WILDCARDS = (("^", "^^"), ("%", "^%"), ("_", "^_"), ("*", "%"), ("?", "_"))

__all__ = [
    "NOTHING", "REGEX", "all_of", "any_of", "compare", "condition", "equality", "list_value", "literal", "matches",
    "member", "negate", "truth", "within",
]


def compare(op: str, left: Value, right: Value) -> Value:
    """`left op right` for `=`, `==`, `!=`, `>`, `>=`, `<`, `<=` and `~=`; a right side of type REGEX is searched."""
    if op in ("=", "=="):
        return _boolean(equality(left, right))
    if op == "!=":
        return negate(_boolean(equality(left, right)))
    if op == "~=":
        return _boolean(_each(left, lambda item: _like(item, right)))
    return _boolean(_each(left, lambda item: _order(op, item, right)))


def member(item: Value, of: Value) -> Value:
    """`item in of`: whether the item, or one of its items, is an item of the list (or in the network, or equal)."""
    if of.literal is not None and of.type.item is not None:
        return _boolean(_each(item, lambda one: _one_of(one, of.literal[0] if of.literal else [])))
    if of.type.item is None:
        return _boolean(equality(of, item))
    if item.type.item is None:
        return _boolean(_any_item(of, lambda one: equality(one, item)))
    return _boolean(_common(item, of))


def all_of(*values: Value) -> Value:
    """Logical and."""
    return _boolean(sql.conjunction(*(truth(value) for value in values)))


def any_of(*values: Value) -> Value:
    """Logical or."""
    return _boolean(sql.disjunction(*(truth(value) for value in values)))


def negate(value: Value) -> Value:
    """Logical not: true for what is not true."""
    plain = truth(value)
    return _boolean(plain.this if isinstance(plain, exp.Not) else sql.negation(plain))


def truth(value: Value) -> exp.Expression:
    """Whether a value is true, never null; only a BOOLEAN ever is."""
    return sql.known(value.sql) if value.type == BOOLEAN else exp.false()


def condition(value: Value) -> exp.Expression:
    """A value as the condition of WHERE, where unknown and false are the same."""
    return _bare(truth(value))


def _bare(expression: exp.Expression) -> exp.Expression:
    if isinstance(expression, exp.Paren):
        return sql.paren(_bare(expression.this))
    if isinstance(expression, exp.And | exp.Or):
        return sql.binary(type(expression), _bare(expression.this), _bare(expression.expression))
    if isinstance(expression, exp.Coalesce) and expression.expressions == [exp.false()]:
        return _bare(expression.this)
    return expression


def equality(left: Value, right: Value) -> exp.Expression:
    """Whether two values are equal; null where it is unknown."""
    if right.type == REGEX:
        return _each(left, lambda item: matches(item, right))
    if NULL in (left.type, right.type):
        other = left if right.type == NULL else right
        return exp.true() if other.type == NULL else sql.is_null(other.sql)
    if left.type.item and right.type.item:
        return _same_list(left, right)
    if left.type.item and alike(left, right) is None:
        return _any_item(left, lambda item: equality(item, right))
    if right.type.item and alike(left, right) is None:
        return _any_item(right, lambda item: equality(left, item))
    if right.type in (STRING, SUBNET):
        special = _meant_by(left, right)
        if special is not None:
            return special
    if left.type in (STRING, SUBNET):
        special = _meant_by(right, left)
        if special is not None:
            return special
    pair = alike(left, right)
    return exp.false() if pair is None else sql.equal(*pair)


def _meant_by(value: Value, wanted: Value) -> exp.Expression | None:
    """Equality with a network or with constant text that means more than one value; None when it does not."""
    if value.type == IP and wanted.type == SUBNET:
        return within(value.sql, wanted.sql)
    if wanted.literal is None or wanted.type != STRING:
        return None
    text: str = wanted.literal[0]
    if value.type == IP:
        stored = constants.network(text)
        return None if stored is None else _in_range(value.sql, stored[:16], stored[16:32])
    if value.type == SUBNET:
        stored = constants.address(text)
        return None if stored is None else within(sql.octets(stored), value.sql)
    if value.type == MAC:
        found = constants.mac_range(text)
        return None if found is None else sql.between(value.sql, *map(sql.integer, found))
    if value.type == IFC and (stored := constants.address(text)) is not None:
        exporter = constants.address_text(stored)
        return sql.call("starts_with", value.sql, sql.text(f"{exporter}["))
    return None


def within(ip: exp.Expression, net: exp.Expression) -> exp.Expression:
    """Whether an address lies in a network; ``::/0`` and its like do not hold IPv4, which is stored inside of them."""
    first, last = (sql.call("array_slice", net, sql.integer(a), sql.integer(b)) for a, b in ((1, 16), (17, 32)))
    stray = sql.conjunction(
        sql.between(ip, *map(sql.octets, constants.IPV4)), sql.binary(exp.LT, first, sql.octets(constants.IPV4[0]))
    )
    return sql.conjunction(
        sql.binary(exp.GTE, ip, first), sql.binary(exp.LTE, ip, last), sql.negation(stray)
    )


def _in_range(ip: exp.Expression, first: bytes, last: bytes) -> exp.Expression:
    if first == last:
        return sql.equal(ip, sql.octets(first))
    found = sql.between(ip, sql.octets(first), sql.octets(last))
    if first < constants.IPV4[0] and last > constants.IPV4[1]:
        return sql.conjunction(found, sql.negation(sql.between(ip, *map(sql.octets, constants.IPV4))))
    return found


def _order(op: str, left: Value, right: Value) -> exp.Expression:
    if right.type.item:
        return _any_item(right, lambda item: _order(op, left, item))
    pair = None if NULL in (left.type, right.type) else alike(left, right)
    return exp.false() if pair is None else sql.binary(_ORDER[op], *pair)


def _like(value: Value, pattern: Value) -> exp.Expression:
    """Whether a value's text fits a pattern: `*` is any text, `?` and `.` one character (a point in addresses)."""
    constant = pattern.literal[0] if pattern.literal and pattern.type == STRING else None
    if value.type == IP and constant is not None:
        octets = constants.octet_range(constant)
        if octets is not None:
            return _in_range(value.sql, *octets)
    text, wanted = as_text(value), as_text(pattern)
    if text is None or wanted is None:
        return exp.false()
    steps = _WILDCARDS if value.type in (IP, SUBNET, IFC, DOUBLE) else (*_WILDCARDS, (".", "_"))
    if constant is not None:
        for old, new in steps:
            constant = constant.replace(old, new)
        wanted = sql.text(constant)
    else:
        for old, new in steps:
            wanted = sql.call("replace", wanted, sql.text(old), sql.text(new))
    return exp.Escape(this=exp.Like(this=sql.paren(text), expression=sql.paren(wanted)), expression=sql.text("^"))


def matches(value: Value, pattern: Value) -> exp.Expression:
    """Whether a regular expression is found in a value's text.

    Raises FunctionError when the pattern is constant and the engine does not take it.
    """
    text, wanted = as_text(value), pattern.sql if pattern.type == REGEX else as_text(pattern)
    if text is None or wanted is None:
        return exp.false()
    if pattern.literal is None:
        return sql.attempt(sql.call("regexp_matches", text, wanted))
    from tapiary.query.engine import pattern_fault

    fault = pattern_fault(str(pattern.literal[0]))
    if fault is not None:
        raise FunctionError(f"the regular expression /{pattern.literal[0]}/ is not valid: {fault}", argument=1)
    return sql.call("regexp_matches", text, wanted)


def _one_of(item: Value, wanted: list[object]) -> exp.Expression:
    """Whether a single value is one of these constants: those that are one value each go into one IN."""
    plain: list[exp.Expression] = []
    others: list[exp.Expression] = []
    for constant in wanted:
        found = equality(item, literal(constant))
        if isinstance(found, exp.EQ) and found.this == sql.paren(item.sql):
            plain.append(found.expression)
        elif found != exp.false():
            others.append(found)
    if plain:
        others.append(exp.In(this=sql.paren(item.sql), expressions=plain))
    return sql.disjunction(*map(sql.known, others)) if len(others) > 1 else sql.disjunction(*others)


def _same_list(left: Value, right: Value) -> exp.Expression:
    """Whether two lists have the same items in the same order."""
    for one, other in ((left, right), (right, left)):
        if one.literal == ([],):
            return sql.equal(sql.call("len", other.sql), sql.integer(0))
    left, right = _as_items_of(left, right), _as_items_of(right, left)
    (one_list, other_list), _ = unify([left, right])
    return sql.equal(one_list, other_list)


def _as_items_of(value: Value, other: Value) -> Value:
    """A constant list of texts as a list of the other's type of items, when each text writes such a one."""
    item = other.type.item
    if value.literal is None or item is None or value.type != list_of(STRING) or item == STRING:
        return value
    pairs = [alike(Value(exp.Null(), item), literal(text)) for text in value.literal[0]]
    if any(pair is None or isinstance(pair[1], exp.Null) for pair in pairs):
        return value
    return Value(sql.array(*(pair[1] for pair in pairs if pair)), list_of(item))


def _common(left: Value, right: Value) -> exp.Expression:
    """Whether two lists have an item in common."""
    if NULL in (left.type.item, right.type.item):
        return exp.false()
    left, right = _as_items_of(left, right), _as_items_of(right, left)
    if left.type != right.type and not (left.type.item in NUMBERS and right.type.item in NUMBERS):
        return sql.call("list_has_any", texts(left), texts(right))
    return sql.call("list_has_any", left.sql, right.sql)


def _each(value: Value, test: _Test) -> exp.Expression:
    return _any_item(value, test) if value.type.item else test(value)


def _any_item(value: Value, test: _Test) -> exp.Expression:
    if value.type.item in (None, NULL):
        return exp.false()
    assert value.type.item is not None
    found = test(Value(sql.variable("_item"), value.type.item))
    if found == exp.false():
        return found
    if isinstance(found, exp.EQ) and found.this == sql.variable("_item"):
        return sql.call("list_contains", value.sql, found.expression)
    fitting = sql.call("list_filter", value.sql, sql.function_of("_item", found))
    return sql.binary(exp.GT, sql.call("len", fitting), sql.integer(0))


def _boolean(expression: exp.Expression) -> Value:
    return Value(sql.known(expression), BOOLEAN)
