"""The types of NQL's values, and how each is represented in SQL.

| type | in SQL |
|---|---|
| BOOLEAN, LONG, DOUBLE, STRING | BOOLEAN, BIGINT (or a narrower integer), DOUBLE, VARCHAR |
| IP | BLOB of 16 bytes, network order, IPv4 as ``::ffff:a.b.c.d`` (RFC 4291, 2.5.5.2), as in the flows |
| SUBNET | BLOB of 33 bytes: first address, last address, one byte of prefix length as written (0 to 32 or 128) |
| MAC | BIGINT that holds the 48 bits |
| IFC | VARCHAR ``exporterIp[ifIndex]`` |
| LIST of another type | a DuckDB list of it; an index's `set` is a list of STRING |
| MAP | MAP(VARCHAR, VARCHAR) |
| NULL | NULL; the type of `null` and of what has no value at all |

Moments are LONG: milliseconds since 1970 UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlglot import exp


@dataclass(frozen=True, slots=True)
class Type:
    """A type; `item` is that of a list's items."""

    name: str
    item: Type | None = None

    def __str__(self) -> str:
        return f"list of {self.item}" if self.item else self.name


NULL: Final = Type("null")
BOOLEAN: Final = Type("boolean")
LONG: Final = Type("long")
DOUBLE: Final = Type("double")
STRING: Final = Type("string")
IP: Final = Type("ip")
SUBNET: Final = Type("subnet")
MAC: Final = Type("mac")
IFC: Final = Type("ifc")
MAP: Final = Type("map")
NUMBERS: Final = (LONG, DOUBLE)


def list_of(item: Type) -> Type:
    """The type of lists of an item type; `list_of(NULL)` is that of the empty list."""
    return Type("list", item)


@dataclass(frozen=True, slots=True)
class Value:
    """A typed SQL expression; `literal` is the Python value of a constant, in a tuple of one, else None."""

    sql: exp.Expression
    type: Type
    literal: tuple[Any] | None = None
