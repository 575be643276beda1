"""`tapiary serve`: the server."""

from __future__ import annotations

import click

from tapiary.cli.command import Command
from tapiary.cli.session import Session, pass_session


@click.command(
    cls=Command,
    examples=[
        ("tapiary serve", "serve http://127.0.0.1:8080"),
        ("tapiary serve --host 0.0.0.0 --port 80", "serve every network that this machine is in"),
        ("tapiary serve --drone eth0", "and capture eth0 of this machine when a job says so"),
        ("tapiary --data-dir /srv/tapiary serve", "with tables, database and repository in /srv/tapiary"),
    ],
)
@click.option("--host", metavar="ADDRESS", help="Address to listen on; else the setting server.host.")
@click.option("--port", "-p", type=click.IntRange(0, 65535), metavar="N", help="Port (0: any); else server.port.")
@click.option("--drone", "-i", "interfaces", multiple=True, metavar="INTERFACE",
              help="Capture this interface of the machine by a drone of its own (`any`: all); may repeat.")
@pass_session
def serve(session: Session, host: str | None, port: int | None, interfaces: tuple[str, ...]) -> None:
    """Run the server: REST API, hive of drones, workers that process captures, and the watch over the repository.

    Every request needs a login, or a token made by `tapiary token create`. Ctrl-C or SIGTERM stops the server; jobs
    that were under way go on when it starts again.
    """
    from msgspec.structs import replace

    from tapiary.app import serve as run_server
    from tapiary.telemetry import setup_logging

    config = session.config
    changes = {key: value for key, value in (("host", host), ("port", port)) if value is not None}
    config = replace(config, server=replace(config.server, **changes))
    if interfaces:
        config = replace(config, capture=replace(config.capture, local_drone=list(interfaces)))
    setup_logging("debug" if session.verbose else config.log_level)
    click.get_current_context().exit(run_server(config))
