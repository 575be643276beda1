"""Which user of the system a command runs as: never root, never one that owns anything of ours."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

#: Users that no system hands out (systemd's page on UIDs keeps to 0..2^31 - 1 and leaves this range unused). A number
#: for each run makes the kernel's count of processes a count of that run's alone.
_FIRST, _COUNT = 2_000_000_000, 1_000_000
#: The overflow user, where the range above is not mapped into the container that we are in.
NOBODY = 65534


def is_root() -> bool:
    """Whether we may become other users."""
    return os.geteuid() == 0


def user_for(name: str) -> int:
    """The user that the run of this name gets: our own when we are an ordinary one."""
    if not is_root():
        return os.geteuid()
    user = _FIRST + zlib.crc32(name.encode()) % _COUNT
    return user if _is_mapped(user) else NOBODY


def folder_for(name: str, path: Path) -> Path:
    """Makes the folder that the run of this name may write to; it must not exist, and lie where others cannot go."""
    path.mkdir()
    path.chmod(0o711)  # bubblewrap enters it while it is root without root's rights
    give(path, name)
    return path


def give(path: Path, name: str) -> None:
    """Makes the run of this name the owner of a file or folder."""
    if is_root():
        user = user_for(name)
        os.chown(path, user, user, follow_symlinks=False)


def _is_mapped(user: int) -> bool:
    try:
        lines = Path("/proc/self/uid_map").read_text().splitlines()
    except OSError:
        return False
    ranges = [[int(word) for word in line.split()] for line in lines]
    return any(first <= user < first + count for first, _, count in ranges)
