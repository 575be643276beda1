"""Lookups that are there without anybody having made them.

`Country`: `code` (ISO 3166-1) to `name`. `Protocol`: `number` (IANA) to `name`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from tapiary.query import LONG, STRING, Lookup, Type
from tapiary.services.queries.kept import table
from tapiary.services.statistics import PROTOCOLS

if TYPE_CHECKING:
    import pyarrow as pa

#: The order of the rows, as every lookup has it.
_KEYED = {"_row": LONG}
_FIELDS: dict[str, dict[str, Type]] = {
    "Country": {"code": STRING, "name": STRING}, "Protocol": {"number": LONG, "name": STRING},
}


def lookup(name: str, add: Callable[[Callable[[], Any]], str]) -> Lookup | None:
    """The built-in lookup of that name; add: gives the query a relation and returns its name."""
    if name not in _FIELDS:
        return None
    return Lookup(name, "csvFile", _FIELDS[name], add(_countries if name == "Country" else _protocols))


@cache
def _countries() -> pa.Table:
    from tapiary.enrich import countries

    rows = enumerate(sorted(countries().items()))
    return table(_KEYED | _FIELDS["Country"], ({"_row": at, "code": code, "name": name} for at, (code, name) in rows))


@cache
def _protocols() -> pa.Table:
    rows = enumerate(PROTOCOLS.items())
    return table(
        _KEYED | _FIELDS["Protocol"],
        ({"_row": at, "number": number, "name": name.upper()} for at, (number, name) in rows),
    )
