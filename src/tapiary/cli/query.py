"""`tapiary query`: NQL over all flows, custom indexes, alerts and devices."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from tapiary.cli.command import Command
from tapiary.cli.layout import Screen
from tapiary.cli.numbers import exact
from tapiary.cli.output import write
from tapiary.cli.remote import Remote, remote, remote_options
from tapiary.cli.session import Session, pass_session, say
from tapiary.errors import InvalidInput

if TYPE_CHECKING:
    from tapiary.services import Services

Format = Literal["table", "csv", "json", "ndjson", "parquet", "arrow"]
FORMATS: tuple[Format, ...] = ("table", "csv", "json", "ndjson", "parquet", "arrow")
#: Rows of a table unless asked otherwise.
SCREEN_ROWS = 100

Row = dict[str, Any]


@click.command(
    cls=Command,
    examples=[
        ("tapiary query 'src stream=\"netflow\" | aggr flows=count(1), bytes=sum(bytes) by label unwind=true "
         "| sort bytes desc'",
         "how much each label carries"),
        ("tapiary query --stream netflow --from -1h@now 'clientIp = \"10.0.0.0/8\" and serverPort = 443' -f ndjson",
         "the flows of the last hour, for a program"),
        ("tapiary query 'src stream=\"netflow\" | serverName ~= \"*.example.com\"' --packets example.pcap",
         "their packets, out of the captures that hold them"),
        ("tapiary query 'src stream=\"sensors\"' -o sensors.parquet", "a custom index as a file"),
    ],
)
@click.argument("nql", metavar="NQL")
@click.option("--from", "start", metavar="TIME", help="Rows from this time on: -1h@now, @2026-11-25T10:00:00Z or ms.")
@click.option("--to", "end", metavar="TIME", help="Rows before this time.")
@click.option("--stream", metavar="NAME", help="The stream of a query that names none.")
@click.option("--parameter", "parameters", metavar="NAME=TEXT", multiple=True,
              help="A text for ${NAME} in the query; may repeat.")
@click.option("--format", "-f", "format", type=click.Choice(FORMATS),
              help="Form of the answer; else that of OUT's ending, else a table.")
@click.option("--output", "-o", "out", default="-", metavar="OUT", help="File to write; `-` is standard output.")
@click.option("--limit", "-n", type=click.IntRange(1), default=SCREEN_ROWS, show_default=True, metavar="N",
              help="Rows of a table at most.")
@click.option("--packets", metavar="PCAP", help="Write the packets of the answer's flows: it has jobId and sessionId.")
@remote_options
@pass_session
def query(
    session: Session, /, nql: str, start: str | None, end: str | None, stream: str | None, parameters: tuple[str, ...],
    format: Format | None, out: str, limit: int, packets: str | None, server: str | None, token: str | None,
) -> None:
    """Ask in NQL, and show the answer or write it for another program.

    Times are milliseconds since 1970 (UTC), addresses are text.
    """
    asking = Asking(session, remote(server, token), {
        "nql": nql, "start": start, "end": end, "stream": stream, "parameters": _pairs(parameters),
    })
    if packets is not None:
        _cut(asking, packets)
        return
    chosen = format or _of_ending(out)
    if chosen == "table":
        if out != "-":
            raise click.UsageError("A table goes to the screen; choose another --format for a file.")
        _show(asking.rows(), limit)
        return
    write(asking.pieces(chosen), out, binary=chosen in ("parquet", "arrow"))


class Asking:
    """A question, to a server or to this machine's data."""

    def __init__(self, session: Session, server: Remote | None, body: dict[str, Any]) -> None:
        self._session, self._server, self._body = session, server, body

    def pieces(self, format: str) -> Iterator[bytes]:
        """The answer as a file of a format."""
        from tapiary.services import ANSWER_FORMATS

        if self._server is not None:
            return self._server.query(self._body, ANSWER_FORMATS[format].partition(";")[0])
        given = {name: self._body[name] for name in ("start", "end", "parameters")}
        answer = self._services.queries.stream(
            self._services.accounts.shell(), self._body["nql"], default_stream=self._body["stream"], **given
        )
        return answer.write(format)

    def rows(self) -> Iterator[Row]:
        """The answer's rows."""
        rest = b""
        for piece in self.pieces("ndjson"):
            *lines, rest = (rest + piece).split(b"\n")
            yield from map(json.loads, lines)

    def packets(self, job_id: int, flow_ids: tuple[int, ...]) -> Iterator[bytes]:
        """The packets of some flows of a job as a capture."""
        from tapiary.services import FlowFilter

        if self._server is not None:
            return self._server.packets(job_id, flow_ids)
        return self._services.packets.cut(job_id, FlowFilter(flow_ids=flow_ids))

    @property
    def _services(self) -> Services:
        return self._session.services


def _show(rows: Iterator[Row], limit: int) -> None:
    """A table on the screen; what is beyond the limit is only told of."""
    shown = [row for _, row in zip(range(limit), rows, strict=False)]
    more = next(rows, None) is not None
    sql = _explanation(shown)
    heads = list(shown[0]) if shown else []
    cells = [[_cell(row.get(name)) for name in heads] for row in shown]
    numbers = {
        at for at, name in enumerate(heads) if all(isinstance(row.get(name), int | float | None) for row in shown)
    }
    screen = Screen.of()
    if shown:
        click.echo("\n".join(screen.table(heads, cells, numbers)))
    told = f"the first {_many(limit, 'row')}; --limit shows more, --format writes all"
    if not more:
        told = _many(len(shown), "row")
    click.echo(screen.style(told, dim=True), err=True)
    if sql:
        click.echo(f"\n{sql}")


def _explanation(rows: list[Row]) -> str:
    """The SQL of what `explain` answers, taken out of its last row, which has nothing else; else no text."""
    if not rows or list(rows[0])[:2] != ["stage", "nql"] or not isinstance(rows[-1].get("sql"), str):
        return ""
    sql: str = rows.pop()["sql"]
    for row in rows:
        del row["sql"]
    return sql


def _many(number: int, what: str) -> str:
    return f"{exact(number)} {what}{'' if number == 1 else 's'}"


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.6g}"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, bool | list | dict) else value


def _cut(asking: Asking, out: str) -> None:
    """Write the packets of the flows that the answer names by jobId and sessionId."""
    from tapiary.cli.cuts import cut

    flows: dict[int, set[int]] = {}
    for row in asking.rows():
        try:
            flows.setdefault(int(row["jobId"]), set()).add(int(row["sessionId"]))
        except (KeyError, TypeError, ValueError):
            raise InvalidInput(
                "packets: the answer's rows must have jobId and sessionId, as those of netflow have", field="packets"
            ) from None
    if not flows:
        say("no flow matches; nothing was written")
        return
    number = sum(map(len, flows.values()))
    written = cut({job: tuple(sorted(ids)) for job, ids in flows.items()}, asking.packets, out)
    if out != "-":
        say(f"{out}: {written}, {_many(number, 'flow')} of {_many(len(flows), 'capture')}")


def _pairs(texts: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.UsageError(f"--parameter {text!r} is not of the form NAME=TEXT.")
        pairs[name] = value
    return pairs


def _of_ending(out: str) -> Format:
    ending = Path(out).suffix.lower().removeprefix(".")
    with suppress(ValueError):
        return FORMATS[FORMATS.index(ending)]
    return "table" if out == "-" else "ndjson"
