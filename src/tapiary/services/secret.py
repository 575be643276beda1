"""The server's secret key: what its logins, sessions and links are signed with."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from tapiary.errors import Unavailable

FILE = "secret.key"
#: HMAC-SHA256 wants a key as long as its result (RFC 2104, 3; RFC 7518, 3.2).
BYTES = 32


def secret_key(folder: Path) -> bytes:
    """The key of a data folder, made at the first call: 32 random bytes, readable for the owner alone.

    Processes that call at the same time get the same key. Whoever removes the file ends all logins and links.
    Raises Unavailable when the file cannot be read or made, or holds something else.
    """
    path = folder / FILE
    try:
        return _read(path) or _make(path)
    except OSError as error:
        raise Unavailable(f"cannot read or make {path}: {error.strerror or error}") from error


def _make(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{FILE}-", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(os.urandom(BYTES).hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        # A link never replaces the key that another process made in the meantime, and never shows half a file.
        with suppress(FileExistsError):
            os.link(name, path)
    finally:
        os.unlink(name)
    made = _read(path)
    assert made is not None
    return made


def _read(path: Path) -> bytes | None:
    try:
        text = path.read_text("ascii", "replace").strip()
    except FileNotFoundError:
        return None
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) < BYTES:
        raise Unavailable(
            f"{path} does not hold a key of {2 * BYTES} hexadecimal digits; remove it to get a new one, "
            "which ends all logins"
        )
    return key
