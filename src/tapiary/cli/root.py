"""The command `tapiary` itself: its subcommands, its global options, and what its exit codes mean."""

from __future__ import annotations

import click

from tapiary import __version__
from tapiary.cli import exit_codes
from tapiary.cli.command import LazyGroup

#: Name: where it lives, and its line in the list of commands.
COMMANDS = {
    "process": ("tapiary.cli.process:process", "Label the flows of captures and fill the tables."),
    "files": ("tapiary.cli.files:files", "List the captures and their states."),
    "stats": ("tapiary.cli.stats:stats", "Count a capture's flows by protocol, label, address, …"),
    "flows": ("tapiary.cli.flows:flows", "Show or export flows."),
    "packets": ("tapiary.cli.packets:packets", "Cut the packets of some flows out of their capture."),
    "query": ("tapiary.cli.query:query", "Ask in NQL: flows, custom indexes, alerts, devices."),
    "inject": ("tapiary.cli.inject:inject", "Put a file's rows into a custom index."),
    "trigger": ("tapiary.cli.trigger:trigger", "Queries that watch for something: list, create, try, …"),
    "alerts": ("tapiary.cli.alerts:alerts", "List what triggers have found."),
    "merge": ("tapiary.cli.merge:merge", "Merge captures into one, by time."),
    "labels": ("tapiary.cli.labels:labels", "List the labels that a flow may get, by group."),
    "delete": ("tapiary.cli.delete:delete", "Delete a capture with its flows."),
    "serve": ("tapiary.cli.serve:serve", "Run the server: REST API, workers, repository."),
    "user": ("tapiary.cli.user:user", "Create, change and delete users; list levels."),
    "drone": ("tapiary.cli.drone:drone", "Capture network lines by orders of a hive."),
    "token": ("tapiary.cli.token:token", "Create, list and revoke API tokens."),
    "config": ("tapiary.cli.config:config", "Show the settings in force and where each comes from."),
    "doctor": ("tapiary.cli.doctor:doctor", "Check what is installed, and say how to get what is missing."),
}


class Root(LazyGroup):
    """The top of the command line; its help ends with the exit codes."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """How to go on, and the exit codes."""
        with formatter.section("Examples"):
            formatter.write_dl([
                ("tapiary process trace.pcap", "label the flows of a capture, show a summary"),
                ("tapiary flows --label DNS", "its flows that are DNS"),
                ("tapiary COMMAND --help", "options and examples of a command"),
            ])
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in exit_codes.MEANINGS.items()])


@click.group(
    cls=Root, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, "-V", "--version", message="tapiary %(version)s")
def root() -> None:
    """Tapiary turns packet captures into labelled, enriched flows, and keeps them in tables that you can query."""
