"""What a query can name: streams, lookups, collectors, macros. Whoever runs queries brings them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlglot import exp

from tapiary.query.types import Type


@dataclass(frozen=True, slots=True)
class Range:
    """A stretch of time in milliseconds since 1970 UTC: from `start_ms` up to but without `end_ms`; None is open."""

    start_ms: int | None = None
    end_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Stream:
    """Rows that a query can begin with."""

    name: str
    #: Types by field name, in the order in which fields are shown.
    fields: Mapping[str, Type]
    #: The rows of a range as a SELECT that yields `fields` under their names (a stream without time ignores the range).
    select: Callable[[Range], exp.Select]
    #: Whether rows carry `timestamp`, by which a range chooses.
    timed: bool = True


@dataclass(frozen=True, slots=True)
class Lookup:
    """A table that `lookup()` asks. Its relation has the columns under their names, and `_row`, the rows' order from 0.

    A subnet lookup's first column is the key; the relation has its networks as SUBNET in `_net`.
    """

    name: str
    #: `csvFile` or `subnet`.
    kind: str
    #: Types by column name, in order.
    fields: Mapping[str, Type]
    #: The relation's name in the SQL.
    relation: str
    #: Of a subnet lookup: whether an address may have several hits (all are given) or only its narrowest network's.
    overlapping: bool = False


class Catalog(Protocol):
    """Everything that the user who asks may see."""

    def stream(self, name: str) -> Stream | None:
        """The stream or custom index of that name, None when there is none for this user."""

    def stream_names(self) -> Sequence[str]:
        """All names that `stream` knows, for hints."""

    def collector(self, name: str) -> Stream | None:
        """A collector that exists beside the query's own ones."""

    def lookup(self, name: str) -> Lookup | None:
        """An active lookup; None gives null, as documented."""

    def macro(self, name: str) -> str | None:
        """The text of the user macro `$NAME$`."""

    def profiles(self) -> Mapping[str, str]:
        """Traffic profiles: NQL predicates by name, for matchingTrafficProfiles()."""
