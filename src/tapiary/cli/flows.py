"""`tapiary flows`: flows on the screen, or for another program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tapiary.cli.command import Command
from tapiary.cli.layout import Screen
from tapiary.cli.numbers import exact, moment, size
from tapiary.cli.output import write
from tapiary.cli.places import attribution_lines
from tapiary.cli.session import Session, pass_session
from tapiary.cli.target import filter_options, find_target, flow_filter, target_options, tell_near_labels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tapiary.services import FileView, FlowFilter, FlowPage, Services

#: Rows on the screen unless asked otherwise: about what it holds.
SCREEN_ROWS = 25
#: Columns that the view for people needs.
_NEEDED = (
    "flow_id", "first_seen", "protocol", "client_ip", "client_port", "server_ip", "server_port", "label", "packets",
    "bytes", "server_country", "server_name", "note",
)
#: Columns that come from geographic data.
PLACES = tuple(f"{side}_{name}" for side in ("client", "server") for name in ("country", "city", "asn", "as_name"))
_PROTOCOLS = {1: "ICMP", 2: "IGMP", 6: "TCP", 17: "UDP", 47: "GRE", 50: "ESP", 58: "ICMPv6", 89: "OSPF", 132: "SCTP"}


@click.command(
    cls=Command,
    examples=[
        ("tapiary flows trace.pcap --label Web --sort -bytes --limit 10", "the ten largest flows of the group Web"),
        ("tapiary flows --where 'server_name=*.example.com' --where 'bytes>1000000'", "by any column"),
        ("tapiary flows --ip 10.0.0.0/8 --json | jq -r .server_name", "for a program"),
        ("tapiary flows trace.pcap --parquet flows.parquet", "all flows, all columns, for pandas"),
    ],
)
@target_options
@filter_options
@click.option("--sort", metavar="COLUMNS", help="Columns by commas, - before one for descending; else by time.")
@click.option("--limit", "-n", type=click.IntRange(1), metavar="N",
              help=f"At most so many; else {SCREEN_ROWS} on the screen and all in exports.")
@click.option("--columns", metavar="A,B", help="Columns to give, also bytes, packets, duration of both directions.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a flow and line.")
@click.option("--csv", metavar="OUT", help="Write CSV; `-` is standard output.")
@click.option("--parquet", metavar="OUT", help="Write Parquet.")
@pass_session
def flows(
    session: Session, /, file: str | None, job: int | None, sort: str | None, limit: int | None, columns: str | None,
    as_json: bool, csv: str | None, parquet: str | None, **options: Any,
) -> None:
    """Show the flows of a capture, or write them for another program.

    Without FILE and --job the capture that was processed last is meant. The columns are those of the table, see the
    page "Columns" of the documentation.
    """
    asked = (("ndjson", "-" if as_json else None), ("csv", csv), ("parquet", parquet))
    outputs = [(name, out) for name, out in asked if out]
    if len(outputs) > 1:
        raise click.UsageError("Choose one of --json, --csv and --parquet.")
    wanted = flow_filter(**options)
    job_id, view = find_target(session.services, file, job)
    tell_near_labels(session.services, job_id, view, wanted)
    if outputs:
        format, out = outputs[0]
        chunks = _chunks(session.services, job_id, wanted, format, sort=sort, limit=limit, columns=columns)
        write(chunks, out, binary=format == "parquet")
    else:
        _show(session.services, job_id, view, wanted, sort=sort, limit=limit, columns=columns)


def _chunks(
    services: Services, job_id: int, wanted: FlowFilter, format: str, *, sort: str | None, limit: int | None,
    columns: str | None,
) -> Iterator[bytes]:
    """The rows as bytes: the services' export where it does, else page by page."""
    if not (sort or limit or columns):
        return services.export.stream(job_id, format, wanted)  # type: ignore[arg-type]
    from tapiary.cli.flow_rows import WRITERS, column_names, pages
    from tapiary.schema import FLOW_COLUMNS

    names = column_names(columns) if columns else tuple(c.name for c in FLOW_COLUMNS if c.name != "run_id")
    found = pages(services, job_id, wanted, sort=sort or "first_seen", limit=limit, columns=names)
    return WRITERS[format]((row for page in found for row in page.flows), names)


