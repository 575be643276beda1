"""One value as another type: what operators and functions do with arguments that are not what they expect.

Nothing here raises: what cannot be read as the wanted type is None (known when the query is compiled) or null in a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlglot import exp

from tapiary.query import constants, sql
from tapiary.query.types import (
    BOOLEAN,
    DOUBLE,
    IFC,
    IP,
    LONG,
    MAC,
    MAP,
    NULL,
    NUMBERS,
    STRING,
    SUBNET,
    Type,
    Value,
    list_of,
)

#: What has no value at all.
NOTHING = Value(exp.Null(), NULL, (None,))
#: A text column may write any number: exact for whole ones of 64 bits, nine decimals for others.
_DECIMAL = "DECIMAL(38, 9)"


def literal(value: Any) -> Value:
    """A constant of Python as a value: None, bool, int, float, str, and lists of these."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return Value(exp.Boolean(this=value), BOOLEAN, (value,))
    if isinstance(value, int) and constants.LEAST_LONG <= value <= constants.MOST_LONG:
        return Value(sql.integer(value), LONG, (value,))
    if isinstance(value, int | float):
        return Value(sql.double(float(value)), DOUBLE, (float(value),))
    if isinstance(value, str):
        return Value(sql.text(value), STRING, (value,))
    return list_value([literal(item) for item in value])


def list_value(items: Sequence[Value]) -> Value:
    """A list of values, constant when all of them are; items of different types become texts."""
    expressions, item = unify(items)
    constant = ([value.literal[0] for value in items if value.literal],) if all(v.literal for v in items) else None
    return Value(sql.array(*expressions), list_of(item), constant)


def as_text(value: Value) -> exp.Expression | None:
    """The text of anything but a list, a map or null."""
    if value.type in (STRING, IFC):
        return value.sql
    if value.type in (LONG, DOUBLE, BOOLEAN):
        return sql.cast(value.sql, "VARCHAR")
    if value.type == IP:
        return sql.call("nql_ip_text", value.sql)
    if value.type == SUBNET:
        return sql.call("nql_subnet_text", value.sql)
    if value.type == MAC:
        return mac_text(value.sql, "x")
    return None


def mac_text(mac: exp.Expression, digits: str) -> exp.Expression:
    """The text of a link-layer address with hexadecimal `digits` in lower (`x`) or upper case (`X`)."""
    plain = sql.call("format", sql.text(f"{{:012{digits}}}"), sql.cast(mac, "BIGINT"))
    pairs = sql.call("regexp_replace", plain, sql.text("(..)"), sql.text(r"\1:"), sql.text("g"))
    return sql.call("rtrim", pairs, sql.text(":"))


def as_long(value: Value) -> exp.Expression | None:
    """A whole number of 64 bits."""
    return sql.cast(value.sql, "BIGINT") if value.type == LONG else None


def as_double(value: Value) -> exp.Expression | None:
    """A number as DOUBLE."""
    return sql.cast(value.sql, "DOUBLE") if value.type in NUMBERS else None


def as_ip(value: Value) -> exp.Expression | None:
    """An address, its text, or its 32-bit words (one of IPv4, four of IPv6)."""
    if value.type == IP:
        return value.sql
    if value.type == STRING:
        return _read(value, constants.address, "nql_ip", sql.octets)
    if value.type == list_of(LONG):
        return sql.call("nql_ip_of_words", sql.cast(value.sql, "BIGINT[]"))
    return None


def as_subnet(value: Value) -> exp.Expression | None:
    """A network or its text."""
    if value.type == SUBNET:
        return value.sql
    return _read(value, constants.network, "nql_subnet", sql.octets) if value.type == STRING else None


def as_mac(value: Value) -> exp.Expression | None:
    """A link-layer address, its text, or its six bytes."""
    if value.type == MAC:
        return value.sql
    if value.type == STRING:
        return _read(value, constants.mac, "nql_mac", sql.integer)
    if value.type == list_of(LONG):
        return sql.call("nql_mac_of_bytes", sql.cast(value.sql, "BIGINT[]"))
    return None


def _read(value: Value, read: Any, function: str, build: Any) -> exp.Expression:
    if value.literal is None:
        return sql.call(function, value.sql)
    found = read(value.literal[0])
    return exp.Null() if found is None else build(found)


def alike(left: Value, right: Value) -> tuple[exp.Expression, exp.Expression] | None:
    """Both values in one form that `=` and `<` compare, None when no value of one type is ever one of the other.

    Text beside another type is read as that type; text that cannot be read is null.
    """
    if left.type == right.type and left.type.name not in ("list", MAP.name):
        return left.sql, right.sql
    if left.type in NUMBERS and right.type in NUMBERS:
        return left.sql, right.sql
    if right.type == STRING:
        return _beside_text(left, right)
    if left.type == STRING:
        found = _beside_text(right, left)
        return found and (found[1], found[0])
    for read in (as_ip, as_mac):
        if {left.type, right.type} == {IP if read is as_ip else MAC, list_of(LONG)}:
            one, other = read(left), read(right)
            return (one, other) if one is not None and other is not None else None
    return None


def _beside_text(value: Value, text: Value) -> tuple[exp.Expression, exp.Expression] | None:
    if value.type in NUMBERS:
        if text.literal is not None:
            number = constants.number(text.literal[0])
            return None if number is None else (value.sql, literal(number).sql)
        kind = _DECIMAL if value.type == LONG else "DOUBLE"
        return sql.cast(value.sql, kind), sql.try_cast(text.sql, kind)
    if value.type == BOOLEAN:
        return sql.cast(value.sql, "VARCHAR"), sql.call("lower", text.sql)
    if value.type == IFC and text.literal is not None:
        written = constants.interface(text.literal[0])
        return None if written is None else (value.sql, sql.text(written))
    if value.type == IFC:
        return value.sql, text.sql
    read = {IP: as_ip, SUBNET: as_subnet, MAC: as_mac}.get(value.type)
    found = read(text) if read else None
    return None if found is None else (value.sql, found)


def unify(values: Sequence[Value]) -> tuple[list[exp.Expression], Type]:
    """Values as expressions of one type: theirs where all have one, DOUBLE for numbers, else text.

    Lists unite by their items; what has no text among texts is null.
    """
    kinds = list(dict.fromkeys(value.type for value in values if value.type != NULL))
    if len(kinds) <= 1:
        return [value.sql for value in values], kinds[0] if kinds else NULL
    if all(kind in NUMBERS for kind in kinds):
        return [sql.cast(value.sql, "DOUBLE") for value in values], DOUBLE
    if all(kind.item for kind in kinds):
        items = list(dict.fromkeys(kind.item for kind in kinds if kind.item and kind.item != NULL))
        if len(items) == 1:
            return [value.sql for value in values], list_of(items[0])
        if all(item in NUMBERS for item in items):
            return [sql.cast(value.sql, "DOUBLE[]") for value in values], list_of(DOUBLE)
        return [texts(value) for value in values], list_of(STRING)
    return [as_text(value) or exp.Null() for value in values], STRING


def texts(value: Value) -> exp.Expression:
    """A list with its items as texts; null for what is no list."""
    if value.type.item is None or value.type == list_of(STRING):
        return value.sql if value.type.item else exp.Null()
    item = as_text(Value(sql.variable("_item"), value.type.item)) or sql.cast(exp.Null(), "VARCHAR")
    return sql.call("list_transform", value.sql, sql.function_of("_item", item))


