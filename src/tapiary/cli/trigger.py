"""`tapiary trigger`: saved queries that watch for something."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tapiary.cli.command import Command, LazyGroup
from tapiary.cli.layout import Screen
from tapiary.cli.numbers import moment
from tapiary.cli.output import echo_json
from tapiary.cli.session import Session, pass_session, say
from tapiary.cli.sources import standard_input
from tapiary.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from tapiary.services import Services, TriggerView


@click.group(
    cls=LazyGroup,
    lazy={
        "list": ("tapiary.cli.trigger:list_", "List the triggers."),
        "show": ("tapiary.cli.trigger:show", "Show a trigger, as JSON."),
        "create": ("tapiary.cli.trigger:create", "Make a trigger of a JSON file."),
        "run": ("tapiary.cli.trigger:run", "Try a trigger: what does it find?"),
        "delete": ("tapiary.cli.trigger:delete", "Delete a trigger; its alerts stay."),
    },
)
def trigger() -> None:
    """Triggers: queries that run by the clock or on new data, and write alerts, call webhooks, order captures.

    The server runs them (`tapiary serve`).
    """


@trigger.command(
    "list", cls=Command,
    examples=[("tapiary trigger list", "with their latest runs"), ("tapiary trigger list --json", "for a program")],
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a trigger and line.")
@pass_session
def list_(session: Session, as_json: bool) -> None:
    """List the triggers with their owners, their latest runs, and why these failed."""
    services = session.services
    views = services.triggers.list(services.accounts.shell())
    if as_json:
        for view in views:
            echo_json(_plain(view))
        return
    if not views:
        say("there are no triggers; make one: tapiary trigger create FILE --user NAME")
        return
    heads = ("name", "owner", "severity", "active", "ran (UTC)", "fired (UTC)", "error")
    rows = [
        (view.definition.name, view.owner or "-", view.definition.severity, "yes" if view.definition.active else "no",
         moment(view.ran_at), moment(view.fired_at), view.error)
        for view in views
    ]
    click.echo("\n".join(Screen.of().table(heads, rows, cut_first=(6,))))


@trigger.command(cls=Command, examples=[("tapiary trigger show scans", "what it is, and what it has done")])
@click.argument("name")
@pass_session
def show(session: Session, name: str) -> None:
    """Show the trigger with this name or id as JSON."""
    click.echo(json.dumps(_plain(_find(session.services, name)), indent=2, ensure_ascii=False))


@trigger.command(
    cls=Command,
    examples=[
        ("tapiary trigger create scans.json --user anna", "one that acts as anna"),
        ("echo '{\"name\": \"x\", \"query\": \"…\"}' | tapiary trigger create - --user anna", "from another program"),
    ],
)
@click.argument("file", metavar="FILE")
@click.option("--user", "owner", metavar="NAME", required=True, help="Whose: it sees and may do what that user may.")
@pass_session
def create(session: Session, file: str, owner: str) -> None:
    """Make the trigger that FILE describes (`-` is standard input) in the JSON of `POST /triggers`.

    It looks at what comes from now on.
    """
    services = session.services
    raw = standard_input().read() if file == "-" else Path(file).expanduser().read_bytes()
    try:
        config = json.loads(raw)
    except ValueError as error:
        raise InvalidInput(f"{file} is no JSON: {error}", field="file") from None
    if not isinstance(config, dict):
        raise InvalidInput(f"{file}: must hold one JSON object", field="file")
    actor = services.accounts.users.actor(services.accounts.users.get(owner).id, means="local")
    assert actor is not None
    view = services.triggers.create(actor, config)
    say(f"trigger {view.definition.name!r} of {view.owner} is made; a server that runs begins with it within seconds")


@trigger.command(
    cls=Command,
    examples=[("tapiary trigger run scans --last 86400", "what it would have found in a day")],
)
@click.argument("name")
@click.option("--last", "last_s", type=click.IntRange(1), metavar="SECONDS",
              help="How far to look back; else its window, or an hour.")
@pass_session
def run(session: Session, name: str, last_s: int | None) -> None:
    """Try the trigger with this name or id: write what it finds as one JSON object an alert and line.

    Nothing comes of it: no alert is written, nobody is called.
    """
    services = session.services
    view = services.triggers.run(services.accounts.shell(), _find(services, name).id, last_s=last_s)
    for alert in view.alerts:
        echo_json(asdict(alert))
    found, rows = len(view.alerts) + view.left_out, view.rows
    cut = f" (the first {len(view.alerts)} are shown)" if view.left_out else ""
    say(f"{found} alert{'' if found == 1 else 's'}{cut} of {rows} row{'' if rows == 1 else 's'}"
        f" in {view.seconds:.2f} s")


@trigger.command(cls=Command, examples=[("tapiary trigger delete scans", "by its name")])
@click.argument("name")
@pass_session
def delete(session: Session, name: str) -> None:
    """Delete the trigger with this name or id; its alerts stay."""
    services = session.services
    view = _find(services, name)
    services.triggers.delete(services.accounts.shell(), view.id)
    say(f"trigger {view.definition.name!r} is deleted")


def _find(services: Services, name: str) -> TriggerView:
    for view in services.triggers.list(services.accounts.shell()):
        if name in (view.id, view.definition.name):
            return view
    raise NotFound(f"there is no trigger {name!r}; tapiary trigger list shows those there are", field="name")


def _plain(view: TriggerView) -> dict[str, Any]:
    import msgspec

    done: dict[str, Any] = msgspec.to_builtins(view)
    return {"id": done.pop("id"), **done.pop("definition"), **done}
