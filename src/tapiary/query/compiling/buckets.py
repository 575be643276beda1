"""Buckets of time and of ranges: what timeAggr and rangeAggr group by."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

from sqlglot import exp

from tapiary.query import sql, tree
from tapiary.query.compiling.expressions import Expressions
from tapiary.query.compiling.options import Options
from tapiary.query.compiling.rows import HIDDEN, Rows
from tapiary.query.compiling.run import Run
from tapiary.query.errors import Fault, quoted
from tapiary.query.times import bucket_of, stretch_ms
from tapiary.query.types import LONG, NUMBERS, STRING, Value

#: Ranges of one rangeAggr.
MAX_RANGES = 1000
_NUMBER = r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?"
_RANGE = re.compile(rf"\s*({_NUMBER})\s*-\s*({_NUMBER})\s*")


def time_bucket(run: Run, rows: Rows, on: tree.Name, options: Options) -> tuple[Rows, Value]:
    """The start of a row's bucket in milliseconds; buckets begin at 1970 UTC, so that days are days of UTC.

    Rows without a time are in no bucket. Without `interval` the query's range is cut into at most 120 buckets.
    """
    field = Expressions(run, rows.columns).field(on)
    if field.type not in NUMBERS:
        raise Fault(f"{quoted(on.text)} is {field.type}; a time is a number of milliseconds", on.at, ("a time",))
    start, end = run.range.start_ms, run.range.end_ms
    length = None if start is None else (run.now_ms if end is None else end) - start
    step = options.stretch("interval") or stretch_ms(bucket_of(length)) or 1
    time = field.sql if field.type == LONG else sql.cast(exp.Floor(this=field.sql), "BIGINT")
    wide = sql.cast(time, "BIGINT")
    # The remainder of a moment before 1970 is negative.
    past = sql.binary(exp.Mod, wide.copy(), sql.integer(step))
    past = sql.binary(exp.Mod, sql.binary(exp.Add, past, sql.integer(step)), sql.integer(step))
    bucket = Value(sql.binary(exp.Sub, wide, past), LONG)
    present = exp.Not(this=sql.is_null(field.sql.copy()))
    return replace(rows, where=(*rows.where, present)), bucket


def range_bucket(run: Run, rows: Rows, on: tree.Name, options: Options) -> tuple[Rows, Value]:
    """The text of the range `a-b` that a row's number lies in, a inside and b not; a row may be in several.

    Rows that lie in none are left out.
    """
    field = Expressions(run, rows.columns).field(on)
    if field.type not in NUMBERS:
        raise Fault(f"{quoted(on.text)} is {field.type}; ranges are of numbers", on.at, ("a number",))
    found = options.text("ranges")
    if found is None:
        raise Fault('`rangeAggr` wants ranges="0-100,100-1000"', on.at, ("`ranges=`",))
    ranges = _ranges(found, options.at("ranges"))
    tests = []
    for low, high, text in ranges:
        inside = sql.conjunction(sql.binary(exp.GTE, field.sql.copy(), low), sql.binary(exp.LT, field.sql.copy(), high))
        tests.append(sql.case((inside, sql.text(text))))
    fitting = sql.call("list_filter", sql.array(*tests), sql.function_of("_range", _present(sql.variable("_range"))))
    columns = {**rows.columns, _RANGE_OF: Value(sql.call("unnest", fitting), STRING)}
    nested = run.nest(rows.with_columns(columns))
    bucket = nested.columns[_RANGE_OF]
    return nested.with_columns({name: value for name, value in nested.columns.items() if name != _RANGE_OF}), bucket


_RANGE_OF = f"{HIDDEN}range"


def _present(item: exp.Expression) -> exp.Expression:
    return exp.Not(this=sql.is_null(item))


def _ranges(text: str, at: int) -> list[tuple[exp.Expression, exp.Expression, str]]:
    parts = text.split(",")
    found = []
    for part in parts:
        match = _RANGE.fullmatch(part)
        if match is None or Decimal(match[1]) >= Decimal(match[2]):
            raise Fault(f"{quoted(part.strip())} is no range such as `0-5000`", at, ("ranges `from-to`",))
        found.append((_decimal(match[1]), _decimal(match[2]), part.strip()))
    if len(found) > MAX_RANGES or len({name for _, _, name in found}) < len(found):
        raise Fault(f"there are more than {MAX_RANGES} ranges, or one stands twice", at)
    return found


def _decimal(text: str) -> exp.Expression:
    number = float(text) if "." in text or abs(int(text)) >= 2**63 else int(text)
    return sql.integer(number) if isinstance(number, int) else sql.double(number)
