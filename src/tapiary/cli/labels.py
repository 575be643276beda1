"""`tapiary labels`: the labels that a flow may get."""

from __future__ import annotations

import click

from tapiary.cli.command import Command
from tapiary.cli.layout import Screen
from tapiary.cli.output import echo_json
from tapiary.cli.session import Session, pass_session


@click.command(
    cls=Command,
    examples=[
        ("tapiary labels", "all labels by group"),
        ("tapiary labels --json | jq -r '.[].group_name'", "the names of the groups"),
    ],
)
@click.option("--json", "as_json", is_flag=True, help="The same as one JSON value, as the API gives it.")
@pass_session
def labels(session: Session, as_json: bool) -> None:
    """List the labels that a flow may get, by group: nDPI's categories and the groups of your own rules.

    A flow's label may put the carrier before the application: `TLS.Google` is Google inside TLS.
    """
    groups = session.services.labels()
    if as_json:
        echo_json([{"group_name": group.name, "labels": list(group.labels)} for group in groups])
        return
    screen = Screen.of()
    for group in groups:
        click.echo(screen.heading(group.name))
        click.echo(click.wrap_text(", ".join(group.labels), screen.width, "  ", "  "))