def _show(
    services: Services, job_id: int, view: FileView, wanted: FlowFilter, *, sort: str | None, limit: int | None,
    columns: str | None,
) -> None:
    """A table on the screen, and how many flows there are."""
    from tapiary.cli.flow_rows import column_names, dated, pages

    names = column_names(columns) if columns else _NEEDED
    screen = Screen.of()
    shown = list(pages(services, job_id, wanted, sort=sort or "first_seen", limit=limit or SCREEN_ROWS, columns=names))
    rows = [row for page in shown for row in page.flows]
    if columns:
        cells = [[row.get(name) for name in names] for row in dated(rows)]
        kinds = (int, float, type(None))
        numbers = {at for at in range(len(names)) if all(isinstance(row[at], kinds) for row in cells)}
        lines = screen.table(names, cells, numbers)
    else:
        lines = people_table(screen, rows)
    if rows:
        click.echo("\n".join(lines))
    footer = _footer(shown[0], len(rows), view, job_id)
    if not columns and screen.cut and (day := one_day(rows)):
        footer += f", {day}"
    click.echo(screen.style(footer, dim=True), err=True)
    if any(row.get(name) for row in rows for name in PLACES):
        for line in attribution_lines(services, screen):
            click.echo(line, err=True)


def people_table(screen: Screen, rows: list[dict[str, Any]]) -> list[str]:
    """The view for people: who spoke with whom, what it was, and how much; a narrow screen gets fewer columns."""
    # One day is said once, below; and what is empty throughout takes no room.
    skip = len("2026-11-22 ") if screen.cut and one_day(rows) else 0
    table: dict[str, list[Any]] = {
        "flow": [row["flow_id"] for row in rows],
        "UTC": [moment(row["first_seen"])[skip:] for row in rows],
        " ": [_PROTOCOLS.get(row["protocol"], row["protocol"]) for row in rows],
        "client": [endpoint(row["client_ip"], row["client_port"]) for row in rows],
        "server": [endpoint(row["server_ip"], row["server_port"]) for row in rows],
        "label": [row.get("label") for row in rows],
        "packets": [exact(row["packets"]) for row in rows],
        "bytes": [size(row["bytes"]) for row in rows],
        "to": [row.get("server_country") for row in rows],
        "name or note": [row.get("note") or row.get("server_name") for row in rows],
    }
    for name, needs in (("packets", 100), ("name or note", 90)):
        if screen.cut and screen.width < needs:
            del table[name]
    heads = [name for name, values in table.items() if any(values)]
    numbers = [heads.index(name) for name in ("flow", "UTC", "packets", "bytes") if name in heads]
    cut_first = [heads.index(name) for name in ("name or note", "label") if name in heads]
    return screen.table(heads, list(zip(*(table[name] for name in heads), strict=True)), numbers, cut_first)


def one_day(rows: list[dict[str, Any]]) -> str:
    """The day (UTC) on which all of the flows began, empty when there are several, or no flows."""
    days = {moment(row["first_seen"])[:10] for row in rows}
    return days.pop() if len(days) == 1 else ""


def endpoint(ip: str, port: int) -> str:
    """Address and port as in a URL (RFC 3986, 3.2.2); protocols without ports have none."""
    if not port:
        return ip
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def _footer(page: FlowPage, shown: int, view: FileView, job_id: int) -> str:
    of = f"{exact(page.total)} flows" if shown == page.total else f"{exact(shown)} of {exact(page.total)} flows"
    return f"{of} of {view.name} (job {job_id})"
