"""What every command shares: the global options, the settings and services that follow from them, and messages."""

from __future__ import annotations

import os
import sys
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tapiary.config import Config
    from tapiary.errors import TapiaryError
    from tapiary.services import Services


class ConfigurationError(Exception):
    """The settings cannot be used; `cause` says why."""

    def __init__(self, cause: TapiaryError) -> None:
        super().__init__(cause.message)
        self.cause = cause


class Session:
    """The global options of one run of the command, and what is built from them when first asked for."""

    def __init__(self, *, own_process: bool = False) -> None:
        self.own_process = own_process
        self.config_file: Path | None = None
        self.data_dir: str | None = None
        self.verbose = False

    @property
    def environ(self) -> dict[str, str]:
        """The environment, with `--data-dir` in the place of its variable."""
        return {**os.environ, "TAPIARY_DATA_DIR": self.data_dir} if self.data_dir else dict(os.environ)

    @cached_property
    def config(self) -> Config:
        """The settings in force; raises ConfigurationError when they are wrong."""
        from tapiary.config import load
        from tapiary.errors import TapiaryError
        from tapiary.telemetry import setup_logging

        # One-shot commands speak for themselves; the log is for what nobody would say otherwise.
        setup_logging("debug" if self.verbose else "warning")
        try:
            return load(self.config_file, self.environ)
        except TapiaryError as error:
            raise ConfigurationError(error) from error

    @cached_property
    def services(self) -> Services:
        """The use cases over these settings; closed when the command ends."""
        return self.services_with(self.config)

    def services_with(self, config: Config) -> Services:
        """Services over settings that a command's own options changed."""
        from tapiary.services import Services

        if self.own_process:
            hide_pandas()
        services = Services(config)
        click.get_current_context().call_on_close(services.close)
        return services


class _NoPandas:
    """A finder (PEP 451) that hides pandas from whoever looks for it later."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("pandas is hidden from this process", name=name)


def hide_pandas() -> None:
    """Keep pyarrow from importing pandas where it finds it: 0.2 s that none of our commands has a use for."""
    if "pandas" not in sys.modules:
        sys.meta_path.insert(0, _NoPandas)


pass_session = click.make_pass_decorator(Session, ensure=True)


def say(message: str) -> None:
    """One line to the user on standard error, under the command's name."""
    click.echo(f"tapiary: {message}", err=True)


def describe(error: TapiaryError) -> str:
    """An error as one line: its message, and the field at fault where the message does not name it."""
    message = " ".join(error.message.split())
    return message if not error.field or error.field in message else f"{message} ({error.field})"


def message_of(error: Exception, known_file: str | None = None) -> str:
    """What to tell a user of any error, in one line; `known_file` is named already."""
    from tapiary.errors import TapiaryError

    match error:
        case TapiaryError():
            return describe(error)
        case ModuleNotFoundError() if not (error.name or "").startswith("tapiary"):
            return f"{error.name} is not installed; try: pip install 'tapiary[server]', then: tapiary doctor"
        case OSError():
            where = f": {error.filename}" if error.filename and error.filename != known_file else ""
            return f"{error.strerror or error}{where}"
    words = " ".join(str(error).split())
    return f"internal error: {type(error).__name__}: {words} (-v shows where; please report it)"


def is_terminal(stream: object) -> bool:
    """Whether a person looks at what is written there."""
    isatty = getattr(stream, "isatty", None)
    return bool(isatty and isatty())


def broken_pipe() -> None:
    """Let the interpreter end without a word about the output that nobody reads (Python docs, signal, SIGPIPE)."""
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            os.dup2(null, stream.fileno())
