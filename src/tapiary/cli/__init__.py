"""The command line; `main` is its door. One file a command, imported when the command is called."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; `arguments` default to the process's own."""
    try:
        from tapiary.cli.run import run

        return run(sys.argv[1:] if arguments is None else arguments, own_process=arguments is None)
    except KeyboardInterrupt:  # while loading, or a second Ctrl-C while the first was dealt with
        from tapiary.cli.exit_codes import INTERRUPTED

        return INTERRUPTED
