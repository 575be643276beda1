"""`tapiary delete`: a capture and all that was made of it."""

from __future__ import annotations

import sys

import click

from tapiary.cli.command import Command
from tapiary.cli.numbers import exact, size
from tapiary.cli.session import Session, is_terminal, pass_session, say


@click.command(
    cls=Command,
    examples=[
        ("tapiary delete old.pcap", "delete a capture of the repository and its rows, after asking"),
        ("tapiary delete --yes /tmp/trace.pcap", "forget the rows of a file outside the repository; the file stays"),
    ],
)
@click.argument("file")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@pass_session
def delete(session: Session, file: str, yes: bool) -> None:
    """Delete a capture of the repository, with its flows and its packet index.

    FILE is a name in the repository, a path, or a job number. Of a file that was processed where it lies outside the
    repository, the rows go and the file stays. A job that works on it is cancelled.
    """
    view = session.services.files.resolve(file)
    rows = "its rows" if view.flows is None else f"its {exact(view.flows)} flows"
    what = f"{view.path} ({size(view.size)}) and {rows}"
    if view.outside:
        what = f"{rows.replace('its', 'the')} of {view.path} (the file stays)"
    if not yes:
        if not is_terminal(sys.stdin):
            raise click.UsageError("There is nobody to ask; --yes deletes without asking.")
        click.confirm(f"Delete {what}?", abort=True, err=True)
    session.services.files.delete(view)
    say(f"deleted {what}")
