"""`tapiary alerts`: what triggers have found."""

from __future__ import annotations

from typing import Literal

import click

from tapiary.cli.command import Command
from tapiary.cli.layout import Screen
from tapiary.cli.numbers import moment
from tapiary.cli.output import echo_json
from tapiary.cli.session import Session, pass_session, say

Severity = Literal["Info", "Low", "Medium", "High", "Critical"]
SEVERITIES: tuple[Severity, ...] = ("Info", "Low", "Medium", "High", "Critical")


@click.command(
    cls=Command,
    examples=[
        ("tapiary alerts", "the newest ones"),
        ("tapiary alerts --unseen --severity High --json", "those that nobody has seen, for a program"),
    ],
)
@click.option("--severity", type=click.Choice(SEVERITIES, case_sensitive=False), help="Only those of this severity.")
@click.option("--unseen", is_flag=True, help="Only those that nobody has seen.")
@click.option("--limit", "-n", type=click.IntRange(1, 1000), default=20, show_default=True, metavar="N",
              help="Alerts at most.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object an alert and line.")
@pass_session
def alerts(session: Session, severity: Severity | None, unseen: bool, limit: int, as_json: bool) -> None:
    """List the alerts that triggers have written, the newest first, with what they set going."""
    services = session.services
    views = services.alerts.list(
        services.accounts.shell(), severity=severity, seen=False if unseen else None, limit=limit)
    if as_json:
        import msgspec

        for view in views:
            echo_json(msgspec.to_builtins(view))
        return
    if not views:
        say("there are no such alerts")
        return
    heads = ("id", "time (UTC)", "severity", "alert", "rows", "seen", "capture", "actions")
    rows = [
        (view.id, moment(view.at_ms / 1000), view.severity, view.name, view.rows, "yes" if view.seen else "",
         view.capture_id, ", ".join(f"{each.kind} {each.state}" for each in view.deliveries))
        for view in views
    ]
    click.echo("\n".join(Screen.of().table(heads, rows, numbers=(0, 4, 6), cut_first=(3, 7))))
