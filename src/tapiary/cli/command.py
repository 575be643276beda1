"""The shapes of our commands: options that all take, examples in the help, subcommands loaded when called."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from tapiary.cli.session import Session


def _keep(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    """A callback that puts an option's value into the session, so that it may stand before or after the command."""

    def callback(context: click.Context, _parameter: click.Parameter, value: Any) -> None:
        session = context.ensure_object(Session)
        if value:
            setattr(session, name, value)

    return callback


def common_options() -> list[click.Parameter]:
    """The options that the program and each of its commands take."""
    return [
        click.Option(
            ["--config", "-c", "config_file"], type=click.Path(path_type=Path), metavar="FILE", expose_value=False,
            callback=_keep("config_file"),
            help="Settings file (TOML); else $TAPIARY_CONFIG, else DATA_DIR/tapiary.toml.",
        ),
        click.Option(
            ["--data-dir", "-d", "data_dir"], type=click.Path(), metavar="DIR", expose_value=False,
            callback=_keep("data_dir"), help="Folder that holds the tables, the database and the repository.",
        ),
        click.Option(
            ["--verbose", "-v", "verbose"], is_flag=True, expose_value=False, callback=_keep("verbose"),
            help="Show the log, and where an error comes from.",
        ),
    ]


class Command(click.Command):
    """A command with the common options and a list of examples, each a command line and what it does."""

    def __init__(self, *args: Any, examples: Sequence[tuple[str, str]] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples
        self.params += common_options()

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, then the epilog."""
        if self.examples:
            with formatter.section("Examples"):
                for line, meaning in self.examples:
                    formatter.write(f"{'':{formatter.current_indent}}# {meaning}\n")
                    formatter.write(f"{'':{formatter.current_indent}}{line}\n")
        super().format_epilog(ctx, formatter)


class LazyGroup(click.Group):
    """A group that imports a subcommand's file only when the subcommand is called.

    `lazy` maps each name to its place ("module:attribute") and the line that the list of commands shows, so that
    the list costs no import.
    """

    def __init__(self, *args: Any, lazy: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = lazy
        self.params += common_options()

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of `lazy`."""
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None when there is none of that name."""
        if cmd_name not in self.lazy:
            return None
        module, _, attribute = self.lazy[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest names for a mistyped one."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            raise click.exceptions.NoSuchCommand(error.command_name, possibilities=self.lazy, ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_place, line) in self.lazy.items()])
