"""Functions on text. Numbers, addresses and the like count as their texts; positions are characters from 0."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from tapiary.query import sql
from tapiary.query.coercion import NOTHING, as_long, as_text, literal
from tapiary.query.function_error import FunctionError
from tapiary.query.functions.registry import Context, Options, Registry
from tapiary.query.types import BOOLEAN, IFC, LONG, NULL, STRING, Value

_BLANKS = " \t\n\r\f\v"


def declare(functions: Registry) -> None:
    """Add these functions."""
    add = functions.add
    add("text", "concat(a, b, …, delimiter=, distinct=, limit=)", "The arguments' texts in a row, nulls left out")(
        _concat
    )
    add("text", "substring(text, from[, end], endId=)", "From one position up to, but without, another; negative ones "
        "count from the end; null outside of the text")(_substring)
    add("text", "left(text, n)", "The first n characters; for a negative n all but the last -n")(_left)
    add("text", "right(text, n)", "The last n characters; n may be negative")(_right)
    add("text", "lower(text)", "In lower case")(_plain("lower"))
    add("text", "upper(text)", "In upper case")(_plain("upper"))
    add("text", "replace(text, a, b, strat=)", "b in place of the first (default), last or all a: strat=first, last, "
        "all")(_replace)
    add("text", "trim(text)", "Without blanks at both ends; null for what is no text")(_trim)
    add("text", "startsWith(text, start)", "Whether the text begins with another")(_test("starts_with"))
    add("text", "endsWith(text, end)", "Whether the text ends with another")(_test("ends_with"))
    add("text", "contains(text, part, ignorecase=)", "Whether the text contains another")(_contains)
    add("text", "not_contains(text, part, ignorecase=)", "Whether it does not", "notContains")(_not_contains)
    add("text", "indexOf(text, part, startIndex=, ignoreCase=)", "The position of the first part, null if none")(
        _index_of
    )
    add("text", "strlen(text)", "The number of characters")(_length)


def _text_of(value: Value) -> exp.Expression:
    """The value's text, null where it has none."""
    return as_text(value) or sql.cast(exp.Null(), "VARCHAR")


def _has_text(*values: Value) -> bool:
    return all(value.type == NULL or as_text(value) is not None for value in values)


def _concat(args: Sequence[Value], options: Options, context: Context) -> Value:
    delimiter = options.text("delimiter") or ""
    items: exp.Expression = sql.array(*(_text_of(value) for value in args))
    items = sql.call("list_filter", items, sql.function_of("_item", sql.negation(sql.is_null(sql.variable("_item")))))
    return Value(joined(items, delimiter, options), STRING)


def joined(items: exp.Expression, delimiter: str, options: Options) -> exp.Expression:
    """A list of texts as one text, by the options distinct and limit. Raises FunctionError for a wrong option."""
    limit = options.number("limit")
    if limit is not None and limit < 0:
        raise FunctionError("limit is a whole number from 0.")
    if options.flag("distinct"):
        items = sql.call("nql_distinct", items)
    if limit is not None:
        items = sql.call("list_slice", items, sql.integer(1), sql.integer(int(min(limit, 2**31))))
    return sql.call("array_to_string", items, sql.text(delimiter))


def _substring(args: Sequence[Value], options: Options, context: Context) -> Value:
    end_value = options.value("endId") or (args[2] if len(args) > 2 else None)
    text, start = as_text(args[0]), as_long(args[1])
    end = as_long(end_value) if end_value is not None else None
    if text is None or start is None or (end_value is not None and end is None):
        return NOTHING
    length = sql.call("length", text)
    first, last = _from_start(start, length), length if end is None else _from_start(end, length)
    inside = sql.conjunction(
        sql.between(first, sql.integer(0), length), sql.between(last, first, length)
    )
    count = sql.binary(exp.Sub, last, first)
    cut = sql.call("substring", text, sql.binary(exp.Add, first, sql.integer(1)), count)
    return Value(sql.case((inside, cut)), STRING)


def _from_start(position: exp.Expression, length: exp.Expression) -> exp.Expression:
    negative = sql.binary(exp.LT, position, sql.integer(0))
    return sql.case((negative, sql.binary(exp.Add, position, length)), otherwise=position)


def _bounded(count: exp.Expression) -> exp.Expression:
    """A count of characters within 32 bits, which is all that a text has."""
    return sql.call("greatest", sql.integer(-(2**31)), sql.call("least", sql.integer(2**31 - 1), count))


