"""Runs the command line: the one place where errors become a line on standard error and an exit code."""

from __future__ import annotations

import gc
import io
import os
import sys
import traceback
from collections.abc import Sequence

import click

from tapiary.cli import exit_codes
from tapiary.cli.root import root
from tapiary.cli.session import ConfigurationError, Session, broken_pipe, describe, message_of, say
from tapiary.errors import TapiaryError


def run(arguments: Sequence[str], *, own_process: bool = False) -> int:
    """The exit code of a command line; every error is told on standard error, none escapes.

    own_process: the process was started for this command line and ends with it.
    """
    _accept_any_text()
    if own_process:
        _tune()
    session = Session(own_process=own_process)
    try:
        result = root.main(list(arguments), prog_name="tapiary", standalone_mode=False, obj=session)
        sys.stdout.flush()
    except BrokenPipeError:
        broken_pipe()
        return exit_codes.PIPE_CLOSED
    except BaseException as error:  # noqa: BLE001 - the last place that can turn an error into a message
        if session.verbose and not isinstance(error, click.ClickException):
            traceback.print_exc()
        return _tell(error)
    # A command returns nothing; the exit code of `ctx.exit` comes back as a number.
    return result if isinstance(result, int) else exit_codes.OK


def _tell(error: BaseException) -> int:
    """Say what went wrong in one line, and give its exit code."""
    match error:
        case click.ClickException():
            error.show()
            return error.exit_code
        case click.exceptions.Exit():
            return error.exit_code
        case click.Abort() | KeyboardInterrupt():
            say("interrupted")
            return exit_codes.INTERRUPTED
        case ConfigurationError():
            say(describe(error.cause))
            return exit_codes.CONFIGURATION
        case TapiaryError():
            say(message_of(error))
            return exit_codes.of_error(error)
        case Exception():
            say(message_of(error))
            return exit_codes.FAILED
    raise error


def _tune() -> None:
    """Spare a short-lived process the search for garbage that it hardly makes, and threads that nothing uses."""
    gc.set_threshold(1_000_000, 50, 100)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy starts them at import; nothing here multiplies matrices


def _accept_any_text() -> None:
    """Let names that the terminal's encoding lacks come out escaped rather than end the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
