"""The exit codes of the command `tapiary`, in one place: scripts rely on them, so none changes its meaning."""

from __future__ import annotations

from tapiary.errors import InvalidInput, NotFound, TapiaryError

OK = 0
FAILED = 1
USAGE = 2
NOT_FOUND = 3
CONFIGURATION = 4
INTERRUPTED = 130
PIPE_CLOSED = 141

#: What each code says, for the help text and the documentation.
MEANINGS = {
    OK: "all went well",
    FAILED: "a file, a job or a check failed; the message says which",
    USAGE: "the command line is wrong: an unknown option, a value that is no address, …",
    NOT_FOUND: "the named file, job or token does not exist",
    CONFIGURATION: "the settings are wrong: file, environment or rules",
    INTERRUPTED: "stopped by Ctrl-C; nothing half done is left behind",
    PIPE_CLOSED: "the reader of our output went away, as with `| head`",
}


def of_error(error: TapiaryError) -> int:
    """The exit code of an error that ends a command."""
    if isinstance(error, NotFound):
        return NOT_FOUND
    return USAGE if isinstance(error, InvalidInput) else FAILED
