"""`tapiary token`: the bearer tokens of the API."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Literal

import click

from tapiary.cli.command import Command, LazyGroup
from tapiary.cli.layout import Screen
from tapiary.cli.numbers import moment
from tapiary.cli.output import echo_json
from tapiary.cli.session import Session, pass_session, say
from tapiary.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from tapiary.services import Services

Scope = Literal["read", "write", "admin"]
#: What a token may be limited to; `admin` allows all.
SCOPES: tuple[Scope, ...] = ("read", "write", "admin")


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
        ("tapiary token create laptop", "a token of the first administrator that reads and writes"),
        ("TOKEN=$(tapiary token create dashboard --scope read)", "one that only reads, for a script"),
        ("tapiary token create ci --user anna --expires 30d", "one that acts as anna, for a month"),
    ],
)
@click.argument("name")
@click.option("--user", "owner", metavar="NAME", help="Whose token: it may do what that user may, within its scopes. "
              "By default that of the first user with all permissions.")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(SCOPES), default=("read", "write"),
              show_default=True, help="What it is good for: look, change files and jobs, or all; may repeat.")
@click.option("--right", "rights", multiple=True, type=click.Choice(SCOPES), hidden=True)
@click.option("--expires", metavar="TIME", help="How long it is good for, as 12h, 30d or 8w; else until it is revoked.")
@pass_session
def create(
    session: Session, name: str, owner: str | None, scopes: tuple[Scope, ...], rights: tuple[Scope, ...],
    expires: str | None,
) -> None:
    """Make a token called NAME and write it to standard output.

    It is shown this once; the database keeps a hash of it.
    """
    accounts = session.services.accounts
    expires_at = None if expires is None else time.time() + _seconds(expires)
    # `serve` makes the password later; here nobody would see it.
    accounts.users.first(password=False)
    view, text = accounts.tokens.create(
        accounts.shell(), name, scopes=rights or scopes, expires_at=expires_at, owner=owner,
    )
    click.echo(text)
    until = f" until {moment(view.expires_at)} UTC" if view.expires_at else ""
    say(f"token {name!r} of {view.owner} may {', '.join(view.scopes)}{until}; keep it now, it is not shown again")


@token.command(
    "list", cls=Command,
    examples=[("tapiary token list", "the tokens in use"), ("tapiary token list --all --json", "for a program")],
)
@click.option("--user", "owner", metavar="NAME", help="Only those of this user.")
@click.option("--all", "-a", "revoked", is_flag=True, help="Also those that were revoked.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a token and line.")
@pass_session
def list_(session: Session, owner: str | None, revoked: bool, as_json: bool) -> None:
    """List the tokens with their owners, scopes and last use, without their secrets."""
    accounts = session.services.accounts
    views = accounts.tokens.list(accounts.shell(), everyone=True, revoked=revoked)
    if owner is not None:
        of = accounts.users.get(owner).name
        views = [view for view in views if view.owner == of]
    if as_json:
        for view in views:
            echo_json({
                "id": view.id, "name": view.name, "owner": view.owner, "scopes": list(view.scopes),
                "rights": list(view.scopes),  # their name before there were users
                "created_at": view.created_at, "expires_at": view.expires_at, "last_used_at": view.last_used_at,
                "revoked_at": view.revoked_at,
            })
        return
    if not views:
        say("there are no tokens; make one: tapiary token create NAME")
        return
    heads = ("id", "name", "owner", "scopes", "created (UTC)", "expires (UTC)", "last used (UTC)",
             *(["revoked (UTC)"] if revoked else []))
    rows = [
        (view.id, view.name, view.owner or "-", ",".join(view.scopes), moment(view.created_at),
         moment(view.expires_at), moment(view.last_used_at), *([moment(view.revoked_at)] if revoked else []))
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
    accounts = session.services.accounts
    view = accounts.tokens.revoke(accounts.shell(), _token_id(session.services, name))
    say(f"token {view.id} ({view.name}) is revoked")


def _seconds(text: str) -> float:
    """The seconds of a length of time as people write it: `12h`, `30d`."""
    matched = re.fullmatch(r"([0-9]{1,6})([mhdw])", text.strip())
    if matched is None or not int(matched[1]):
        raise InvalidInput(f"--expires {text}: write a number and m, h, d or w, as 30d", field="expires")
    return int(matched[1]) * {"m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}[matched[2]]


def _token_id(services: Services, name: str) -> int:
    """The number of the token that a person means."""
    if matched := re.fullmatch(r"(?:tap_)?([0-9]{1,18})(?:_.*)?", name):
        return int(matched[1])
    accounts = services.accounts
    found = [view.id for view in accounts.tokens.list(accounts.shell(), everyone=True) if view.name == name]
    if len(found) > 1:
        raise InvalidInput(f"several tokens are called {name!r}; give the number, one of {found}", field="name")
    if not found:
        raise NotFound(f"there is no token {name!r}", field="name")
    return found[0]
