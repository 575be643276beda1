"""`tapiary inject`: a file's rows into a custom index."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import IO, Literal

import click

from tapiary.cli.command import Command
from tapiary.cli.numbers import exact
from tapiary.cli.remote import remote, remote_options
from tapiary.cli.session import Session, pass_session, say
from tapiary.errors import InvalidInput

Format = Literal["csv", "json", "ndjson", "arrow", "parquet"]
FORMATS: tuple[Format, ...] = ("csv", "json", "ndjson", "arrow", "parquet")
#: Other endings that files of these formats have.
_ENDINGS: dict[str, Format] = {"jsonl": "ndjson", "feather": "arrow", "arrows": "arrow", "pq": "parquet"}


@click.command(
    cls=Command,
    examples=[
        ("tapiary inject sensors readings.csv", "the first line has the names of fields"),
        ("tapiary inject alarms - --format ndjson < alarms.ndjson", "from another program"),
        ("tapiary inject sensors day.parquet --server https://hive:8443", "into a server's index, $TAPIARY_TOKEN"),
    ],
)
@click.argument("index", metavar="INDEX")
@click.argument("file", metavar="FILE")
@click.option("--format", "-f", "format", type=click.Choice(FORMATS), help="Form of the file; else that of its ending.")
@remote_options
@pass_session
def inject(
    session: Session, /, index: str, file: str, format: Format | None, server: str | None, token: str | None,
) -> None:
    """Put the rows of FILE (`-` is standard input) into the custom index INDEX: all of them, or none.

    A JSON file is a list of objects; in CSV the first line has the names of fields. Fields that are left out are null.
    When the command ends well, the rows are safe on the disk, and queries find them.
    """
    chosen = format or _of_ending(file)
    with _opened(file) as source:
        given, kind = (_lines(source), "ndjson") if chosen == "json" else (source, chosen)
        if asked := remote(server, token):
            from tapiary.services import ANSWER_FORMATS

            size = given.seek(0, os.SEEK_END)
            given.seek(0)
            rows = asked.inject(index, given, size, ANSWER_FORMATS[kind])
        else:
            services = session.services
            rows = services.indexes.inject_file(services.accounts.shell(), index, given, kind).rows
    say(f"{index}: {exact(rows)} row{'' if rows == 1 else 's'} of {file}")


def _opened(file: str) -> IO[bytes]:
    """The file, or all of standard input: some formats are read from their end."""
    if file == "-":
        from tapiary.cli.sources import standard_input

        return io.BytesIO(standard_input().read())
    return Path(file).expanduser().open("rb")


def _lines(source: IO[bytes]) -> IO[bytes]:
    """A JSON list of objects as lines of JSON."""
    import msgspec

    try:
        rows = msgspec.json.decode(source.read(), type=list[msgspec.Raw])
    except msgspec.DecodeError as error:
        raise InvalidInput(f"file: must be a JSON list of objects ({error})", field="file") from None
    # Each is written again, for a value may have line ends between its tokens.
    return io.BytesIO(b"".join(msgspec.json.encode(msgspec.json.decode(row)) + b"\n" for row in rows))


def _of_ending(file: str) -> Format:
    ending = Path(file).suffix.lower().removeprefix(".")
    found = _ENDINGS.get(ending) or next((each for each in FORMATS if each == ending), None)
    if found is None:
        raise click.UsageError(f"The ending of {file!r} says no format; choose one with --format.")
    return found
