"""The processes of a command, by the kernel's own list of children, and what they hold of memory."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
#: Memory file systems that a command may write to; their content is memory that no process seems to hold.
MEMORY_FOLDERS = ("tmp", "dev/shm")
_PROC = "/proc"
#: The kernel needs this long at most to end processes that are killed (an unresponsive disk aside).
GONE_S = 5.0


@dataclass(frozen=True, slots=True)
class Usage:
    """What a command's processes hold; threads count as processes, as they do for the kernel."""

    processes: int
    memory_bytes: int
    #: Bytes of files that have no name any more and are open still.
    nameless_bytes: int


def tree(root: int) -> list[int]:
    """A process and all below it, parents first; those that end meanwhile may be missing.

    In a PID namespace orphans go to its first process, hence nothing leaves the tree.
    """
    found = [root]
    for pid in found:
        found.extend(_children(pid))
    return found


def kill_tree(root: int) -> None:
    """Ends a process and all below it at once.

    Where the second one is the first of a PID namespace, the kernel ends all others with it, and it is gone only when
    they are: this waits for it.
    """
    below = tree(root)[1:]
    for pid in (*below, root):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + GONE_S
    while below and _is_there(below[0]) and time.monotonic() < end:
        time.sleep(0.005)


def usage(root: int, limit: int) -> Usage:
    """What the tree below a process holds (without itself and its first child, which are the sandbox's own).

    Memory that processes share is counted once, but only when the simple sum passes the limit: it costs time.
    """
    pids = tree(root)[2:]
    threads = sum(_threads(pid) for pid in pids)
    resident = sum(_resident(pid) for pid in pids)
    folders = _memory_folders(pids[0]) if pids else 0
    hidden, nameless = _nameless(pids)
    memory = resident + folders + hidden
    if memory > limit:
        memory = sum(_proportional(pid) for pid in pids) + folders + hidden
    return Usage(threads, memory, nameless)


def _is_there(pid: int) -> bool:
    """Whether a process has not ended, or not all of it; one that only waits to be buried has."""
    try:
        return Path(f"{_PROC}/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (OSError, IndexError):
        return False


def _children(pid: int) -> Iterator[int]:
    try:
        threads = os.listdir(f"{_PROC}/{pid}/task")
    except OSError:
        return
    for thread in threads:
        with contextlib.suppress(OSError, ValueError):
            yield from map(int, Path(f"{_PROC}/{pid}/task/{thread}/children").read_text().split())


def _threads(pid: int) -> int:
    try:
        return len(os.listdir(f"{_PROC}/{pid}/task"))
    except OSError:
        return 0


def _resident(pid: int) -> int:
    try:
        return int(Path(f"{_PROC}/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return 0


def _proportional(pid: int) -> int:
    """The process's share of what it maps (proc(5), smaps_rollup), else all of it."""
    try:
        for line in Path(f"{_PROC}/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return _resident(pid)


def _memory_folders(pid: int) -> int:
    held = 0
    for folder in MEMORY_FOLDERS:
        with contextlib.suppress(OSError):
            found = os.statvfs(f"{_PROC}/{pid}/root/{folder}")
            held += (found.f_blocks - found.f_bfree) * found.f_frsize
    return held


def _nameless(pids: list[int]) -> tuple[int, int]:
    """Bytes of open files without a name: in memory, and on a disk."""
    seen: set[tuple[int, int]] = set()
    memory = disk = 0
    for pid in pids:
        try:
            descriptors = os.listdir(f"{_PROC}/{pid}/fd")
        except OSError:
            continue
        for descriptor in descriptors:
            path = f"{_PROC}/{pid}/fd/{descriptor}"
            try:
                target = os.readlink(path)
                if not target.endswith(" (deleted)"):
                    continue
                found = os.stat(path)
            except OSError:
                continue
            if (found.st_dev, found.st_ino) in seen:
                continue
            seen.add((found.st_dev, found.st_ino))
            if target.startswith("/memfd:"):
                memory += found.st_blocks * 512
            elif not target.startswith(("/tmp/", "/dev/shm/", "/dev/zero", "/SYSV")):
                disk += found.st_blocks * 512
    return memory, disk
