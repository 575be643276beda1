"""`tapiary doctor`: what is installed, what is missing, how to get it."""

from __future__ import annotations

from dataclasses import asdict

import click

from tapiary.cli import exit_codes
from tapiary.cli.command import Command
from tapiary.cli.layout import Screen, columns
from tapiary.cli.output import echo_json
from tapiary.cli.session import Session, pass_session

_MARKS = {"ok": ("✓", "ok", "green"), "note": ("·", "--", "yellow"), "missing": ("✗", "NO", "red")}


@click.command(
    cls=Command,
    examples=[
        ("tapiary doctor", "check everything"),
        ("tapiary doctor --json | jq -r 'select(.state == \"missing\") | .hint'", "what to do about what is missing"),
    ],
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a check and line: name, state, found, hint.")
@pass_session
def doctor(session: Session, as_json: bool) -> None:
    """Check what is installed and whether it works, and say how to get what is missing.

    Exits with 1 when something that is needed is missing; what is only useful is noted.
    """
    from tapiary.cli.checks import all_checks

    screen = Screen.of()
    missing = 0
    for check in all_checks(session.config, session.services):
        missing += check.state == "missing"
        if as_json:
            echo_json(asdict(check))
            continue
        mark, plain, colour = _MARKS[check.state]
        mark = mark if screen.unicode else plain
        click.echo(f"{screen.style(mark, colour)} {check.name + ' ' * (18 - columns(check.name))} {check.found}")
        if check.hint:
            click.echo(f"{' ' * columns(mark)} {'':18} {screen.style('try: ' + check.hint, dim=True)}")
    if not as_json:
        for line in session.services.enricher.attribution():
            click.echo(screen.style(line, dim=True))
    if missing:
        if not as_json:
            click.echo(screen.style(f"{missing} of the checks found something missing", "red"))
        click.get_current_context().exit(exit_codes.FAILED)
