"""Golden captures and their expected rows, for the tests of the twin and of the compiled core."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

from tapiary.config import MeterConfig
from tapiary.schema import address_text, mac_text

#: Every tunnel that can be decoded.
TUNNELS = ["ipip", "gtp-u", "capwap", "tzsp", "gre", "vxlan", "geneve", "l2tp"]
HERE = Path(__file__).parent
EXPECTED: dict[str, dict[str, object]] = json.loads((HERE / "expected.json").read_text())


def config(entry: Mapping[str, object]) -> MeterConfig:
    """The settings of a capture: the defaults, but one thread, no labels and all tunnels, and what the case says."""
    settings = entry.get("settings", {})
    assert isinstance(settings, dict)
    return MeterConfig(**{"dpi": False, "threads": 1, "tunnels": TUNNELS, **settings})


def readable(row: Mapping[str, object]) -> dict[str, object]:
    """A row with addresses as text."""
    out = dict(row)
    for side in ("client", "server"):
        ip, mac = row[f"{side}_ip"], row[f"{side}_mac"]
        assert isinstance(ip, bytes)
        out[f"{side}_ip"] = address_text(ip)
        out[f"{side}_mac"] = mac_text(mac) if isinstance(mac, int) else None
    return out


def same(left: object, right: object) -> bool:
    """Equal, numbers with a fraction up to rounding."""
    if isinstance(left, float) or isinstance(right, float):
        return (
            isinstance(left, int | float)
            and isinstance(right, int | float)
            and math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-6)
        )
    return left == right


def differences(expected: Mapping[str, object], row: Mapping[str, object]) -> dict[str, tuple[object, object]]:
    """The columns in which a row is not as expected: expected and found value. Only expected columns count."""
    return {name: (value, row.get(name)) for name, value in expected.items() if not same(value, row.get(name))}
