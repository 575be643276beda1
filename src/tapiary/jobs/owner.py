"""Who works on a job: a process, named so that others can tell whether it still lives.

A process number alone is used again; with the boot, the PID namespace and the process's start time it is unique. On
systems without /proc nothing is provable and only the lease counts.
"""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


@cache
def _place() -> str:
    """The kernel and PID namespace that this process runs in; empty when they cannot be told."""
    boot = _read("/proc/sys/kernel/random/boot_id")
    try:
        namespace = os.readlink("/proc/self/ns/pid").strip("pid:[]")
    except OSError:
        return ""
    return f"{boot}/{namespace}" if boot else ""


#: Start of a process that is gone or waits to be buried (zombie), and of one about which nothing can be learnt.
GONE = "gone"
UNKNOWN = "unknown"


def _start_time(pid: int) -> str:
    """Clock ticks from boot to the process's start, or GONE, or UNKNOWN: not being able to look proves nothing."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return GONE
    except OSError:  # out of file descriptors or memory
        return UNKNOWN
    # proc(5): fields[0] is the state (field 3 of the line), fields[19] the start time (field 22)
    if len(fields) < 20:
        return UNKNOWN
    return GONE if fields[0] in "ZX" else fields[19]


def name_of(pid: int) -> str:
    """The owner name of a living process of this machine, as `host place pid start`."""
    return f"{socket.gethostname()} {_place() or '-'} {pid} {_start_time(pid)}"


@cache
def _own(pid: int) -> str:
    return name_of(pid)


def own_name() -> str:
    """The owner name of this process, the same at every call."""
    return _own(os.getpid())


def is_dead(owner: str) -> bool:
    """Whether the owner provably lives no more; False when it lives or when it cannot be told from here."""
    _, place, pid, start = owner.rsplit(" ", 3)
    if not _place() or place != _place() or start == UNKNOWN:
        return False
    return start == GONE or _start_time(int(pid)) not in (start, UNKNOWN)


def is_alive(owner: str) -> bool:
    """Whether the owner provably lives; False when it is dead or when it cannot be told from here."""
    _, place, pid, start = owner.rsplit(" ", 3)
    return bool(_place()) and place == _place() and start not in (GONE, UNKNOWN) and _start_time(int(pid)) == start
