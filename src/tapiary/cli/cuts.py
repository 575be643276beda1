"""The packets of flows of several captures, as one capture."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click

from tapiary.cli.numbers import size
from tapiary.cli.output import write
from tapiary.cli.remote import FLOWS

Cut = Callable[[int, tuple[int, ...]], Iterator[bytes]]


def cut(flows: Mapping[int, tuple[int, ...]], packets: Cut, out: str) -> str:
    """Write the packets of flows by job to OUT, and return its size in words.

    One capture keeps its format; several are merged by time into a pcapng. `packets` cuts some flows of one job.
    """
    parts = [(job, ids[at : at + FLOWS]) for job, ids in flows.items() for at in range(0, len(ids), FLOWS)]
    if len(parts) == 1:
        return size(write(packets(*parts[0]), out, binary=True))
    if out == "-":
        raise click.UsageError("Packets of several captures need a file of their own; name one.")
    from tapiary.meter import MergeSource, merge

    with tempfile.TemporaryDirectory(prefix="tapiary-", dir=Path(out).expanduser().resolve().parent) as folder:
        sources = []
        for number, (job, ids) in enumerate(parts):
            path = Path(folder, f"{number}.cap")
            write(packets(job, ids), str(path), binary=True)
            sources.append(MergeSource(path, f"job{job}"))
        return size(merge(sources, Path(out).expanduser().resolve()).bytes)
