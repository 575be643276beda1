"""The captures that a command line names: files, folders, patterns, and `-` for standard input."""

from __future__ import annotations

import glob
import io
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

import click

from tapiary.cli.session import is_terminal

#: What standard input is called on the command line.
STANDARD_INPUT = "-"

#: First bytes of captures: pcap of both byte orders in µs, ns and Kuznetsov's variant, and pcapng's section header.
_MAGICS = frozenset(bytes.fromhex(text) for text in (
    "d4c3b2a1", "a1b2c3d4", "4d3cb2a1", "a1b23c4d", "34cdb2a1", "a1b2cd34", "0a0d0d0a",
))
#: First bytes of gzip and zstd, which may hold anything: here the name has to tell.
_PACKED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")
_ENDINGS = ("pcap", "pcapng", "cap", "dmp", "ntar")


def expand(names: Iterable[str]) -> list[str]:
    """The files to process, in the order named, each once.

    A folder stands for the captures in and below it, in the order of their names; a pattern that the shell left
    (quoted, or on a system whose shell expands none) for what matches it. A name of nothing stays, to be told.
    """
    found: dict[str, None] = {}
    for name in names:
        if name == STANDARD_INPUT:
            found[name] = None
        elif os.path.isdir(name):
            found |= dict.fromkeys(_captures(Path(name)))
        elif not os.path.lexists(name) and glob.has_magic(name):
            matches = sorted(path for path in glob.glob(name, recursive=True) if not os.path.isdir(path))
            found |= dict.fromkeys(matches or [name])
        else:
            found[name] = None
    return list(found)


def standard_input() -> BinaryIO:
    """Standard input as a stream of bytes; raises UsageError where no capture can come from it.

    Unbuffered: a thread that waits in a buffered read holds a lock that Python's end cannot take, and dies of it.
    """
    if sys.stdin is None or sys.stdin.closed:
        raise click.UsageError("Standard input is closed; pipe a capture into it.")
    if is_terminal(sys.stdin):
        raise click.UsageError("Standard input is a terminal; pipe a capture into it.")
    try:
        return cast(BinaryIO, io.FileIO(sys.stdin.fileno(), "rb", closefd=False))
    except OSError:  # a stand-in for standard input has no descriptor
        return sys.stdin.buffer


def _captures(folder: Path) -> Iterator[str]:
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = os.path.join(where, name)
            if not name.startswith(".") and _is_capture(path):
                yield path


def _is_capture(path: str) -> bool:
    """Whether a file of a folder is taken for a capture: by its first bytes, and by its name where it is compressed."""
    if not os.path.isfile(path):
        return False
    try:
        with open(path, "rb") as file:
            magic = file.read(4)
    except OSError:
        return path.lower().endswith(_ENDINGS)  # taken, so that processing says why it cannot be read
    if magic.startswith(_PACKED):
        return any(part in _ENDINGS for part in os.path.basename(path).lower().split(".")[1:])
    return magic in _MAGICS
