"""What queries see of a lookup."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from tapiary.query import Type
    from tapiary.services.elements import ElementView


@dataclass(frozen=True, slots=True)
class LookupView:
    """An active lookup, ready for `tapiary.query.Lookup`."""

    element: ElementView
    #: `csvFile` or `subnet`.
    kind: str
    fields: Mapping[str, Type]
    #: Of a subnet lookup: whether an address may have several hits.
    overlapping: bool
    #: The columns under their names, `_row`, and `_net` of a subnet lookup.
    relation: pa.Table

    @property
    def name(self) -> str:
        """The name under which queries ask it."""
        return self.element.name
