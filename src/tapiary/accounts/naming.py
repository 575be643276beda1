"""Names and e-mail addresses of users: what may be one, and when two are the same."""

from __future__ import annotations

import re
import unicodedata

from tapiary.errors import InvalidInput

#: TCI's limits, in characters.
NAME_LENGTH, EMAIL_LENGTH = 20, 70
#: `@me` stands for the caller in routes; `System` is the name of TCI's own account.
RESERVED = ("@me", "system")

#: More than this cannot be said of an address without sending something to it (RFC 5321 allows nearly anything).
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def name_key(name: str) -> str:
    """The name as it is compared: neither case nor the way a letter is composed makes another user."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def check_name(name: str) -> str:
    """The name, if a user may be called so. Raises InvalidInput."""
    if not 1 <= len(name) <= NAME_LENGTH or len(name_key(name)) > 2 * NAME_LENGTH:
        raise InvalidInput(f"username: must have 1 to {NAME_LENGTH} characters", field="username")
    if not name.isprintable() or name != name.strip() or name in (".", ".."):
        raise InvalidInput("username: may hold no control characters, and no spaces at its ends", field="username")
    # A colon ends the name in HTTP's Basic scheme (RFC 7617, section 2), a slash in a route.
    if ":" in name or "/" in name:
        raise InvalidInput("username: may hold neither ':' nor '/'", field="username")
    if name_key(name) in RESERVED:
        raise InvalidInput(f"username: {name} is reserved", field="username")
    return name


def check_email(email: str) -> str | None:
    """The address without spaces around it, None for an empty one. Raises InvalidInput."""
    email = email.strip()
    if not email:
        return None
    if len(email) > EMAIL_LENGTH:
        raise InvalidInput(f"email: must have at most {EMAIL_LENGTH} characters", field="email")
    if not _EMAIL.fullmatch(email) or not email.isprintable():
        raise InvalidInput("email: must look like name@host", field="email")
    return email
