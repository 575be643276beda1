"""What the sandbox takes in and hands out. Sizes are bytes, times seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

#: Where the command sees its folder; it begins there. Not a place in which installed programs lie.
HOME = "/job"

#: Why a command was ended: it passed a limit, or somebody wanted it to stop. Empty when it ended by itself.
Reason = Literal["", "timeout", "memory", "processes", "output", "cancelled"]


@dataclass(frozen=True, slots=True)
class Order:
    """A command to run."""

    #: Names the run, and the container: letters, digits, dots and hyphens. One run of a name at a time.
    name: str
    command: tuple[str, ...]
    #: The folder that is writable, from `folder_for`.
    folder: Path
    #: Where `stdout.log` and `stderr.log` are written, out of the command's reach.
    logs: Path
    #: Files and folders that the command may read: (here, where it sees them).
    inputs: tuple[tuple[Path, str], ...] = ()
    #: The command needs the Python that this program runs with.
    needs_program: bool = False
    #: What must not be seen even where it lies inside of what is shown: data, settings.
    hidden: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Status:
    """How a running command does."""

    seconds: float
    output_bytes: int
    memory_bytes: int
    processes: int
    #: The last line that it wrote to either output.
    last_line: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended."""

    #: As a shell tells it: 128 + n for signal n.
    exit_code: int
    reason: Reason
    seconds: float
    stdout: Path
    stderr: Path
    #: The last line that it wrote to its standard error.
    last_error: str
    engine: str
    #: Most memory and processes that were seen; 0 where the engine does not tell.
    memory_bytes: int = 0
    processes: int = 0
