"""Times as TCI shows them: `YYYY-MM-DD HH:MM:SS` in the time of Prague, without an offset."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import overload
from zoneinfo import ZoneInfo

FORMAT = "%Y-%m-%d %H:%M:%S"
PATTERN = r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$"


@cache
def _prague() -> ZoneInfo:
    # Looked up late: where neither the system nor the package tzdata knows time zones, only these routes suffer.
    return ZoneInfo("Europe/Prague")


@overload
def prague(seconds: float) -> str: ...
@overload
def prague(seconds: float | None) -> str | None: ...
def prague(seconds: float | None) -> str | None:
    """Unix seconds as Prague's clocks show them; None stays None."""
    return None if seconds is None else datetime.fromtimestamp(seconds, _prague()).strftime(FORMAT)


def utc(seconds: float | None) -> str | None:
    """Unix seconds in UTC, which TCI uses for the time of archiving alone; None stays None."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime(FORMAT)
