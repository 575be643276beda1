"""What lies in a folder that a command has filled: never trusting names, links or depth."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tapiary.errors import InvalidInput

#: Folders in folders, and files in all, that a command may make; more only wears the server out.
MAX_DEPTH = 64
MAX_FILES = 100_000


class TooMuch(InvalidInput):
    """A folder holds more files or deeper folders than are allowed, or one that cannot be read."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A name in the folder, that is no folder itself, with what lstat(2) says of it."""

    name: str
    found: os.stat_result

    @property
    def is_file(self) -> bool:
        """Whether it is a plain file: no link, device, socket or pipe."""
        return stat.S_ISREG(self.found.st_mode)


def files_of(folder: Path, *, mend: bool = False) -> Iterator[Entry]:
    """Everything below a folder but folders, names relative to it. Links are told, never followed.

    mend: make readable what its owner made unreadable (only once nobody else can change the folder).
    Raises TooMuch.
    """
    root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield from _walk(root, "", [0], mend)
    finally:
        os.close(root)


def used_bytes(folder: Path) -> int:
    """The size of all files, each name counted, as a copy of them would take; raises TooMuch."""
    return sum(max(entry.found.st_size, entry.found.st_blocks * 512) for entry in files_of(folder))


def remove(folder: Path) -> None:
    """Removes a folder whatever is in it; one that is not there is no error."""
    if not folder.is_symlink() and not folder.exists():
        return
    # rm(1) goes down as deep as a hostile folder may go, which the standard library does not. A folder that its owner
    # has made unreadable stops it, unless we are root.
    done = subprocess.run(["rm", "-rf", "--", str(folder)], stderr=subprocess.DEVNULL, check=False)
    if done.returncode:
        subprocess.run(["chmod", "-R", "u+rwX", "--", str(folder)], stderr=subprocess.DEVNULL, check=False)
        subprocess.run(["rm", "-rf", "--", str(folder)], stderr=subprocess.DEVNULL, check=False)


def _walk(folder: int, prefix: str, count: list[int], mend: bool) -> Iterator[Entry]:
    if prefix.count("/") > MAX_DEPTH:
        raise TooMuch(f"folders are nested more than {MAX_DEPTH} deep")
    with os.scandir(folder) as entries:
        for entry in entries:
            count[0] += 1
            if count[0] > MAX_FILES:
                raise TooMuch(f"there are more than {MAX_FILES} files")
            try:
                found = os.stat(entry.name, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                continue
            name = prefix + entry.name
            if mend and stat.S_IMODE(found.st_mode) & 0o600 != 0o600 and not stat.S_ISLNK(found.st_mode):
                with contextlib.suppress(OSError):
                    os.chmod(entry.name, 0o700 if stat.S_ISDIR(found.st_mode) else 0o600, dir_fd=folder)
            if not stat.S_ISDIR(found.st_mode):
                yield Entry(name, found)
                continue
            try:
                below = os.open(entry.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            except PermissionError:
                raise TooMuch(f"the folder {name} cannot be read") from None
            except OSError:
                continue  # it went, or became something else
            try:
                yield from _walk(below, f"{name}/", count, mend)
            finally:
                os.close(below)
