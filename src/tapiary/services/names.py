"""File names of the repository: relative, visible, and never a way out of its folder."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from tapiary.errors import InvalidInput

#: Longest name of one folder or file, in UTF-8 bytes: NAME_MAX of Linux, and of about every file system there.
MAX_PART_BYTES = 255
#: Longest relative name, in UTF-8 bytes: a quarter of Linux's PATH_MAX, so that the repository's own path has room.
MAX_NAME_BYTES = 1024
#: Endings that say how a capture is packed, not what it is.
PACKED = frozenset({"gz", "zst"})


def checked_name(name: str, field: str = "name") -> str:
    """The name itself when it may stand in the repository, else InvalidInput that names `field` and the reason."""
    reason = _objection(name)
    if reason:
        raise InvalidInput(f"{field}: {reason}", field=field, code="bad_name")
    return name


def _objection(name: str) -> str | None:
    try:
        size = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        return "is not valid Unicode"
    if not name:
        return "is empty; give a file name such as capture.pcap"
    if size > MAX_NAME_BYTES:
        return f"is longer than {MAX_NAME_BYTES} bytes"
    if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in name):
        return "holds a control character"
    if "\\" in name:
        return "holds a backslash; folders are separated by /"
    for part in name.split("/"):
        if not part:
            return "must be relative and without empty parts (no leading, trailing or double /)"
        if part.startswith("."):
            return "has a part that begins with a dot; hidden files and '..' are not part of the repository"
        if len(part.encode()) > MAX_PART_BYTES:
            return f"has a part longer than {MAX_PART_BYTES} bytes"
        if part != part.strip():
            return "has a part that begins or ends with white space"
    return None


def inside(root: Path, name: str, field: str = "name") -> Path:
    """The path of a name under the (existing) root; InvalidInput when a symbolic link leads out of it."""
    path = root / checked_name(name, field)
    real = root.resolve()
    if path.is_symlink() or not path.resolve().is_relative_to(real):
        raise InvalidInput(
            f"{field}: is reached through a symbolic link, which the repository does not follow",
            field=field,
            code="bad_name",
        )
    return path


def extension(name: str) -> str:
    """The name's ending without its dot, with what it is packed in: pcap, pcapng, pcap.gz; empty when it has none."""
    parts = name.rsplit("/", 1)[-1].split(".")
    if len(parts) > 2 and parts[-1].lower() in PACKED:
        return ".".join(parts[-2:])
    return parts[-1] if len(parts) > 1 else ""
