"""Functions on moments: milliseconds since 1970 UTC, read and written in UTC or the option `zone`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from tapiary.query import sql
from tapiary.query.coercion import NOTHING, as_long, literal
from tapiary.query.functions.clock import Zone, formatted, local, moment, parsed, read_zone, stamp, universal
from tapiary.query.functions.registry import Context, Options, Registry
from tapiary.query.types import BOOLEAN, LONG, STRING, Value

_UNITS_MS = {"Days": 86_400_000, "Hours": 3_600_000, "Minutes": 60_000, "Seconds": 1_000, "Millis": 1}
_PARTS = {"Year": "year", "Month": "month", "Day": "day", "DayOfWeek": "isodow", "Hour": "hour", "Minute": "minute",
          "Second": "second"}
_DEFAULT_FORMAT = "YYYY-MM-dd HH:mm:ss.SSS"


def declare(functions: Registry) -> None:
    """Add these functions."""
    add = functions.add
    add("time", "now()", "The moment at which the query began")(lambda args, options, context: literal(context.now_ms))
    add("time", "timestamp(year, month, day, hour, minute, second, offset=, zone=)",
        "A moment by its parts; offset as ±hhmm")(_timestamp)
    add("time", "addYears(time, n)", "n years later")(_add_months(12))
    add("time", "addMonths(time, n)", "n months later")(_add_months(1))
    for unit, length_ms in _UNITS_MS.items():
        add("time", f"add{unit}(time, n)", f"n {unit.lower()} later")(_add(length_ms))
    for name, part in _PARTS.items():
        summary = "The day of the week, 1 is Monday" if part == "isodow" else f"The {part} of a moment"
        add("time", f"get{name}(time, zone=)", summary, name[0].lower() + name[1:])(_part(part))
    add("time", "tsToStr(time, format=, zone=)", f"A moment as text; the default format is {_DEFAULT_FORMAT}",
        "timestampToStr")(_to_text)
    add("time", "tsParse(text, format=, zone=)", "The moment that a text writes, null if it writes none")(_parse)
    add("time", "tsOffset(time, offset)", "A moment moved by ±hhmm, null outside of -1200 to 1400")(_offset)
    add("time", "isDateTimeBetween(time, begin, end, zone=)", "Whether a moment lies between two, both inside")(
        _date_time_between
    )
    add("time", "isTimeBetween(time, begin, end, zone=)", "Whether its time of day lies between two, both inside; "
        "the end may be after midnight")(_time_between)
    add("time", "isWeekendDay(time, zone=)", "Whether it is a Saturday or Sunday")(_weekday(6, 7))
    add("time", "isWorkingDay(time, zone=)", "Whether it is a Monday to Friday")(_weekday(1, 5))


def _zone(options: Options) -> Zone:
    return read_zone(options.text("zone"))


def _timestamp(args: Sequence[Value], options: Options, context: Context) -> Value:
    parts = [as_long(value) for value in args]
    present = [part for part in parts if part is not None]
    if len(present) < len(parts):
        return NOTHING
    time = sql.attempt(sql.call("make_timestamp", *present[:5], sql.cast(present[5], "DOUBLE")))
    ms = sql.attempt(sql.call("epoch_ms", universal(time, _zone(options))))
    offset = options.value("offset")
    if offset is None:
        return Value(ms, LONG)
    hhmm = as_long(offset)
    return NOTHING if hhmm is None else Value(_moved(ms, hhmm, exp.Sub), LONG)


def _moved(ms: exp.Expression, hhmm: exp.Expression, way: type[exp.Expression]) -> exp.Expression:
    """A moment moved by hours and minutes written as hhmm, null outside of -1200 to 1400."""
    hours = sql.binary(exp.Mul, sql.binary(exp.IntDiv, hhmm, sql.integer(100)), sql.integer(3_600_000))
    minutes = sql.binary(exp.Mul, sql.binary(exp.Mod, hhmm, sql.integer(100)), sql.integer(60_000))
    inside = sql.between(hhmm, sql.integer(-1200), sql.integer(1400))
    moved = sql.binary(way, sql.cast(ms, "HUGEINT"), sql.binary(exp.Add, hours, minutes))
    return sql.case((inside, sql.try_cast(moved, "BIGINT")))


def _add_months(months: int) -> Callable[[Sequence[Value], Options, Context], Value]:
    def build(args: Sequence[Value], options: Options, context: Context) -> Value:
        ms, count = (as_long(value) for value in args)
        if ms is None or count is None:
            return NOTHING
        span = sql.call("to_months", sql.cast(sql.binary(exp.Mul, count, sql.integer(months)), "INTEGER"))
        return Value(sql.attempt(sql.call("epoch_ms", sql.binary(exp.Add, stamp(ms), span))), LONG)

    return build


def _add(length_ms: int) -> Callable[[Sequence[Value], Options, Context], Value]:
    def build(args: Sequence[Value], options: Options, context: Context) -> Value:
        ms, count = (as_long(value) for value in args)
        if ms is None or count is None:
            return NOTHING
        span = sql.binary(exp.Mul, sql.cast(count, "HUGEINT"), sql.integer(length_ms))
        return Value(sql.try_cast(sql.binary(exp.Add, sql.cast(ms, "HUGEINT"), span), "BIGINT"), LONG)

    return build


def _part(part: str) -> Callable[[Sequence[Value], Options, Context], Value]:
    def build(args: Sequence[Value], options: Options, context: Context) -> Value:
        ms = as_long(args[0])
        return NOTHING if ms is None else Value(sql.call(part, local(ms, _zone(options))), LONG)

    return build


def _to_text(args: Sequence[Value], options: Options, context: Context) -> Value:
    ms, zone = as_long(args[0]), _zone(options)
    layout = options.text("format") or _DEFAULT_FORMAT
    return Value(formatted(ms, layout, zone), STRING) if ms is not None else NOTHING


def _parse(args: Sequence[Value], options: Options, context: Context) -> Value:
    layout, zone = options.text("format") or _DEFAULT_FORMAT, _zone(options)
    return Value(parsed(args[0].sql, layout, zone), LONG) if args[0].type == STRING else NOTHING


def _offset(args: Sequence[Value], options: Options, context: Context) -> Value:
    ms, hhmm = (as_long(value) for value in args)
    return NOTHING if ms is None or hhmm is None else Value(_moved(ms, hhmm, exp.Add), LONG)


def _date_time_between(args: Sequence[Value], options: Options, context: Context) -> Value:
    ms, zone = as_long(args[0]), _zone(options)
    begin, end = (moment(value, zone) for value in args[1:])
    if ms is None or begin is None or end is None:
        return NOTHING
    return Value(sql.between(ms, begin, end), BOOLEAN)


def _time_between(args: Sequence[Value], options: Options, context: Context) -> Value:
    ms = as_long(args[0])
    if ms is None or any(value.type != STRING for value in args[1:]):
        return NOTHING
    begin, end = (sql.try_cast(value.sql, "TIME") for value in args[1:])
    time = sql.cast(local(ms, _zone(options)), "TIME")
    after, before = sql.binary(exp.GTE, time, begin), sql.binary(exp.LTE, time, end)
    within_day = sql.binary(exp.LTE, begin, end)
    inside = sql.case(
        (within_day, sql.conjunction(after, before)),
        (sql.binary(exp.GT, begin, end), sql.disjunction(after, before)),
    )
    return Value(inside, BOOLEAN)


def _weekday(first: int, last: int) -> Callable[[Sequence[Value], Options, Context], Value]:
    def build(args: Sequence[Value], options: Options, context: Context) -> Value:
        ms = as_long(args[0])
        if ms is None:
            return NOTHING
        day = sql.call("isodow", local(ms, _zone(options)))
        return Value(sql.between(day, sql.integer(first), sql.integer(last)), BOOLEAN)

    return build
