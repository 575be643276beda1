"""What the app needs to know of the routes of a blueprint: their rights, the size of their bodies, their errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flask import Response

from tapiary.accounts import Actor, Right
from tapiary.errors import TapiaryError

if TYPE_CHECKING:
    from tapiary.services import Services

#: In the place of a right: the route is open to everybody, or has an authentication of its own.
PUBLIC = None
#: Bodies that no other size is given for: JSON of a few names. (Precedent: nginx's client_max_body_size, 1 MB.)
MAX_BODY_BYTES = 1 << 20

Headers = Mapping[str, str]


def plain_status(_route: str, error: TapiaryError) -> int:
    """The error's own status."""
    return error.status


@dataclass(frozen=True, slots=True)
class Dialect:
    """The routes of a blueprint, by the names of their functions."""

    #: What each route asks of its caller. A route without an entry stops the start.
    rights: Mapping[str, Right | None]
    #: Makes the answer to an error out of status, message and headers.
    error: Callable[[int, str, Headers], Response]
    #: The status of an error of ours, by the route's name.
    status: Callable[[str, TapiaryError], int] = plain_status
    #: Largest bodies in bytes where they are not MAX_BODY_BYTES; None: the route minds that itself.
    bodies: Mapping[str, int | None] = field(default_factory=dict)
    #: Routes that are also there for who must first change a one-time password.
    unready: frozenset[str] = frozenset()
    #: Unsafe requests come from forms: they need the CSRF token even where nobody is logged in yet.
    forms: bool = False
    #: Where all paths of the dialect begin, so that a typing error below it has the dialect's shape.
    prefix: str | None = None
    #: Finds who is logged in by a cookie of the dialect's own, which counts before the browser's session.
    visitor: Callable[[Services], Actor | None] | None = None
