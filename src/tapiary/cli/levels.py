"""`tapiary user levels`: the authorization levels, each a rank and what its users may do."""

from __future__ import annotations

import click

from tapiary.cli.command import Command
from tapiary.cli.layout import Screen
from tapiary.cli.output import echo_json
from tapiary.cli.session import Session, pass_session, say

#: The permission bits, as TCI numbers them.
PERMISSIONS = {
    "MODIFY_USERS": 1, "MODIFY_AUTHORIZATIONS": 2, "VIEW_LOG": 4, "JOB_MASTER": 8, "SCRIPT_MASTER": 16, "ADMIN": 63,
}


@click.command(
    cls=Command,
    examples=[
        ("tapiary user levels", "a table, the highest rank first"),
        ("tapiary user levels --add 10 --name Analysts --permission view_log", "a level for those who watch"),
        ("tapiary user levels --remove 10", "a level that nobody has any more"),
    ],
)
@click.option("--add", type=int, metavar="NUMBER", help="Make a level; a smaller number is a higher rank.")
@click.option("--name", help="Name of the level to make.")
@click.option("--permission", "-p", "permissions", multiple=True,
              type=click.Choice(tuple(PERMISSIONS), case_sensitive=False),
              help="What its users may do beside using the server; may repeat.")
@click.option("--remove", type=int, metavar="NUMBER", help="Delete a level that nothing uses.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a level and line.")
@pass_session
def levels(
    session: Session, add: int | None, name: str | None, permissions: tuple[str, ...], remove: int | None,
    as_json: bool,
) -> None:
    """List the authorization levels, or add or remove one."""
    if add is None and (name is not None or permissions):
        raise click.UsageError("--name and --permission go with --add NUMBER.")
    accounts = session.services.accounts
    accounts.users.first(password=False)
    if remove is not None:
        accounts.levels.delete(accounts.shell(), remove)
        say(f"removed the level {remove}")
    if add is not None:
        bits = 0
        for permission in permissions:
            bits |= PERMISSIONS[permission]
        view = accounts.levels.create(accounts.shell(), level=add, name=name or f"Level {add}", permissions=bits)
        say(f"made the level {view.level} ({view.name})")
    if add is None and remove is None:
        _show(session, as_json)


def _show(session: Session, as_json: bool) -> None:
    views = session.services.accounts.levels.list()
    if as_json:
        for view in views:
            echo_json({"level": view.level, "name": view.name, "permissions": int(view.permissions)})
        return
    rows = [(view.level, view.name, int(view.permissions), _names(view.permissions)) for view in views]
    click.echo("\n".join(Screen.of().table(("level", "name", "bits", "permissions"), rows, numbers=(0, 2))))


def _names(bits: int) -> str:
    if bits == PERMISSIONS["ADMIN"]:
        return "ADMIN"
    return ", ".join(name for name, bit in PERMISSIONS.items() if name != "ADMIN" and bits & bit) or "-"
