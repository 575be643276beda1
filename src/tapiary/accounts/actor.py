"""Actors and their rights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: What an actor may do: look at files and results; bring, process and delete files; manage the server itself.
Right = Literal["read", "write", "admin"]
RIGHTS: tuple[Right, ...] = ("read", "write", "admin")


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who sends requests: a token's bearer, or anyone where that is switched on."""

    name: str
    rights: frozenset[Right]
    token_id: int | None = None

    def may(self, right: Right) -> bool:
        """Whether the actor has the right; `admin` has them all, `write` does not imply `read`."""
        return right in self.rights or "admin" in self.rights


#: The actor of requests without a token where `server.anonymous` is on: files and results, not the server itself.
ANYONE = Actor("anonymous", frozenset({"read", "write"}))
