"""`tapiary packets`: the packets of some flows, cut out of their capture."""

from __future__ import annotations

from typing import Any

import click

from tapiary.cli.command import Command
from tapiary.cli.numbers import size
from tapiary.cli.output import write
from tapiary.cli.session import Session, pass_session, say
from tapiary.cli.target import filter_options, find_target, flow_filter, target_options, tell_near_labels


@click.command(
    cls=Command,
    examples=[
        ("tapiary packets trace.pcap --label TLS.Google -o google.pcap", "all packets of these flows"),
        ("tapiary packets --ip 10.0.0.7 -o - | tshark -r -", "of the last capture processed, into another program"),
        ("tapiary packets trace.pcap --flow 17 --flow 4711 -o two.pcap", "of two flows by their numbers"),
    ],
)
@target_options
@filter_options
@click.option("--output", "-o", "out", required=True, metavar="OUT", help="File to write; `-` is standard output.")
@pass_session
def packets(session: Session, /, file: str | None, job: int | None, out: str, **options: Any) -> None:
    """Cut the packets of some flows out of a stored capture, as a capture of the same format.

    Only the parts of the file that hold them are read. OUT appears when it is complete. Without FILE and --job the
    capture that was processed last is meant.
    """
    wanted = flow_filter(**options)
    job_id, view = find_target(session.services, file, job)
    tell_near_labels(session.services, job_id, view, wanted)
    written = write(session.services.packets.cut(job_id, wanted), out, binary=True)
    if out != "-":
        say(f"{out}: {size(written)} of {view.name}")
