"""English names of countries, without a network and without a library."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path


@cache
def countries() -> dict[str, str]:
    """English names of countries by their ISO 3166-1 alpha-2 codes."""
    table = json.loads(Path(__file__).with_name("countries.json").read_text("utf-8"))
    names: dict[str, str] = table["names"]
    return names


def country_name(code: str) -> str:
    """The English name of an ISO 3166-1 alpha-2 code, in any case; the code itself when it is none."""
    return countries().get(code.upper(), code)
