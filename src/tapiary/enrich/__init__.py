"""Batch in, batch out: where the two ends of each flow are, and prefix-preserving anonymisation.

`Enricher` adds country, city and autonomous system from MaxMind-format files; `Anonymizer` replaces addresses by
Crypto-PAn; `country_name` says an ISO 3166-1 code in English.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .anonymize import Anonymizer
    from .enricher import Enricher, Place
    from .names import countries, country_name

__all__ = ["Anonymizer", "Enricher", "Place", "countries", "country_name"]

_HOME = {
    "Anonymizer": "anonymize", "Enricher": "enricher", "Place": "enricher",
    "countries": "names", "country_name": "names",
}


def __getattr__(name: str) -> Any:
    # Loaded on first use: numpy and pyarrow cost more than the rest of a short command.
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
