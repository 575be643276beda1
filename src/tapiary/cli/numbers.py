"""Numbers, sizes, times and rates as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

_SIZES = ("B", "kB", "MB", "GB", "TB", "PB")
_COUNTS = ("", " k", " M", " G")


def _scaled(value: float, units: tuple[str, ...], gap: str) -> str:
    """Three significant digits and the unit, in steps of 1000 (IEC 80000-13: kB is 1000 bytes)."""
    step = 0
    while abs(value) >= 999.5 and step < len(units) - 1:
        value, step = value / 1000, step + 1
    digits = 0 if step == 0 or abs(value) >= 99.95 else 1 if abs(value) >= 9.995 else 2
    return f"{value:.{digits}f}{gap}{units[step]}"


def size(count: float) -> str:
    """Bytes: `1.23 MB`."""
    return _scaled(count, _SIZES, " ")


def count(value: float) -> str:
    """A rounded count: `1.23 M`."""
    return _scaled(value, _COUNTS, "")


def exact(value: int) -> str:
    """A whole number in groups of three: `1,234,567`."""
    return f"{value:,}"


def rate(value: float, unit: str) -> str:
    """So many a second: `1.23 M packets/s`."""
    text = count(value)
    return f"{text}{unit}/s" if text[-1:] in "kMG" and not unit else f"{text} {unit}/s"


def percent(part: float, whole: float) -> str:
    """A share: `12.3 %`; what is not nothing is never shown as nothing."""
    if not whole or not part:
        return "0 %"
    share = 100 * part / whole
    return "<0.1 %" if share < 0.05 else f"{share:.1f} %" if share < 99.95 or part == whole else "99.9 %"


def duration(seconds: float) -> str:
    """A length of time: `0.34 s`, `12.3 s`, `3m 04s`, `2h 05m`, `3d 04h`."""
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest:02}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02}m" if hours < 24 else f"{hours // 24}d {hours % 24:02}h"


def moment(seconds: float | None) -> str:
    """A time in UTC, to the second: `2026-11-22 18:02:13`; `-` when there is none."""
    if seconds is None:
        return "-"
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):  # a capture may claim any time
        return f"{seconds:.0f} s"
