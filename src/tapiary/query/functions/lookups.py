"""Lookups: values beside keys in tables of the user's own, of addresses' networks too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

from tapiary.query import sql
from tapiary.query.catalog import Lookup
from tapiary.query.coercion import NOTHING, alike, as_ip, list_value, unify
from tapiary.query.function_error import FunctionError
from tapiary.query.functions.registry import Context, Options, Registry
from tapiary.query.functions.searching import Search, Table, each_item
from tapiary.query.types import BOOLEAN, IP, MAP, STRING, Value, list_of


def declare(functions: Registry) -> None:
    """Add these functions."""
    add = functions.add
    add("lookup", "lookup(name, column, keys, default=, defaultToKey=, unwind=)", "The column's value in the first row "
        "of a lookup whose columns equal the keys {column: value, …}; unwind names a key that is a list")(_lookup)
    add("lookup", "lookupAll(name, column, keys, default=, noresult=, defaultToKey=, unwind=)", "The column's values "
        "in all such rows, at most 1000; [] for none")(_lookup_all)
    add("lookup", "lookupKeyExists(name, keys)", "Whether there is such a row")(_key_exists)


def constant_text(function: str, value: Value, argument: int) -> str:
    """An argument that must be constant text. Raises FunctionError."""
    if value.literal is None or not isinstance(value.literal[0], str):
        raise FunctionError(f"{function}: argument {argument + 1} must be a text in quotes.", argument=argument)
    return value.literal[0]


def constant_keys(function: str, value: Value, argument: int) -> Mapping[str, Value]:
    """An argument that must be a map as {"column": value}. Raises FunctionError."""
    if value.type != MAP or value.literal is None or not value.literal[0]:
        raise FunctionError(f'{function}: the keys are written as {{"column": value, …}}.', argument=argument)
    keys: Mapping[str, Value] = value.literal[0]
    return keys


def otherwise(found: Value, options: Options, key: Value) -> Value:
    """A result with what the options default (in a place of the manual: noresult) and defaultToKey put for null."""
    other = options.value("default") or options.value("noresult")
    if other is None and options.flag("defaultToKey"):
        other = key
    if other is None:
        return found
    (result, instead), kind = unify([found, other])
    return Value(sql.coalesce(result, instead), kind)


def _table(lookup: Lookup, context: Context) -> Table:
    context.lookups.add(lookup.relation)
    network_key = next(iter(lookup.fields)) if lookup.kind == "subnet" else None
    relation = exp.Table(this=exp.to_identifier(lookup.relation, quoted=True))
    return Table(relation, lookup.fields, exp.column(exp.to_identifier("_row", quoted=True)), network_key)


def _search(lookup: Lookup, keys: Mapping[str, Value], context: Context) -> Search | None:
    """The search of a lookup, None when no row can fit."""
    for key, value in keys.items():
        kind = lookup.fields.get(key)
        if kind is None or (value.type.item is not None and alike(Value(value.sql, kind), value) is None):
            return None
    table = _table(lookup, context)
    if table.network_key is None or table.network_key not in keys:
        return Search(table, keys)
    ip = as_ip(keys[table.network_key])
    return None if ip is None else Search(table, {**keys, table.network_key: Value(ip, IP)})


def _lookup(args: Sequence[Value], options: Options, context: Context) -> Value:
    return _find("lookup", args, options, context)


def _lookup_all(args: Sequence[Value], options: Options, context: Context) -> Value:
    return _find("lookupAll", args, options, context)


def _find(function: str, args: Sequence[Value], options: Options, context: Context) -> Value:
    lookup = context.catalog.lookup(constant_text(function, args[0], 0))
    out, keys = constant_text(function, args[1], 1), constant_keys(function, args[2], 2)
    unwind = options.text("unwind")
    if unwind is None:
        return _one(function, lookup, out, keys, options, context)
    if unwind not in keys:
        raise FunctionError(f"{function}: unwind names one of the keys {', '.join(keys)}, not `{unwind[:60]}`.")
    items = keys[unwind]
    if items.type.item is None:
        return _one(function, lookup, out, keys, options, context)
    kind = items.type.item

    def of_item(item: exp.Expression) -> Value:
        return _one(function, lookup, out, {**keys, unwind: Value(item, kind)}, options, context)

    return each_item(items.sql, of_item)


def _one(
    function: str, lookup: Lookup | None, out: str, keys: Mapping[str, Value], options: Options, context: Context
) -> Value:
    key = next(iter(keys.values()))
    search = _search(lookup, keys, context) if lookup is not None and out in lookup.fields else None
    if function == "lookup":
        if lookup is None or search is None:
            return otherwise(NOTHING, options, key)
        return otherwise(search.every(out) if lookup.overlapping else search.first(out), options, key)
    if lookup is None:
        return NOTHING
    found = search.every(out) if search is not None else Value(exp.Null(), list_of(STRING))
    default = otherwise(NOTHING, options, key)
    none = list_value([]) if default is NOTHING else list_value([default])
    (result, instead), kind = unify([found, none])
    return Value(sql.coalesce(result, instead), kind)


def _key_exists(args: Sequence[Value], options: Options, context: Context) -> Value:
    lookup = context.catalog.lookup(constant_text("lookupKeyExists", args[0], 0))
    keys = constant_keys("lookupKeyExists", args[1], 1)
    if lookup is None:
        return NOTHING
    search = _search(lookup, keys, context)
    return Value(exp.false() if search is None else search.exists(), BOOLEAN)
