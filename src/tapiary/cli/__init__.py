"""The command line; `main` is its door. One file a command, imported when the command is called."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; `arguments` default to the process's own."""
    own_process = arguments is None
    try:
        from tapiary.cli.run import run

        code = run(sys.argv[1:] if arguments is None else arguments, own_process=own_process)
        if own_process:
            _leave(code)
    except KeyboardInterrupt:  # while loading, or a second Ctrl-C while the first was dealt with
        from tapiary.cli.exit_codes import INTERRUPTED

        return INTERRUPTED
    return code


def _leave(code: int) -> None:
    """End the process without taking the interpreter apart, which costs more than many a command does."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # the reader is gone; `run` has told
            stream.flush()
    logging.shutdown()
    os._exit(code)
