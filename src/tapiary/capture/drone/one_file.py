"""A job's parts made into one, for hives that take one file a drone; a crash in between loses and doubles nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tapiary.capture.drone import pcap
from tapiary.capture.drone.records import JobRecord, Part
from tapiary.errors import InvalidInput, TapiaryError, Unavailable

#: How long mergecap may take for a gigabyte.
MERGECAP_S_PER_GB = 600.0


def unite(record: JobRecord, path_of: Callable[[Part], Path], commit: Callable[[list[Part]], None],
          mergecap: str) -> None:
    """Make one part of all; `commit` makes a list of parts durable, then removes the files that it does not name.

    Parts of one interface are appended to the first of them, so that the disk holds all only once; those of several
    are merged by time. Raises Unavailable, InvalidInput, OSError.
    """
    parts = sorted(record.parts, key=lambda part: part.number)
    if len({part.interface for part in parts}) <= 1:
        _append_all(parts, path_of, commit)
    else:
        _merge_all(parts, path_of, commit, mergecap)


def _append_all(parts: list[Part], path_of: Callable[[Part], Path], commit: Callable[[list[Part]], None]) -> None:
    while len(parts) > 1:
        first, second = parts[0], parts[1]
        with path_of(first).open("r+b") as target:
            target.truncate(first.size)     # what a crash may have left behind the last commit
            target.seek(0, os.SEEK_END)
            pcap.append(target, path_of(second))
            target.flush()
            os.fsync(target.fileno())
            size = target.tell()
        whole = Part(number=first.number, interface=first.interface, file=first.file, origin=first.origin, size=size,
                     closed=second.closed)
        parts = [whole, *parts[2:]]
        commit(parts)


def _merge_all(
    parts: list[Part], path_of: Callable[[Part], Path], commit: Callable[[list[Part]], None], mergecap: str,
) -> None:
    last = parts[-1]
    number = last.number + 1
    whole = Part(number=number, interface="", file=f"{number:06d}.pcap", origin="", size=0, closed=last.closed)
    target = path_of(whole)
    program = shutil.which(mergecap)
    try:
        if program:
            _mergecap(program, [path_of(part) for part in parts], target, sum(part.size for part in parts))
        else:
            groups = [[path_of(p) for p in parts if p.interface == name]
                      for name in dict.fromkeys(p.interface for p in parts)]
            try:
                with target.open("wb") as file:
                    pcap.merge(groups, file)
            except InvalidInput as error:
                raise InvalidInput(f"{error.message}; with mergecap they do (Debian: apt install wireshark-common)",
                                   field="file") from None
        with target.open("rb+") as file:
            os.fsync(file.fileno())
    except (TapiaryError, OSError):
        target.unlink(missing_ok=True)
        raise
    whole.size = target.stat().st_size
    commit([whole])


def _mergecap(program: str, sources: list[Path], target: Path, size: int) -> None:
    """mergecap writes pcapng, which takes any mix of link types and keeps nanoseconds."""
    try:
        done = subprocess.run([program, "-F", "pcapng", "-w", str(target), *map(str, sources)], capture_output=True,
                              text=True, errors="replace", check=False, timeout=60 + MERGECAP_S_PER_GB * size / 1e9)
    except subprocess.TimeoutExpired:
        raise Unavailable("mergecap takes too long") from None
    if done.returncode:
        raise Unavailable(f"mergecap: {' '.join(done.stderr.split())[:300] or done.returncode}")
