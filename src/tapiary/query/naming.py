"""What fields and collectors may be called."""

from __future__ import annotations

from tapiary.query.errors import Fault

#: Characters of a name.
MAX_NAME = 255


def checked_name(text: str, at: int) -> str:
    """The name; `Fault` when it is none: columns of our own have names with line ends."""
    if not 0 < len(text) <= MAX_NAME or not text.isprintable():
        raise Fault(f"a name has 1 to {MAX_NAME} characters, none of them a line end or the like", at, ("a name",))
    return text
