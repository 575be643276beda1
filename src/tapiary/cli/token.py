"""`tapiary token`: the bearer tokens of the API."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from tapiary.cli.command import Command, LazyGroup
from tapiary.cli.layout import Screen
from tapiary.cli.numbers import moment
from tapiary.cli.output import echo_json
from tapiary.cli.session import Session, pass_session, say
from tapiary.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from tapiary.services import Services

#: What a token may allow; `admin` allows all.
RIGHTS = ("read", "write", "admin")


@click.group(
    cls=LazyGroup,
    lazy={
        "create": ("tapiary.cli.token:create", "Make a token and show it, this once."),
        "list": ("tapiary.cli.token:list_", "List the tokens."),
        "revoke": ("tapiary.cli.token:revoke", "Make a token useless from now on."),
    },
)
def token() -> None:
    """Create, list and revoke the tokens that the REST API asks for (`Authorization: Bearer TOKEN`)."""


@token.command(
    cls=Command,
    examples=[
        ("tapiary token create laptop", "a token that reads and writes"),
        ("TOKEN=$(tapiary token create dashboard --right read)", "one that only reads, for a script"),
    ],
)
@click.argument("name")
@click.option("--right", "rights", multiple=True, type=click.Choice(RIGHTS), default=("read", "write"),
              show_default=True, help="What its bearer may do: look, change files and jobs, or all; may repeat.")
@pass_session
def create(session: Session, name: str, rights: tuple[str, ...]) -> None:
    """Make a token called NAME and write it to standard output.

    It is shown this once; the database keeps a hash of it.
    """
    text = session.services.accounts.create_token(name, rights)  # type: ignore[arg-type]
    click.echo(text)
    say(f"token {name!r} may {', '.join(dict.fromkeys(rights))}; keep it now, it is not shown again")


@token.command(
    "list", cls=Command,
    examples=[("tapiary token list", "the tokens in use"), ("tapiary token list --all --json", "for a program")],
)
@click.option("--all", "-a", "revoked", is_flag=True, help="Also those that were revoked.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a token and line.")
@pass_session
def list_(session: Session, revoked: bool, as_json: bool) -> None:
    """List the tokens with their rights and last use, without their secrets."""
    views = session.services.accounts.list(revoked=revoked)
    if as_json:
        for view in views:
            echo_json({
                "id": view.id, "name": view.name, "rights": list(view.rights), "created_at": view.created_at,
                "last_used_at": view.last_used_at, "revoked_at": view.revoked_at,
            })
        return
    if not views:
        say("there are no tokens; make one: tapiary token create NAME")
        return
    heads = ("id", "name", "rights", "created (UTC)", "last used (UTC)", *(["revoked (UTC)"] if revoked else []))
    rows = [
        (view.id, view.name, ",".join(view.rights), moment(view.created_at), moment(view.last_used_at),
         *([moment(view.revoked_at)] if revoked else []))
        for view in views
    ]
    click.echo("\n".join(Screen.of().table(heads, rows, numbers=(0,))))


@token.command(
    cls=Command,
    examples=[("tapiary token revoke 3", "by its number"), ("tapiary token revoke laptop", "by its name")],
)
@click.argument("name")
@pass_session
def revoke(session: Session, name: str) -> None:
    """Revoke the token with this number, name or text; requests that carry it are refused within a second."""
    view = session.services.accounts.revoke(_token_id(session.services, name))
    say(f"token {view.id} ({view.name}) is revoked")


def _token_id(services: Services, name: str) -> int:
    """The number of the token that a person means."""
    if matched := re.fullmatch(r"(?:tap_)?([0-9]{1,18})(?:_.*)?", name):
        return int(matched[1])
    found = [view.id for view in services.accounts.list(revoked=False) if view.name == name]
    if len(found) > 1:
        raise InvalidInput(f"several tokens are called {name!r}; give the number, one of {found}", field="name")
    if not found:
        raise NotFound(f"there is no token {name!r}", field="name")
    return found[0]
