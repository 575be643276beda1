"""What is shown of custom indexes and of injections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tapiary.query import Type
    from tapiary.services.elements import ElementView
    from tapiary.store import IndexTable


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an index."""

    name: str
    #: A name of `kinds.KINDS`.
    kind: str
    sortable: bool = False
    description: str = ""
    display_name: str = ""

    @property
    def type(self) -> Type:
        """The type of its values in queries."""
        from tapiary.services.indexes.kinds import nql_type

        return nql_type(self.kind)


@dataclass(frozen=True, slots=True)
class IndexView:
    """An index that is on: who may do what with it, its fields as queries see them, and its rows."""

    element: ElementView
    fields: tuple[Field, ...]
    table: IndexTable


@dataclass(frozen=True, slots=True)
class Injected:
    """What an injection has brought: the rows that were given, and the version of the table that has them."""

    rows: int
    version: int | None
