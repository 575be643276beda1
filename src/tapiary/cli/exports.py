"""Where `tapiary process` writes the flows of each capture: one file, or a folder with one file a capture."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from tapiary.cli.output import write
from tapiary.cli.sources import STANDARD_INPUT

if TYPE_CHECKING:
    from tapiary.services import Services

#: Endings that a capture's name loses before the table's own is added.
_ENDINGS = (".gz", ".zst", ".pcap", ".pcapng", ".cap", ".dmp", ".ntar")


@dataclass
class Export:
    """One of `--csv OUT` and `--parquet OUT`, over all the captures of a command line."""

    format: Literal["csv", "parquet"]
    out: str
    many: bool
    used: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        if self.out == "-" and self.many and self.format == "parquet":
            raise click.UsageError("Parquet of several captures cannot go to standard output; name a folder.")
        if self.many and self.out != "-" and Path(self.out).exists() and not Path(self.out).is_dir():
            raise click.UsageError(f"{self.out!r} is a file; for several captures name a folder.")

    def write(self, services: Services, job_id: int, source: str) -> None:
        """Write the flows of a job, whole or not at all."""
        chunks: Iterable[bytes] = services.export.stream(job_id, self.format)
        if self.out == "-" and self.used:
            chunks = without_first_line(chunks)
        write(chunks, self._destination(source), binary=self.format == "parquet")

    def _destination(self, source: str) -> str:
        if self.out == "-" or not (self.many or Path(self.out).is_dir()):
            self.used.add(self.out)
            return self.out
        folder = Path(self.out)
        folder.mkdir(parents=True, exist_ok=True)
        stem = "stdin" if source == STANDARD_INPUT else os.path.basename(source)
        while stem.lower().endswith(_ENDINGS):
            stem = stem[: stem.rindex(".")]
        name, number = f"{stem}.{self.format}", 1
        while name in self.used:  # captures of one name in different folders
            number += 1
            name = f"{stem}-{number}.{self.format}"
        self.used.add(name)
        return str(folder / name)


def without_first_line(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces of a text without its first line, which is the table's head."""
    pieces = iter(chunks)
    for piece in pieces:
        _, end, rest = piece.partition(b"\n")
        if end:
            yield rest
            break
    yield from pieces
