"""`tapiary user`: the users of the server, from its own machine."""

from __future__ import annotations

import sys

import click

from tapiary.cli.command import Command, LazyGroup
from tapiary.cli.layout import Screen
from tapiary.cli.numbers import moment
from tapiary.cli.output import echo_json
from tapiary.cli.session import Session, is_terminal, pass_session, say


@click.group(
    cls=LazyGroup,
    lazy={
        "list": ("tapiary.cli.user:list_", "List the users."),
        "create": ("tapiary.cli.user:create", "Make a user."),
        "edit": ("tapiary.cli.user:edit", "Change a user's level or e-mail address."),
        "delete": ("tapiary.cli.user:delete", "Delete a user."),
        "password": ("tapiary.cli.user:password", "Give a user another password."),
        "levels": ("tapiary.cli.levels:levels", "List, add and remove authorization levels."),
    },
)
def user() -> None:
    """Create, change and delete the users of the server.

    Whoever can run this on the server's data may everything; the server may run or not.
    """


_stdin_option = click.option(
    "--password-stdin", "from_stdin", is_flag=True,
    help="Read the password from the first line of standard input, not from the terminal.",
)


@user.command(
    "list", cls=Command,
    examples=[("tapiary user list", "a table"), ("tapiary user list --json", "for a program")],
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a user and line.")
@pass_session
def list_(session: Session, as_json: bool) -> None:
    """List the users with their levels and latest logins."""
    views = session.services.accounts.users.list()
    if as_json:
        for view in views:
            echo_json({
                "name": view.name, "email": view.email, "level": view.level, "ldap": view.ldap,
                "created_at": view.created_at, "last_login_at": view.last_login_at,
                "one_time_password": view.one_time_password,
            })
        return
    if not views:
        say("there are no users yet; the first start of the server makes one: tapiary serve")
        return
    heads = ("name", "level", "e-mail", "password", "created (UTC)", "latest login (UTC)")
    rows = [
        (view.name, view.level, view.email or "-", _kind(view.ldap, view.has_password, view.one_time_password),
         moment(view.created_at), moment(view.last_login_at))
        for view in views
    ]
    click.echo("\n".join(Screen.of().table(heads, rows, numbers=(1,))))


@user.command(
    cls=Command,
    examples=[
        ("tapiary user create anna --level 10 --email anna@example.org", "asks for the password, twice"),
        ("pass show anna | tapiary user create anna --level 10 --password-stdin", "for a script"),
    ],
)
@click.argument("name")
@click.option("--level", "-l", type=int, required=True, help="Authorization level: `tapiary user levels` lists them.")
@click.option("--email", "-e", default="", help="E-mail address.")
@_stdin_option
@pass_session
def create(session: Session, name: str, level: int, email: str, from_stdin: bool) -> None:
    """Make the user NAME, who logs in with a password of 8 or more characters."""
    accounts = session.services.accounts
    accounts.users.first(password=False)
    view = accounts.users.create(
        accounts.shell(), username=name, email=email, password=_ask(from_stdin), level=level,
    )
    say(f"made the user {view.name} at level {view.level}")


@user.command(
    cls=Command,
    examples=[
        ("tapiary user edit anna --level 5", "give anna another level"),
        ("tapiary user edit anna --email ''", "forget the e-mail address"),
    ],
)
@click.argument("name")
@click.option("--level", "-l", type=int, help="Authorization level.")
@click.option("--email", "-e", help="E-mail address; empty for none.")
@pass_session
def edit(session: Session, name: str, level: int | None, email: str | None) -> None:
    """Change the level or the e-mail address of the user NAME; what is not given stays."""
    if level is None and email is None:
        raise click.UsageError("There is nothing to change; give --level or --email.")
    accounts = session.services.accounts
    view = accounts.users.edit(accounts.shell(), name, level=level, email=email)
    say(f"{view.name} has level {view.level} and {view.email or 'no e-mail address'}")


@user.command(
    cls=Command,
    examples=[
        ("tapiary user password anna", "asks for the new password, twice"),
        ("tapiary user password admin", "when the first password was lost"),
    ],
)
@click.argument("name")
@_stdin_option
@pass_session
def password(session: Session, name: str, from_stdin: bool) -> None:
    """Give the user NAME another password; all logins of the user end."""
    accounts = session.services.accounts
    view = accounts.users.get(name)
    accounts.users.edit(accounts.shell(), view.name, password=_ask(from_stdin))
    say(f"{view.name} has another password, and must log in again")


@user.command(cls=Command, examples=[("tapiary user delete anna", "after asking")])
@click.argument("name")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@pass_session
def delete(session: Session, name: str, yes: bool) -> None:
    """Delete the user NAME with all tokens; not while captures or destinations are the user's."""
    accounts = session.services.accounts
    view = accounts.users.get(name)
    if not yes:
        if not is_terminal(sys.stdin):
            raise click.UsageError("There is nobody to ask; --yes deletes without asking.")
        click.confirm(f"Delete the user {view.name} with all tokens?", abort=True, err=True)
    accounts.users.delete(accounts.shell(), view.name)
    say(f"deleted the user {view.name}")


def _kind(ldap: bool, has_password: bool, one_time: bool) -> str:
    """Where a user's password is, and of what kind."""
    if ldap:
        return "LDAP"
    return "none" if not has_password else "one-time" if one_time else "own"


def _ask(from_stdin: bool) -> str:
    """A new password; never from the command line, which other users of the machine can see."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not is_terminal(sys.stdin):
        raise click.UsageError("There is nobody to ask for the password; --password-stdin reads it from the input.")
    entered: str = click.prompt("Password", hide_input=True, confirmation_prompt="Once more", err=True)
    return entered
