"""The 15 types of an index's fields: how each is called in queries, and how it is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tapiary.query import Type


@dataclass(frozen=True, slots=True)
class Kind:
    """One type."""

    name: str
    #: The name of NQL's type (`tapiary.query`).
    nql: str
    #: The type of the stored column, in the words of `tapiary.schema`.
    stored: str
    #: Bits of an integer type, 0 of all others.
    bits: int = 0
    numeric: bool = False

    @property
    def lowest(self) -> int:
        """The smallest number of an integer type."""
        return -(1 << self.bits - 1)

    @property
    def highest(self) -> int:
        """The largest number of an integer type."""
        return (1 << self.bits - 1) - 1


#: float is kept as the double that its shortest decimal text stands for, so that 2.2 comes back as 2.2.
KINDS: Final = {kind.name: kind for kind in (
    Kind("string", "string", "string"),
    Kind("boolean", "boolean", "bool"),
    Kind("byte", "long", "int16", 8, True),
    Kind("short", "long", "int16", 16, True),
    Kind("int", "long", "int32", 32, True),
    Kind("long", "long", "int64", 64, True),
    Kind("float", "double", "float64", 0, True),
    Kind("double", "double", "float64", 0, True),
    Kind("ip", "ip", "address"),
    Kind("ip4", "ip", "address"),
    Kind("ip6", "ip", "address"),
    Kind("subnet", "subnet", "binary"),
    Kind("ifc", "ifc", "string"),
    Kind("mac", "mac", "mac"),
    Kind("set", "list", "list<string>"),
)}


def nql_type(kind: str) -> Type:
    """The type in queries; a set is a list of strings."""
    from tapiary.query import STRING, Type, list_of

    return list_of(STRING) if kind == "set" else Type(KINDS[kind].nql)
