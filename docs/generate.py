"""Writes the pages of docs/reference/ that follow from the code: settings, columns, streams, NQL, commands, API, jobs.

    python -m docs.generate

`pages` gives them without writing; a test compares them with what is there, so that none can grow stale.
"""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click
import msgspec

from docs.api_page import api_page
from docs.markdown import table
from docs.nql_page import nql_page
from docs.streams_page import streams_page
from tapiary import config, schema
from tapiary.cli import exit_codes
from tapiary.cli.root import root
from tapiary.config.loading import variables
from tapiary.jobs import STATES, TRANSITIONS, diagram

REFERENCE = Path(__file__).parent / "reference"
NOTE = "<!-- Written by docs/generate.py: change the code it follows from, then run `make generate`. -->\n\n"


def toml(value: Any) -> str:
    """A value as TOML writes it."""
    return json.dumps(value, ensure_ascii=False)


def settings_page() -> str:
    """Every setting, by section."""
    names = {place: name for name, place in variables().items()}
    parts = ["# Settings\n", textwrap.dedent("""\
        Settings come from a TOML file and from environment variables, which win over the file. The file is the one
        that `--config` names, else the one that `$TAPIARY_CONFIG` names, else `tapiary.toml` in the data folder.
        An unknown key or variable stops the start, with the nearest known name. Relative paths in the file are
        relative to the file. `tapiary config` shows the settings in force.

        In variables, lists are separated by commas, and lists of tables are written as JSON.
        """)]
    sections: list[tuple[str, Any]] = [("", config.Config)]
    sections += [(field.name, field.type) for field in msgspec.structs.fields(config.Config)
                 if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct)]
    for section, kind in sections:
        parts.append(f"## `[{section}]`\n\n{kind.__doc__}\n" if section else "## At the top\n")
        rows = []
        for field in msgspec.structs.fields(kind):
            if (section, field.name) not in names:
                continue
            rows.append([f"`{field.name}`", f"`{toml(default_of(field))}`", description_of(field),
                         f"`{names[section, field.name]}`"])
        parts.append(table(("key", "default", "meaning", "variable"), rows))
    parts.append("## Label rules\n\n`meter.rules` in the settings and the tables `[[rule]]` of `meter.rules_file`. "
                 + textwrap.dedent(config.Rule.__doc__ or "") + "\n")
    parts.append(table(("key", "meaning"), (
        [f"`{field.name}`{' (required)' if field.required else ''}", description_of(field)]
        for field in msgspec.structs.fields(config.Rule))))
    parts.append("## Variables that are no settings\n")
    parts.append(table(("variable", "meaning"), ([f"`{n}`", text] for n, text in config.OTHER_VARIABLES.items())))
    return "\n".join(parts)


def description_of(field: Any) -> str:
    """The sentence that a setting's declaration carries."""
    found = [meta.description for meta in get_args(field.type)[1:] if isinstance(meta, msgspec.Meta)]
    return str(found[0])


def default_of(field: Any) -> Any:
    """The default value of a setting."""
    return field.default if field.default is not msgspec.NODEFAULT else field.default_factory()


def columns_page() -> str:
    """The columns of both tables."""
    groups = dict.fromkeys(column.group for column in schema.FLOW_COLUMNS)
    parts = ["# Columns\n", textwrap.dedent("""\
        Both tables are Delta Lake tables in the `tables` folder of the data folder, format version {version}.
        `client` is the end that sent the flow's first packet. Columns marked † tell something about a person.
        Types are Arrow's; `address` is 16 bytes in network order, IPv4 as `::ffff:a.b.c.d`, `mac` the 48 bits as
        a number, `timestamp` microseconds in UTC.
        """).format(version=schema.FORMAT_VERSION), "## Table `flows`\n",
        "Partitioned by `day`, the UTC day of `first_seen`.\n"]
    titles = {"core": "Always there", "geo": "Places, where there are GeoIP data"}
    for group in groups:
        parts.append(f"### {titles.get(group, f'Statistics group `{group}`')}\n")
        parts.append(table(("column", "type", "meaning", "in NQL", "nfstream"), (
            [f"`{c.name}`{' †' if c.personal else ''}", c.type + (", may be null" if c.nullable else ""),
             c.doc + (f" ({c.unit})" if c.unit else ""), "" if c.name == "run_id" else f"`{schema.query_name(c)}`",
             f"`{c.nfstream}`" if c.nfstream else ""]
            for c in schema.FLOW_COLUMNS if c.group == group)))
    parts.append("## Table `packets`\n\nThe packet index: where the packets of each flow lie in the capture.\n")
    parts.append(table(("column", "type", "meaning"), (
        [f"`{c.name}`", c.type, c.doc] for c in schema.INDEX_COLUMNS)))
    return "\n".join(parts)


def commands_page() -> str:
    """The help of every command, as the terminal shows it."""
    # A width of its own: the page must not depend on the terminal that it was made in.
    top = root.make_context("tapiary", [], resilient_parsing=True, terminal_width=100, max_content_width=100)
    parts = ["# Commands\n", help_block(top), "## Exit codes\n"]
    parts.append(table(("code", "meaning"), ([str(c), text] for c, text in exit_codes.MEANINGS.items())))

    def walk(context: click.Context, level: int) -> None:
        group = context.command
        if not isinstance(group, click.Group):
            return
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            if command is None or command.hidden:
                continue
            inner = command.make_context(name, [], parent=context, resilient_parsing=True)
            parts.append(f"{'#' * level} {inner.command_path}\n")
            parts.append(help_block(inner))
            walk(inner, level + 1)

    walk(top, 2)
    return "\n".join(parts)


def jobs_page() -> str:
    """The states of a job and the steps between them."""
    return "\n".join(["# Jobs\n", textwrap.dedent("""\
        Each capture is processed by a job. The queue outlives the server: what waited or was under way when it ended,
        however it ended, is taken up when it starts again, and no file is processed by two workers at a time. A job
        whose worker died is tried again, `jobs.max_attempts` times in all.

        The API's `status` knows fewer states than `progress`: a job that waits is `in_progress` there.
        """), table(("state", "meaning"), ([f"`{state}`", text] for state, text in STATES.items())),
        f"```mermaid\n{diagram()}```\n",
        table(("step", "from", "to", "when"), (
            [t.event, f"`{t.source}`" if t.source else "", f"`{t.target}`", t.doc] for t in TRANSITIONS))])


def help_block(context: click.Context) -> str:
    """What `--help` prints."""
    return f"```text\n{context.get_help().rstrip()}\n```\n"


#: Page: its maker.
PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings_page, "columns.md": columns_page, "commands.md": commands_page, "api.md": api_page,
    "jobs.md": jobs_page, "streams.md": streams_page, "nql.md": nql_page,
}


def pages() -> dict[Path, str]:
    """Every generated page's path and text."""
    return {REFERENCE / name: NOTE + make() for name, make in PAGES.items()}


def main() -> None:
    """Write the pages, or those named on the command line."""
    wanted = sys.argv[1:] or list(PAGES)
    REFERENCE.mkdir(exist_ok=True)
    for name in wanted:
        (REFERENCE / name).write_text(NOTE + PAGES[name](), encoding="utf-8")


if __name__ == "__main__":
    main()
