"""`tapiary merge`: several captures as one, by time."""

from __future__ import annotations

from pathlib import Path

import click

from tapiary.cli.command import Command
from tapiary.cli.numbers import size
from tapiary.cli.progress import FileProgress
from tapiary.cli.session import say


@click.command(
    cls=Command,
    examples=[
        ("tapiary merge east.pcap west.pcap -o both.pcapng", "two captures of the same minutes as one, by time"),
        ("tapiary merge eth0-*.pcap.gz -o eth0.pcapng", "the pieces of a long capture"),
    ],
)
@click.argument("captures", metavar="IN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--output", "-o", "out", required=True, metavar="OUT", type=click.Path(dir_okay=False, path_type=Path),
              help="File to write: a pcapng.")
def merge(captures: tuple[Path, ...], out: Path) -> None:
    """Merge captures into one by the times of their packets, to the nanosecond.

    Each IN is a pcap or pcapng, plain or packed with gzip or zstd. In OUT its packets come from an interface with the
    name of the file. Of equal times the capture that is named first goes first. A capture that breaks off is merged up
    to there, and you are told. OUT appears when it is complete.
    """
    if str(out) == "-":
        raise click.UsageError("The result needs a file of its own; name one with -o.")
    from tapiary.meter import MergeProgress, MergeSource
    from tapiary.meter import merge as merge_captures

    with FileProgress(out.name) as bar:
        def tell(told: MergeProgress) -> None:
            bar({
                "bytes": told.bytes, "total_bytes": told.total_bytes, "flows": None,
                "packets_per_s": told.packets / told.seconds if told.seconds else 0,
            })

        sources = [MergeSource(path, path.name.split(".")[0] or path.name) for path in captures]
        result = merge_captures(sources, out.expanduser().resolve(), progress=tell)
    for path, why in result.torn.items():
        say(f"{path}: {why}; what comes before is merged")
    say(f"{out}: {result.packets:,} packets of {len(captures)} captures, {size(result.bytes)}")
