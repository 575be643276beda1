"""Moments as the engine's timestamps: time zones, and formats in Java's letters, which Sycope's are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from sqlglot import exp

from tapiary.query import sql
from tapiary.query.function_error import FunctionError
from tapiary.query.types import LONG, STRING, Value

_FIXED = re.compile(r"(?:UTC|GMT|UT)?([+-])(\d{1,2})(?::?(\d{2}))?", re.IGNORECASE)
#: Runs of format letters by strftime's directives. YYYY is the year as everybody means it, not the week's year.
_DIRECTIVES = {
    "y": "%Y", "yy": "%y", "yyyy": "%Y", "Y": "%Y", "YY": "%y", "YYYY": "%Y", "M": "%-m", "MM": "%m", "MMM": "%b",
    "MMMM": "%B", "d": "%-d", "dd": "%d", "DDD": "%j", "H": "%-H", "HH": "%H", "h": "%-I", "hh": "%I", "m": "%-M",
    "mm": "%M", "s": "%-S", "ss": "%S", "SSS": "%g", "SSSSSS": "%f", "a": "%p", "E": "%a", "EE": "%a", "EEE": "%a",
    "EEEE": "%A", "e": "%u", "u": "%u",
}
#: Letters for the offset from UTC, by what stands between hours and minutes.
_OFFSETS = {"Z": "", "ZZ": "", "ZZZ": "", "ZZZZZ": ":", "xx": "", "XX": "", "xxx": ":", "XXX": ":"}
_PIECES = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+")


@dataclass(frozen=True, slots=True)
class Zone:
    """A time zone: one of the IANA's, or a fixed offset from UTC in minutes."""

    name: str | None = None
    offset_min: int = 0


def read_zone(text: str | None) -> Zone:
    """The zone of `Europe/Warsaw`, `Poland`, `UTC`, `Z`, `+1`, `+01:30`, `GMT+2`. Raises FunctionError."""
    if text is None or text.strip().upper() in ("UTC", "Z", "GMT", "UT", ""):
        return Zone()
    match = _FIXED.fullmatch(text.strip())
    if match:
        minutes = int(match[2]) * 60 + int(match[3] or 0)
        if minutes > 18 * 60 or int(match[3] or 0) > 59:
            raise FunctionError(f"zone: the offset {text} is more than 18 hours.")
        return Zone(offset_min=-minutes if match[1] == "-" else minutes)
    if not _is_zone(text.strip()):
        raise FunctionError(f"zone: there is no time zone `{text[:60]}`; write it as Europe/Warsaw, UTC or +01:00.")
    return Zone(name=text.strip())


@lru_cache(maxsize=1000)
def _is_zone(name: str) -> bool:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def stamp(ms: exp.Expression) -> exp.Expression:
    """The timestamp in UTC; null for moments that the engine's calendar does not reach."""
    return sql.attempt(sql.call("make_timestamp_ms", ms))


def local(ms: exp.Expression, zone: Zone) -> exp.Expression:
    """The timestamp that clocks in the zone show."""
    return _shown(stamp(ms), zone)


def _shown(time: exp.Expression, zone: Zone) -> exp.Expression:
    if zone.name is not None:
        instant = sql.call("timezone", sql.text("UTC"), time)
        return sql.attempt(sql.call("timezone", sql.text(zone.name), instant))
    return _shifted(time, zone.offset_min)


def universal(time: exp.Expression, zone: Zone) -> exp.Expression:
    """The timestamp in UTC when clocks in the zone show this one."""
    if zone.name is not None:
        instant = sql.attempt(sql.call("timezone", sql.text(zone.name), time))
        return sql.call("timezone", sql.text("UTC"), instant)
    return _shifted(time, -zone.offset_min)


def _shifted(time: exp.Expression, minutes: int) -> exp.Expression:
    if minutes == 0:
        return time
    span = sql.call("to_minutes", sql.integer(minutes))
    return sql.attempt(sql.binary(exp.Add, time, span))


def moment(value: Value, zone: Zone) -> exp.Expression | None:
    """The milliseconds of a moment, or of an ISO 8601 text that clocks in the zone show; None for other types."""
    if value.type == LONG:
        return sql.cast(value.sql, "BIGINT")
    if value.type != STRING:
        return None
    return sql.attempt(sql.call("epoch_ms", universal(sql.try_cast(value.sql, "TIMESTAMP"), zone)))


def formatted(ms: exp.Expression, layout: str, zone: Zone) -> exp.Expression:
    """A moment as text in a layout. Raises FunctionError for letters that are not known."""
    time = local(ms, zone)
    parts: list[exp.Expression] = []
    for is_offset, group in groupby(_pieces(layout), key=lambda piece: piece.is_offset):
        if is_offset:
            parts.extend(_offset_text(ms, zone, piece.text) for piece in group)
        else:
            parts.append(sql.call("strftime", time, sql.text("".join(piece.text for piece in group))))
    found: exp.Expression = sql.text("")
    for at, part in enumerate(parts):
        found = part if at == 0 else sql.binary(exp.DPipe, found, part)
    return found


def _offset_text(ms: exp.Expression, zone: Zone, between: str) -> exp.Expression:
    """The zone's offset at a moment, as +0100 or +01:00."""
    shown = sql.call("epoch_ms", local(ms, zone))
    minutes = sql.binary(exp.IntDiv, sql.binary(exp.Sub, shown, ms), sql.integer(60_000))
    size = sql.call("abs", minutes)
    sign = sql.case((sql.binary(exp.LT, minutes, sql.integer(0)), sql.text("-")), otherwise=sql.text("+"))
    hours = sql.binary(exp.IntDiv, size, sql.integer(60))
    return sql.call(
        "format", sql.text(f"{{}}{{:02d}}{between}{{:02d}}"), sign, hours, sql.binary(exp.Mod, size, sql.integer(60))
    )


def parsed(text: exp.Expression, layout: str, zone: Zone) -> exp.Expression:
    """The moment of a text in a layout, null where it is not written so. Raises FunctionError for unknown letters."""
    pieces = _pieces(layout)
    if any(piece.is_offset for piece in pieces):
        pattern = "".join("%z" if piece.is_offset else piece.text for piece in pieces)
        instant = sql.call("try_strptime", text, sql.text(pattern))
        return sql.attempt(sql.call("epoch_ms", sql.call("timezone", sql.text("UTC"), instant)))
    time = sql.call("try_strptime", text, sql.text("".join(piece.text for piece in pieces)))
    return sql.attempt(sql.call("epoch_ms", universal(time, zone)))


class _Piece(NamedTuple):
    """A stretch of a layout in strftime's words, or the offset with what stands between its hours and minutes."""

    text: str
    is_offset: bool = False


def _pieces(layout: str) -> list[_Piece]:
    found: list[_Piece] = []
    at = 0
    for match in _PIECES.finditer(layout):
        if match.start() != at:
            break
        at = match.end()
        run = match[0]
        if run.startswith("'"):
            found.append(_Piece((match[1].replace("''", "'") or "'").replace("%", "%%")))
        elif not match[2]:
            found.append(_Piece(run.replace("%", "%%")))
        elif run in _OFFSETS:
            found.append(_Piece(_OFFSETS[run], is_offset=True))
        elif run in _DIRECTIVES:
            found.append(_Piece(_DIRECTIVES[run]))
        else:
            raise FunctionError(f"format: the letters {run[:20]} mean nothing here; text stands in 'quotes'.")
    if at != len(layout):
        raise FunctionError("format: a quote is not closed.")
    return found
