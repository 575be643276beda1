"""`tapiary stats`: what a capture's flows are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tapiary.cli.bars import bar_lines
from tapiary.cli.command import Command
from tapiary.cli.layout import Screen
from tapiary.cli.output import echo_json
from tapiary.cli.places import attribution_lines
from tapiary.cli.session import Session, pass_session
from tapiary.cli.target import filter_options, find_target, flow_filter, target_options, tell_near_labels

if TYPE_CHECKING:
    from tapiary.services import AddressDetails


@click.command(
    cls=Command,
    examples=[
        ("tapiary stats trace.pcap", "the most frequent protocols, labels, addresses, …"),
        ("tapiary stats --label DNS --limit 5", "of the DNS flows of the last capture processed"),
        ("tapiary stats --ip 10.0.0.0/8 --json", "of a network, for a program"),
    ],
)
@target_options
@filter_options
@click.option("--limit", "-n", type=click.IntRange(1, 10_000), default=10, show_default=True, metavar="N",
              help="Values of each statistic.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object: file, job_id, statistics.")
@pass_session
def stats(session: Session, /, file: str | None, job: int | None, limit: int, as_json: bool, **options: Any) -> None:
    """Count the flows of a capture by protocol, label, group, client, server, port, country, name and user agent.

    Without FILE and --job the capture that was processed last is meant.
    """
    flows = flow_filter(**options)
    job_id, view = find_target(session.services, file, job)
    tell_near_labels(session.services, job_id, view, flows)
    search = session.services.search
    details = None
    if flows.ip is not None and not (flows.label or flows.flow_ids or flows.where):
        details = search.address(job_id, flows.ip, limit=limit)
        statistics = details.statistics
    else:
        statistics = search.statistics(job_id, flows, limit=limit)
    if as_json:
        echo_json({"file": view.name, "job_id": job_id, **_place(details), "statistics": [
            {"title": s.title, "content": [{"label": c.label, "count": c.count} for c in s.content]} for s in statistics
        ]})
        return
    screen = Screen.of()
    click.echo(screen.style(f"{view.name}, job {job_id}", dim=True))
    for key, value in _place(details).items():
        if value:
            click.echo(f"{key.replace('_', ' ')}: {screen.clip(str(value), screen.width - len(key) - 2)}")
    total = search.flows(job_id, flows, limit=0, columns=("flow_id",)).total
    for statistic in statistics:
        counts = [(count.label, count.count) for count in statistic.content]
        lines = bar_lines(screen, statistic.title.replace("_", " "), counts, whole=total)
        click.echo("\n".join(["", *lines]) if lines else "", nl=bool(lines))
    if any(s.title == "countries" and s.content for s in statistics):
        click.echo("\n".join(["", *attribution_lines(session.services, screen)]))


def _place(details: AddressDetails | None) -> dict[str, str | None]:
    """What is known of an address beside its counts."""
    if details is None:
        return {}
    return {key: getattr(details, key) for key in ("country", "city", "domain_name", "user_agent")}
