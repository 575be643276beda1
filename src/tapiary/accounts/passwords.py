"""Passwords: Argon2id hashes, and as much time for a user who does not exist as for a wrong password."""

from __future__ import annotations

import secrets
import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from tapiary.errors import InvalidInput

#: TCI's limits, in characters.
LEAST, MOST = 8, 500

#: Bytes of a password that the program makes: 96 random bits, 16 characters.
MADE_BYTES = 12

#: RFC 9106, section 4, second recommended option: 3 passes, 4 lanes, 64 MiB.
_HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)

#: Hash of random bytes that nobody kept, with the parameters above (a test compares them).
DUMMY = "$argon2id$v=19$m=65536,t=3,p=4$EhnJM8iGXbVlU1bZTOd3JA$M9OFddhB4mS2Fglny0iXreVWwtI8Wvw2fk8/Fb7GfPo"

#: Hashes computed at the same time: each takes 64 MiB and all of a core, and logins are rare.
_AT_ONCE = threading.BoundedSemaphore(4)


def check(password: str) -> str:
    """The password, if it is one that may be set. Raises InvalidInput."""
    if not LEAST <= len(password) <= MOST:
        raise InvalidInput(f"password: must have {LEAST} to {MOST} characters", field="password")
    return password


def make() -> str:
    """A new random password."""
    return secrets.token_urlsafe(MADE_BYTES)


def hash_of(password: str) -> str:
    """The Argon2id hash of a password, as text that names its parameters and salt."""
    with _AT_ONCE:
        return _HASHER.hash(_bytes(password))


def matches(stored: str | None, password: str) -> bool:
    """Whether the password is that of the hash; None takes as long and is never right."""
    # What nobody can have set need not be hashed, but must not be told by the clock either.
    right = stored if stored is not None and len(password) <= MOST else None
    with _AT_ONCE:
        try:
            _HASHER.verify(right or DUMMY, _bytes(password[:MOST]))
        except (VerificationError, InvalidHashError):
            return False
    return right is not None


def is_outdated(stored: str) -> bool:
    """Whether the hash was made with other parameters than we use now."""
    return _HASHER.check_needs_rehash(stored)


def _bytes(password: str) -> bytes:
    # Lone surrogates come out of headers that are no UTF-8; they are wrong, not an accident.
    return password.encode("utf-8", "surrogatepass")
