"""What is shown of a configured thing; times are Unix seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

#: Categories of the elements there are, and the word that the audit log has for each.
INDEX: Final = "userIndex.index"
LOOKUP: Final = "lookup.lookup"
MACRO: Final = "nql.macro"
TRIGGER: Final = "alert.trigger"
WORDS: Final = {INDEX: "index", LOOKUP: "lookup", MACRO: "macro", TRIGGER: "trigger"}


@dataclass(frozen=True, slots=True)
class ElementView:
    """A configured thing without its content."""

    id: str
    category: str
    name: str
    #: None when nobody owns it: the shell made it, or its owner is gone.
    owner_id: int | None
    created_at: float
    created_by: str
    modified_at: float
    modified_by: str
    #: As the client sent it, key for key.
    config: Mapping[str, Any]
    attributes: Mapping[str, Any] | None
    tags: Sequence[Any] | None
    #: `{"sid": …, "perms": […]}` each; empty: private.
    permissions: tuple[Mapping[str, Any], ...]

    @property
    def member(self) -> dict[str, Any]:
        """The members that a filter may name, as Sycope's API calls them."""
        return {
            "id": self.id, "category": self.category, "name": self.name, "createdBy": self.created_by,
            "modifiedBy": self.modified_by, "config": self.config, "attributes": self.attributes, "tags": self.tags,
        }
