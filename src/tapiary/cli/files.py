"""`tapiary files`: the captures and their states."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tapiary.cli.command import Command
from tapiary.cli.layout import Screen
from tapiary.cli.numbers import exact, moment, size
from tapiary.cli.output import echo_json
from tapiary.cli.session import Session, pass_session, say

if TYPE_CHECKING:
    from tapiary.services import FileView, ScanReport

_COLOURS = {"finished": "green", "failed": "red", "cancelled": "yellow", "in_progress": "cyan", "queued": "cyan"}


@click.command(
    cls=Command,
    examples=[
        ("tapiary files", "look into the repository and list it"),
        ("tapiary files --all", "with the files that were processed where they lie"),
        ("tapiary files --json | jq -r 'select(.state == \"failed\") | .name'", "the names of those that failed"),
    ],
)
@click.option("--all", "-a", "outside", is_flag=True, help="Also the files outside the repository that were processed.")
@click.option("--no-scan", is_flag=True, help="Show what is known; do not look into the folder.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a file and line.")
@pass_session
def files(session: Session, outside: bool, no_scan: bool, as_json: bool) -> None:
    """List the captures of the repository with their states, after a look into its folder.

    States: new, queued, in_progress, finished, failed, cancelled.
    """
    if not no_scan:
        _report(session.services.files.scan())
    views = session.services.files.list(outside=outside)
    if as_json:
        for view in views:
            echo_json(_object(view))
        return
    if not views:
        say(f"no captures in {session.config.repository_path}; put some there, or: tapiary process FILE")
        return
    screen = Screen.of()
    rows = [
        (view.name, view.state, view.job.id if view.job else "", size(view.size),
         "" if view.flows is None else exact(view.flows), moment(view.time_start))
        for view in views
    ]
    lines = screen.table(("name", "state", "job", "size", "flows", "first packet (UTC)"), rows, numbers=(2, 3, 4))
    for entry, line in zip([None, *views], lines, strict=True):
        colour = _COLOURS.get(entry.state) if entry else None
        click.echo(screen.style(line, colour) if colour else line)
    for view in views:
        if view.job and view.job.error and view.state == "failed":
            say(f"{view.name}: {view.job.error}")


def _object(view: FileView) -> dict[str, object]:
    job = view.job
    return {
        "name": view.name, "path": view.path, "state": view.state, "size": view.size, "flows": view.flows,
        "time_start": view.time_start, "time_end": view.time_end, "job_id": job.id if job else None,
        "started_at": job.started_at if job else None, "finished_at": job.finished_at if job else None,
        "error": job.error if job else None,
    }


def _report(report: ScanReport) -> None:
    """What the look into the folder found worth saying."""
    for name in report.busy:
        say(f"{name} is still being written; left for later")
    for name, reason in report.refused.items():
        say(f"{name} is passed over: {reason}")
