"""A run of the meter that has begun before the job it belongs to was entered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tapiary.errors import TapiaryError
from tapiary.services.fingerprint import Fingerprint, fingerprint

if TYPE_CHECKING:
    from tapiary.config import MeterConfig
    from tapiary.meter import MeterRun


@dataclass(frozen=True, slots=True)
class Started:
    """The run, and what its file was like before the first byte was read."""

    run: MeterRun
    found: Fingerprint


def start(path: Path, settings: MeterConfig) -> Started | None:
    """Begin to meter a file; None where that fails: who then tries to process it says why."""
    from tapiary.meter import meter

    try:
        path = path.resolve()
        found = fingerprint(path)
        return Started(meter(path, settings), found)
    except (OSError, TapiaryError):
        return None
