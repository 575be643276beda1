"""`tapiary drone`: the program on a probe."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import click

from tapiary.cli import exit_codes
from tapiary.cli.command import Command
from tapiary.cli.session import Session, pass_session

_MARKS = {True: "ok  ", None: "note", False: "NO  "}


@click.command(
    cls=Command,
    examples=[
        ("tapiary drone", "work by ./config.toml or /etc/tci/drone/config.toml"),
        ("tapiary drone --hive http://hive:8080 --token-file token --interface eth0 --folder /srv/captures",
         "work without a settings file"),
        ("tapiary drone --check", "is all here that a drone needs, and does the hive know it?"),
        ("tapiary drone --systemd-unit | sudo tee /etc/systemd/system/tapiary-drone.service", "install the service"),
    ],
)
@click.option("--hive", metavar="URL", help="The hive, as http://HIVE:8080; else hive.url.")
@click.option("--token-file", type=click.Path(path_type=Path), metavar="FILE",
              help="File with the drone's token; else $TAPIARY_DRONE_TOKEN, hive.token_file or hive.token.")
@click.option("--interface", "-i", "interfaces", multiple=True, metavar="NAME",
              help="Interface to capture on; may be given several times; else `interface`.")
@click.option("--folder", type=click.Path(), metavar="DIR", help="Folder for captures; else output_folder.")
@click.option("--backend", type=click.Choice(["tcpdump", "ndp", "ndp_dummy"]), help="What captures; else "
              "capture_backend.")
@click.option("--ca-cert", type=click.Path(), metavar="FILE", help="Certificate to know the hive by; else tls.ca_cert.")
@click.option("--insecure", is_flag=True, help="Trust whatever certificate the hive shows.")
@click.option("--live/--no-live", default=None, help="Meter while capturing; else `live`.")
@click.option("--check", "only_check", is_flag=True, help="Say what is in the way, and how to mend it; then end.")
@click.option("--stop-captures", is_flag=True, help="End what a stopped drone left recording; then end.")
@click.option("--systemd-unit", is_flag=True, help="Print a systemd unit for this installation; then end.")
@pass_session
def drone(
    session: Session, hive: str | None, token_file: Path | None, interfaces: tuple[str, ...], folder: str | None,
    backend: str | None, ca_cert: str | None, insecure: bool, live: bool | None, only_check: bool,
    stop_captures: bool, systemd_unit: bool,
) -> None:
    """Capture network lines by orders of a hive.

    Ctrl-C or SIGTERM ends the program; what it is recording goes on, and the next start takes it over, so that a
    restart loses no packet. `--stop-captures` ends recordings, too.
    """
    from tapiary.capture import drone as room
    from tapiary.telemetry import setup_logging

    if systemd_unit:
        click.echo(room.systemd_unit(), nl=False)
        return
    given: dict[str, Any] = {
        "hive.url": hive, "hive.token_file": str(token_file) if token_file else None, "output_folder": folder,
        "capture_backend": backend, "tls.ca_cert": ca_cert, "interface": list(interfaces) or None,
        "tls.insecure": insecure or None, "live": live,
    }
    settings = room.load(session.config_file, {key: value for key, value in given.items() if value is not None})
    if only_check:
        failed = False
        for finding in room.check(settings):
            failed = failed or finding.ok is False
            click.echo(f"{_MARKS[finding.ok]} {finding.name:20} {finding.found}")
            if finding.fix and not finding.ok:
                click.echo(f"{'':25} try: {finding.fix}")
        click.get_current_context().exit(exit_codes.FAILED if failed else exit_codes.OK)
    if stop_captures:
        jobs = room.stop_captures(settings)
        click.echo(f"ended: job {', '.join(map(str, jobs))}" if jobs else "nothing records")
        return
    setup_logging("debug" if session.verbose else "info")
    agent = room.Agent(settings, meter=meter_command())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: agent.stop())
    agent.run()


def meter_command() -> list[str]:
    """The program that meters while capturing; empty where the meter is not installed."""
    from importlib.util import find_spec

    try:
        if any(find_spec(name) is None for name in ("pyarrow", "numpy", "nfstream", "tapiary.meter._native")):
            return []
    except ImportError:
        return []
    return [sys.executable, "-m", "tapiary.cli.drone_meter"]
