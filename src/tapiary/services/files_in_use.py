"""Which files some process on this machine has open for writing, where the system tells."""

from __future__ import annotations

import os
from pathlib import Path

_WRITING = os.O_WRONLY | os.O_RDWR


def open_for_writing(root: Path, proc: Path = Path("/proc")) -> set[str]:
    """Real paths under `root` that a process has open for writing.

    Linux alone tells (proc(5): fd/ and fdinfo/), and only of processes that we may look at; elsewhere the set is
    empty and the age of a file has to do.
    """
    prefix = str(root.resolve()) + os.sep
    found: set[str] = set()
    try:
        processes = [entry for entry in os.listdir(proc) if entry.isdigit()]
    except OSError:
        return found
    for process in processes:
        folder = f"{proc}/{process}"
        try:
            descriptors = os.listdir(f"{folder}/fd")
        except OSError:
            continue
        for descriptor in descriptors:
            try:
                target = os.readlink(f"{folder}/fd/{descriptor}")
                if target.startswith(prefix) and _is_writing(f"{folder}/fdinfo/{descriptor}"):
                    found.add(target)
            except OSError:
                continue
    return found


def _is_writing(path: str) -> bool:
    with open(path, encoding="ascii", errors="replace") as info:
        for line in info:
            if line.startswith("flags:"):
                return bool(int(line.split()[1], 8) & _WRITING)
    return False
