"""From a query's rows to what an alert is worth. Pure: it knows neither database nor clock."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from math import isfinite
from typing import Any

from tapiary.errors import InvalidInput
from tapiary.services.alerts.definition import Condition, Definition

Row = Mapping[str, Any]

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}
#: Longest text of a row that an alert keeps, in characters, and items of a list.
MAX_TEXT, MAX_ITEMS = 1000, 100


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that deserves an alert."""

    #: The same rows give the same key.
    key: str
    #: The values of `by`.
    group: tuple[str, ...]
    #: The moment that it speaks of: the row's timestamp, else the end of what was looked at.
    event_ms: int
    #: The row, or the first one of its group.
    row: Row
    #: How many rows it stands for.
    rows: int


def findings(definition: Definition, rows: Sequence[Row], total: int, end_ms: int) -> list[Finding]:
    """What the rows of a run are worth; `total` is the number of all rows, of which these are the first.

    Without a window every row is an event, and with a cooldown those with the same values of `by` within it are one.
    With a window all rows with the same values of `by` are one.
    """
    events = not definition.window_s
    found: dict[str, Finding] = {}
    latest: dict[tuple[str, ...], str] = {}
    moments = [(_moment(row, end_ms) if events else end_ms, row) for row in matching(definition.condition, rows, total)]
    for event_ms, row in sorted(moments, key=operator.itemgetter(0)):
        group = group_of(definition.by, row)
        last = found.get(latest.get(group, ""))
        if last is not None and (not events or event_ms - last.event_ms < definition.cooldown * 1000):
            found[last.key] = replace(last, rows=last.rows + 1)
            continue
        key = _hash([row if events else group, event_ms])
        if key not in found:  # else it is the very same row once more
            latest[group] = key
            found[key] = Finding(key, group, event_ms, row, 1)
    if not total and definition.condition.field is None and _holds(definition.condition, 0):
        # Silence deserves an alert, too, that has no row to speak of.
        return [Finding(_hash([[], end_ms]), group_of(definition.by, {}), end_ms, {}, 0)]
    return list(found.values())


def matching(condition: Condition, rows: Sequence[Row], total: int) -> list[Row]:
    """The rows that make the trigger fire. Raises InvalidInput when no row has the condition's field."""
    if condition.field is None:
        return list(rows) if _holds(condition, total) else []
    if rows and not any(condition.field in row for row in rows):
        names = ", ".join(sorted({name for row in rows for name in row})[:30])
        raise InvalidInput(
            f"condition.field: the query gives no field {condition.field!r} (it gives {names})",
            field="condition.field")
    return [row for row in rows if _holds(condition, row.get(condition.field))]


def group_of(by: Iterable[str], row: Row) -> tuple[str, ...]:
    """The row's values of these fields, as texts that are equal when the values are."""
    return tuple(json.dumps(row.get(name), sort_keys=True, ensure_ascii=False, default=str) for name in by)


def kept(row: Row) -> dict[str, Any]:
    """The row as an alert keeps it: long texts and lists are cut, and all is JSON."""
    return {name: _cut(value) for name, value in row.items()}


def _holds(condition: Condition, value: Any) -> bool:
    """Whether a value is as the condition wants it; of a list, whether any item is."""
    if isinstance(value, list):
        return any(_holds(condition, item) for item in value)
    wanted = condition.value
    if _is_number(value) and _is_number(wanted):
        return _OPERATORS[condition.op](value, wanted)
    if isinstance(value, bool) and isinstance(wanted, bool):
        return condition.op in ("=", "!=") and _OPERATORS[condition.op](value, wanted)
    if isinstance(value, str) and isinstance(wanted, str):
        return _OPERATORS[condition.op](value, wanted)
    return condition.op == "!="  # what is unknown, or of another kind, is not equal


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _moment(row: Row, default: int) -> int:
    moment = row.get("timestamp")
    return moment if isinstance(moment, int) and not isinstance(moment, bool) else default


def _hash(parts: Any) -> str:
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _cut(value: Any) -> Any:
    if isinstance(value, float) and not isfinite(value):
        return str(value)  # JSON has no such number
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return float(value)  # nor have many who read it
    if isinstance(value, str) and len(value) > MAX_TEXT:
        return value[:MAX_TEXT - 1] + "…"
    if isinstance(value, list):
        return [_cut(item) for item in value[:MAX_ITEMS]]
    if isinstance(value, dict):
        return {name: _cut(item) for name, item in list(value.items())[:MAX_ITEMS]}
    return value
