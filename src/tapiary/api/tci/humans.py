"""Durations and sizes in words, as TCI's answers have them beside the numbers."""

from __future__ import annotations

_PARTS = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))
_UNITS = ("Bytes", "kB", "MB", "GB", "TB", "PB", "EB", "ZB")


def duration_in_words(seconds: int) -> str:
    """Seconds as `10 seconds`, or `1 hour, 1 minute and 5 seconds`."""
    words = []
    for name, length in _PARTS:
        count, seconds = divmod(seconds, length)
        if count:
            words.append(f"{count} {name}{'' if count == 1 else 's'}")
    if not words:
        return "0 seconds"
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def size_in_words(count: int) -> str:
    """Bytes as `10.0 MB`: decimal units, one digit after the point."""
    if count < 1000:
        return "1 Byte" if count == 1 else f"{count} Bytes"
    value, unit = float(count), 0
    # What would be rounded to 1000.0 belongs to the next unit.
    while round(value, 1) >= 1000 and unit + 1 < len(_UNITS):
        value, unit = value / 1000, unit + 1
    return f"{value:.1f} {_UNITS[unit]}"
