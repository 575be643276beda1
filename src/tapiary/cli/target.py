"""Which capture and which of its flows a command means: the options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tapiary.cli.session import say
from tapiary.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from tapiary.services import FileView, FlowFilter, Services

F = TypeVar("F", bound=Callable[..., Any])


def target_options(function: F) -> F:
    """The argument FILE and the option --job; neither means the capture that was processed last."""
    function = click.option("--job", type=click.IntRange(1), metavar="N", help="The job that processed the capture.")(
        function
    )
    return click.argument("file", required=False, metavar="[FILE]")(function)


def filter_options(function: F) -> F:
    """The options that choose flows; `flow_filter` puts their values together."""
    options = [
        click.option("--label", metavar="X", help="Label, application or group, in any case: TLS.Google, Google, Web."),
        click.option("--ip", metavar="CIDR", help="Address or network at either end: 10.0.0.1, 10.0.0.0/8."),
        click.option("--port", type=click.IntRange(0, 65535), metavar="N", help="Port of either end."),
        click.option(
            "--flow", "flow_ids", type=click.IntRange(1), multiple=True, metavar="N",
            help="A flow by its number; may repeat.",
        ),
        click.option(
            "--where", multiple=True, metavar="COLUMN=VALUE", callback=_conditions,
            help="Any column: protocol=17, server_name=*.example.com, client_bytes>1000000, label!=DNS; may repeat.",
        ),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def _conditions(
    _context: click.Context, _parameter: click.Parameter, values: tuple[str, ...],
) -> tuple[tuple[str, str], ...]:
    """COLUMN=VALUE, and COLUMN with > >= < <= != before the value, as pairs of column and value text."""
    pairs = []
    for text in values:
        at = min((found for sign in "=<>!" if (found := text.find(sign)) > 0), default=0)
        column, condition = text[:at].strip(), text[at:].strip()
        if condition.startswith("!="):
            condition = "!" + condition[2:].lstrip()
        elif condition.startswith("="):
            condition = condition.lstrip("=").lstrip()
        elif condition.startswith("!"):
            at = 0
        if not at:
            raise click.BadParameter(f"{text!r} is not of the form COLUMN=VALUE (or > >= < <= != in the place of =)")
        pairs.append((column, condition))
    return tuple(pairs)


def flow_filter(
    label: str | None, ip: str | None, port: int | None, flow_ids: tuple[int, ...], where: tuple[tuple[str, str], ...],
) -> FlowFilter:
    """The filter that these options mean; raises InvalidInput for what is no address, before any table is opened."""
    from tapiary.schema import network_range
    from tapiary.services import FlowFilter

    if ip is not None:
        try:
            network_range(ip)
        except ValueError:
            raise InvalidInput(f"{ip!r} is neither an address nor a network such as 10.0.0.0/8", field="ip") from None
    if port is not None:
        where = (*where, ("port", str(port)))
    return FlowFilter(label=label, ip=ip, flow_ids=flow_ids, where=where)


def find_target(services: Services, file: str | None, job: int | None) -> tuple[int, FileView]:
    """The job whose rows are meant, and its file. Raises NotFound, also for a file without rows."""
    if file is not None and job is not None:
        raise click.UsageError("Give a FILE or --job, not both.")
    if file is not None or job is not None:
        view = services.files.by_job(job) if job is not None else services.files.resolve(str(file))
        if view.run_job_id is None:
            raise NotFound(_no_rows(view), field="file")
        return view.run_job_id, view
    done = [view for view in services.files.list(outside=True) if view.run_job_id is not None]
    if not done:
        raise NotFound("no capture has been processed yet; try: tapiary process FILE")
    newest = max(done, key=lambda view: ((view.job and view.job.finished_at) or 0.0, view.run_id or 0))
    assert newest.run_job_id is not None
    return newest.run_job_id, newest


def tell_near_labels(services: Services, job_id: int, view: FileView, flows: FlowFilter) -> None:
    """Say so when the capture has no flow of the label asked for, with the names that may be meant."""
    near = services.search.near_labels(job_id, flows.label) if flows.label else None
    if near is None:
        return
    message = f"no flow of {view.name} has the label, application or group {flows.label!r}"
    if near:
        message += f"; did you mean {', '.join(near)}?"
    if any(name.lower().startswith(f"{flows.label}.".lower()) for name in near):
        message += f" (all that {flows.label} carries: --where master={flows.label})"
    say(message)


def _no_rows(view: FileView) -> str:
    """Why a file has no rows, and what to do."""
    if view.state == "failed" and view.job and view.job.error:
        return f"{view.name} could not be processed: {view.job.error}"
    if view.state in ("queued", "in_progress"):
        return f"{view.name} is still being processed (job {view.job.id if view.job else '?'})"
    return f"{view.name} has not been processed; try: tapiary process {view.path}"
