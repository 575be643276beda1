"""A control group (cgroups(7), version 2) for one command, where the system lets us make one.

The kernel then holds the limits of memory and processes itself. We can where we are root, or where the service manager
has delegated a group to us (systemd: `Delegate=yes` with `DelegateSubgroup=`).
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_WANTED = ("memory", "pids")


class Group:
    """One command's group; `kill` and `remove` it at the end."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def wrap(self, command: list[str]) -> list[str]:
        """The command, begun inside of the group."""
        return ["/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self.path / "cgroup.procs"), *command]

    def passed(self) -> str:
        """Which limit the kernel has held against the command: memory, processes, or none."""
        if self._count("memory.events", "oom_kill"):
            return "memory"
        return "processes" if self._count("pids.events", "max") else ""

    def remove(self) -> None:
        """End what still runs in the group, and the group."""
        with contextlib.suppress(OSError):
            (self.path / "cgroup.kill").write_text("1")
        end = time.monotonic() + 2.0
        while time.monotonic() < end:
            try:
                os.rmdir(self.path)
                return
            except FileNotFoundError:
                return
            except OSError:  # its last process is about to go
                time.sleep(0.01)

    def _count(self, file: str, key: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            for line in (self.path / file).read_text().splitlines():
                name, _, number = line.partition(" ")
                if name == key:
                    return int(number)
        return 0


def make_group(name: str, memory_bytes: int, processes: int, root: Path = _ROOT) -> Group | None:
    """A group with these limits beside our own group; None where the system does not let us make one."""
    try:
        beside = _own(root).parent
        if not (beside / "cgroup.controllers").is_file():
            return None
        if not set(_WANTED) <= set((beside / "cgroup.subtree_control").read_text().split()):
            (beside / "cgroup.subtree_control").write_text(" ".join(f"+{wanted}" for wanted in _WANTED))
        group = Group(beside / f"tapiary-{name}")
        if group.path.exists():  # of an attempt that was killed
            group.remove()
        group.path.mkdir()
    except (OSError, ValueError):
        return None
    try:
        (group.path / "memory.max").write_text(str(memory_bytes))
        (group.path / "pids.max").write_text(str(processes))
        for file, value in (("memory.swap.max", "0"), ("memory.oom.group", "1")):
            with contextlib.suppress(OSError):  # a kernel without swap accounting has no such file
                (group.path / file).write_text(value)
    except OSError:
        group.remove()
        return None
    return group


def _own(root: Path) -> Path:
    """Our own group's folder; ValueError where there is none of version 2, or only the root group."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        if line.startswith("0::/") and line != "0::/":
            return root / line.removeprefix("0::/")
    raise ValueError("no group of version 2")
