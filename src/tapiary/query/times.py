"""Moments and stretches of time as NQL writes them.

| text | moment |
|---|---|
| `1700000000000`, `@1700000000000` | milliseconds since 1970 UTC |
| `@now` | when the query runs |
| `@2024-01-01T00:00:00+01:00`, `@2024-01-01T00:00:00.000Z`, `@2024-01-01` | ISO 8601; without an offset UTC |
| `-1h@now`, `-1m20s@2024-01-01T00:00:00Z`, `+1d@0` | a stretch before (or after) one of these |

A stretch is numbers with units: `ms`, `s`, `m` (minutes), `h`, `d`, `w`, largest or smallest first; a bare number is
milliseconds. The document calls an ISO time without an offset local; the server has no place, so it is UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

_UNITS_MS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_PART = re.compile(r"([0-9]{1,15})(ms|[smhdw])")
_STRETCH = re.compile(r"(?:[0-9]{1,15}(?:ms|[smhdw]))+|[0-9]{1,15}")
_MOMENT = re.compile(r"\s*(?:([+-])?([^@]*))?@(.+)", re.DOTALL)
_DIGITS = re.compile(r"-?[0-9]{1,15}")
#: Steps that a chart's buckets have, and how many buckets it shows at most.
_STEPS: Final = ("1s", "5s", "10s", "30s", "1m", "5m", "10m", "30m", "1h", "3h", "6h", "12h", "1d", "7d", "30d", "365d")
_BUCKETS: Final = 120


def moment_ms(text: str, now_ms: int) -> int | None:
    """The moment that a text writes, in milliseconds since 1970 UTC; None when it writes none."""
    stripped = text.strip()
    if _DIGITS.fullmatch(stripped):
        return int(stripped)
    match = _MOMENT.fullmatch(stripped)
    if match is None:
        return None
    base = _base_ms(match[3].strip(), now_ms)
    if not match[2]:
        return None if match[1] else base
    shift = stretch_ms(match[2])
    if base is None or shift is None:
        return None
    return base - shift if match[1] == "-" else base + shift


def stretch_ms(text: str) -> int | None:
    """The milliseconds of a stretch such as `5m` or `1h30m`; None when the text writes none."""
    stripped = text.strip().lower()
    if not _STRETCH.fullmatch(stripped):
        return None
    if stripped.isdigit():
        return int(stripped)
    return sum(int(count) * _UNITS_MS[unit] for count, unit in _PART.findall(stripped))


def bucket_of(length_ms: int | None) -> str:
    """A stretch that cuts a range of this length into a readable number of buckets, at most 120 where it can."""
    if length_ms is None:
        return "1h"
    return next((step for step in _STEPS if (stretch_ms(step) or 0) * _BUCKETS >= length_ms), _STEPS[-1])


def _base_ms(text: str, now_ms: int) -> int | None:
    if text.casefold() == "now":
        return now_ms
    if _DIGITS.fullmatch(text):
        return int(text)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    try:
        return round((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)
    except (OverflowError, ValueError):
        return None
