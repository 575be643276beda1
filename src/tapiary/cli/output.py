"""Where results go: a file that appears whole or not at all, or standard output."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from tapiary.cli.session import is_terminal


@contextmanager
def sink(out: str, *, binary: bool = False) -> Iterator[BinaryIO]:
    """A stream of bytes to OUT, `-` being standard output; a regular file gets its name only when all is written.

    Raises UsageError where binary output would go to a terminal, OSError as the system does.
    """
    if out == "-":
        if binary and is_terminal(sys.stdout):
            raise click.UsageError("This output is no text; name a file with -o, or pipe it into another program.")
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(out).expanduser()
    if path.is_dir():
        raise click.UsageError(f"{out!r} is a folder; name a file.")
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):  # a device or a pipe has no name to give later
        with path.open("wb") as stream:
            yield stream
        return
    path = path.resolve()  # a symbolic link stays one
    part = path.with_name(f".{path.name[:200]}.{os.getpid()}.part")
    try:
        with part.open("wb") as stream:
            yield stream
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write(chunks: Iterable[bytes], out: str, *, binary: bool = False) -> int:
    """Write pieces to OUT as `sink` does and return how many bytes they were.

    The first piece is asked for before OUT is touched, so that an error leaves no trace of it.
    """
    pieces = iter(chunks)
    first = next(pieces, b"")
    written = len(first)
    with sink(out, binary=binary) as stream:
        stream.write(first)
        for piece in pieces:
            stream.write(piece)
            written += len(piece)
    return written


def echo_json(value: object) -> None:
    """One JSON value on one line of standard output, in UTF-8 whatever the terminal speaks."""
    text = json.dumps(value, ensure_ascii=not _is_utf8(), separators=(",", ":"), default=str)
    sys.stdout.write(text + "\n")


def _is_utf8() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