def _left(args: Sequence[Value], options: Options, context: Context) -> Value:
    text, count = as_text(args[0]), as_long(args[1])
    if text is None or count is None:
        return NOTHING
    return Value(sql.call("left", text, _bounded(count)), STRING)


def _right(args: Sequence[Value], options: Options, context: Context) -> Value:
    text, count = as_text(args[0]), as_long(args[1])
    if text is None or count is None:
        return NOTHING
    return Value(sql.call("right", text, sql.call("abs", _bounded(count))), STRING)


def _plain(name: str) -> Callable[[Sequence[Value], Options, Context], Value]:
    def build(args: Sequence[Value], options: Options, context: Context) -> Value:
        text = as_text(args[0])
        return NOTHING if text is None else Value(sql.call(name, text), STRING)

    return build


def _replace(args: Sequence[Value], options: Options, context: Context) -> Value:
    strategy = (options.text("strat") or "first").lower()
    if strategy not in ("first", "last", "all"):
        raise FunctionError(f"strat is first, last or all, not `{strategy[:40]}`.")
    text, old, new = (as_text(value) for value in args)
    if text is None or old is None or new is None:
        return NOTHING
    if strategy == "all":
        everywhere = sql.call("replace", text, old, new)
        return Value(sql.case((sql.equal(old, sql.text("")), text), otherwise=everywhere), STRING)
    at = sql.call("strpos", text, old)
    before = sql.call("left", text, sql.binary(exp.Sub, at, sql.integer(1)))
    if strategy == "last":
        pattern = sql.call("concat", sql.text("^(.*)"), sql.call("regexp_escape", old))
        before = sql.call("regexp_extract", text, pattern, sql.integer(1), sql.text("s"))
    rest = sql.binary(exp.Add, sql.call("length", before), sql.call("length", old))
    after = sql.call("substring", text, sql.binary(exp.Add, rest, sql.integer(1)))
    absent = sql.disjunction(sql.equal(at, sql.integer(0)), sql.equal(old, sql.text("")))
    whole = sql.binary(exp.DPipe, sql.binary(exp.DPipe, before, new), after)
    return Value(sql.case((absent, text), otherwise=whole), STRING)


def _trim(args: Sequence[Value], options: Options, context: Context) -> Value:
    if args[0].type not in (STRING, IFC):
        return NOTHING
    return Value(sql.call("trim", args[0].sql, sql.text(_BLANKS)), STRING)


def _test(name: str) -> Callable[[Sequence[Value], Options, Context], Value]:
    def build(args: Sequence[Value], options: Options, context: Context) -> Value:
        if not _has_text(*args):
            return NOTHING
        return Value(sql.known(sql.call(name, *(_text_of(value) for value in args))), BOOLEAN)

    return build


def _contains(args: Sequence[Value], options: Options, context: Context) -> Value:
    if not _has_text(*args):
        return NOTHING
    text, part = (_text_of(value) for value in args)
    if options.flag("ignorecase"):
        text, part = sql.call("lower", text), sql.call("lower", part)
    return Value(sql.known(sql.call("contains", text, part)), BOOLEAN)


def _not_contains(args: Sequence[Value], options: Options, context: Context) -> Value:
    found = _contains(args, options, context)
    return found if found is NOTHING else Value(sql.negation(found.sql), BOOLEAN)


def _index_of(args: Sequence[Value], options: Options, context: Context) -> Value:
    text, part = as_text(args[0]), as_text(args[1])
    start = as_long(options.value("startIndex") or literal(0))
    if text is None or part is None or start is None:
        return NOTHING
    if options.flag("ignoreCase"):
        text, part = sql.call("lower", text), sql.call("lower", part)
    start = sql.call("greatest", sql.integer(0), _bounded(start))
    at = sql.call("strpos", sql.call("substring", text, sql.binary(exp.Add, start, sql.integer(1))), part)
    found = sql.conjunction(
        sql.binary(exp.GT, at, sql.integer(0)), sql.binary(exp.LTE, start, sql.call("length", text))
    )
    position = sql.binary(exp.Sub, sql.binary(exp.Add, at, start), sql.integer(1))
    return Value(sql.case((found, position)), LONG)


def _length(args: Sequence[Value], options: Options, context: Context) -> Value:
    text = as_text(args[0])
    return NOTHING if text is None else Value(sql.call("length", text), LONG)
