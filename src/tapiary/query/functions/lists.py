"""Functions on lists and maps. A single value beside a list counts as a list of one."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from tapiary.query import sql
from tapiary.query.coercion import NOTHING, as_long, as_text, literal, unify
from tapiary.query.functions.registry import Context, Options, Registry
from tapiary.query.operators import all_of, any_of, compare, member, negate
from tapiary.query.types import BOOLEAN, LONG, MAP, NULL, STRING, Value, list_of


def declare(functions: Registry) -> None:
    """Add these functions."""
    add = functions.add
    add("lists", "any(a, b)", "Whether the lists have an item in common")(_any)
    add("lists", "all(a, b)", "Whether every item of a is an item of b")(_all)
    add("lists", "none(a, b)", "Whether the lists have no item in common")(
        lambda args, options, context: negate(_any(args, options, context))
    )
    add("lists", "len(list)", "The number of items; null for what is no list")(_length)
    add("lists", "valueAt(list, i)", "The item at a position from 0, null outside")(
        lambda args, options, context: _item(args[0], args[1])
    )
    add("lists", "get(i, list)", "The item at a position from 0, null outside")(
        lambda args, options, context: _item(args[1], args[0])
    )
    add("lists", "anyMatchingNumber(list, mask, x)", "Whether some item's bits under the mask are x")(_masked)
    add("lists", "noMatchingNumber(list, mask, x)", "Whether no item's bits under the mask are x")(
        lambda args, options, context: negate(_masked(args, options, context))
    )
    add("maps", "hasKey(key, map)", "Whether the map has the key")(_has_key)
    add("maps", "hasValue(x, map)", "Whether the map has the value")(_has_value)
    add("maps", "getValue(key, map)", "The value of a key, null if there is none")(_value_of)


def _any(args: Sequence[Value], options: Options, context: Context) -> Value:
    first, second = args
    if first.literal is not None and second.literal is None:
        first, second = second, first
    return member(first, second)


def _all(args: Sequence[Value], options: Options, context: Context) -> Value:
    inner, outer = args
    if inner.type.item is None:
        return member(inner, outer)
    if inner.literal is not None:
        return all_of(*(member(literal(item), outer) for item in inner.literal[0]))
    if inner.type.item == NULL:
        return Value(sql.negation(sql.is_null(inner.sql)), BOOLEAN)
    missing = negate(member(Value(sql.variable("_one"), inner.type.item), outer)).sql
    others = sql.call("list_filter", inner.sql, sql.function_of("_one", missing))
    return Value(sql.known(sql.equal(sql.call("len", others), sql.integer(0))), BOOLEAN)


def _length(args: Sequence[Value], options: Options, context: Context) -> Value:
    return Value(sql.call("len", args[0].sql), LONG) if args[0].type.item is not None else NOTHING


def _item(of: Value, position: Value) -> Value:
    index = as_long(position)
    if of.type.item is None or index is None:
        return NOTHING
    if of.literal is not None and position.literal is not None:
        items, at = of.literal[0], position.literal[0]
        return literal(items[at]) if 0 <= at < len(items) else NOTHING
    inside = sql.binary(exp.GTE, index, sql.integer(0))
    found = sql.call("list_extract", of.sql, sql.binary(exp.Add, index, sql.integer(1)))
    return Value(sql.attempt(sql.case((inside, found))), of.type.item)


def _masked(args: Sequence[Value], options: Options, context: Context) -> Value:
    of, mask, wanted = args[0], as_long(args[1]), as_long(args[2])
    if of.type not in (list_of(LONG), LONG) or mask is None or wanted is None:
        return Value(exp.false(), BOOLEAN)
    if of.type == LONG:
        return Value(sql.known(sql.equal(sql.binary(exp.BitwiseAnd, of.sql, mask), wanted)), BOOLEAN)
    bits = sql.binary(exp.BitwiseAnd, sql.variable("_item"), mask)
    fitting = sql.call("list_filter", of.sql, sql.function_of("_item", sql.equal(bits, wanted)))
    return Value(sql.known(sql.binary(exp.GT, sql.call("len", fitting), sql.integer(0))), BOOLEAN)


def _has_key(args: Sequence[Value], options: Options, context: Context) -> Value:
    key, of = args
    if of.type != MAP or key.type == NULL:
        return Value(exp.false(), BOOLEAN)
    if of.literal is not None:
        return any_of(*(compare("=", key, literal(name)) for name in of.literal[0]))
    text = as_text(key)
    return Value(exp.false() if text is None else sql.known(sql.call("map_contains", of.sql, text)), BOOLEAN)


def _has_value(args: Sequence[Value], options: Options, context: Context) -> Value:
    wanted, of = args
    if of.type != MAP:
        return Value(exp.false(), BOOLEAN)
    if of.literal is not None:
        return any_of(*(compare("=", value, wanted) for value in of.literal[0].values()))
    values = Value(sql.call("map_values", of.sql), list_of(STRING))
    if wanted.type == NULL:
        empty = sql.call("list_filter", values.sql, sql.function_of("_item", sql.is_null(sql.variable("_item"))))
        return Value(sql.known(sql.binary(exp.GT, sql.call("len", empty), sql.integer(0))), BOOLEAN)
    return compare("=", values, wanted)


def _value_of(args: Sequence[Value], options: Options, context: Context) -> Value:
    key, of = args
    text = as_text(key)
    if of.type != MAP or text is None:
        return NOTHING
    if of.literal is None:
        return Value(sql.call("map_extract_value", of.sql, text), STRING)
    values: dict[str, Value] = of.literal[0]
    if key.literal is not None:
        return values.get(str(key.literal[0]), NOTHING)
    results, kind = unify(list(values.values()))
    branches = [(sql.equal(text, sql.text(name)), result) for name, result in zip(values, results, strict=True)]
    return Value(sql.case(*branches), kind) if branches else NOTHING
