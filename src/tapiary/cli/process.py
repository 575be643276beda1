"""`tapiary process`: captures in, labelled flows in the tables."""

from __future__ import annotations

import sys
import tempfile
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from tapiary.cli import exit_codes
from tapiary.cli.command import Command
from tapiary.cli.exports import Export
from tapiary.cli.layout import Screen
from tapiary.cli.numbers import duration, exact
from tapiary.cli.output import echo_json
from tapiary.cli.places import attribution_lines
from tapiary.cli.progress import FileProgress
from tapiary.cli.session import ConfigurationError, Session, message_of, pass_session, say
from tapiary.cli.sources import STANDARD_INPUT, expand, standard_input
from tapiary.cli.summary import Summary
from tapiary.errors import InvalidInput, NotFound
from tapiary.schema import STATISTICS_GROUPS
from tapiary.telemetry import logger

if TYPE_CHECKING:
    from tapiary.config import Config, MeterConfig
    from tapiary.services import Services


def _groups(_context: click.Context, _parameter: click.Parameter, value: str | None) -> list[str] | None:
    """`flags,sizes`, `all` or `none` as a list of statistics groups."""
    if value is None:
        return None
    words = [word.strip() for word in value.split(",") if word.strip()]
    if words in (["none"], ["all"]):
        return [] if words == ["none"] else list(STATISTICS_GROUPS)
    for word in words:
        if word not in STATISTICS_GROUPS:
            raise click.BadParameter(f"{word!r} is none of {', '.join(STATISTICS_GROUPS)}, all, none")
    return [group for group in STATISTICS_GROUPS if group in words]


@click.command(
    cls=Command,
    examples=[
        ("tapiary process trace.pcap", "label its flows, fill the tables, show a summary"),
        ("tapiary process --json captures/ | jq .labels", "all captures of a folder, one JSON object each"),
        ("tapiary process --parquet flows.parquet --no-store trace.pcap", "only a file for pandas, no tables"),
        ("tcpdump -w - -c 100000 | tapiary process -", "from another program"),
        ("tapiary process --no-dpi --statistics none --threads 4 big.pcap", "counters only, as fast as it goes"),
    ],
)
@click.argument("files", nargs=-1, required=True, metavar="FILES...")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a capture and line, instead of the summary.")
@click.option("--csv", metavar="OUT", help="Also write the flows as CSV; `-` is standard output.")
@click.option("--parquet", metavar="OUT", help="Also write the flows as Parquet.")
@click.option("--no-dpi", is_flag=True, help="Do not look into packets: no labels but those of your rules.")
@click.option("--threads", type=click.IntRange(0, 64), metavar="N",
              help="Threads of the meter; 0: one a core, at most 8.")
@click.option("--statistics", metavar="GROUPS", callback=_groups,
              help=f"Groups of statistics columns to fill: {','.join(STATISTICS_GROUPS)}, or all, or none.")
@click.option("--idle-timeout", type=click.FloatRange(0, min_open=True), metavar="SECONDS",
              help="A flow silent for so long has ended.")
@click.option("--active-timeout", type=click.FloatRange(0, min_open=True), metavar="SECONDS",
              help="A longer flow is cut.")
@click.option("--rules", type=click.Path(exists=True, dir_okay=False), metavar="FILE",
              help="Label rules (TOML), in place of the settings' own.")
@click.option("--name", metavar="NAME", default="stdin", show_default=True, help="What to call standard input.")
@click.option("--no-store", is_flag=True, help="Leave no rows in the tables, and keep nothing else.")
@pass_session
def process(
    session: Session, /, files: tuple[str, ...], as_json: bool, csv: str | None, parquet: str | None, name: str,
    no_store: bool, **options: Any,
) -> None:
    """Turn captures into labelled, enriched flows and fill the tables with them, in this process, without a server.

    FILES are pcap or pcapng files, plain or compressed with gzip or zstd, folders of such, or `-` for standard input.
    Processing a file again replaces its rows. With several captures, OUT is a folder that gets one file each. When a
    file fails, the others are still processed, and the exit code is 1.
    """
    sources = expand(files)
    if not sources:
        say("there are no captures in the folders named")
        click.get_current_context().exit(exit_codes.NOT_FOUND)
    stdin = standard_input() if STANDARD_INPUT in sources else None
    exports = [Export(format, out, len(sources) > 1) for format, out in (("csv", csv), ("parquet", parquet)) if out]  # type: ignore[arg-type]
    to_stdout = as_json + sum(export.out == "-" for export in exports)
    if to_stdout > 1:
        raise click.UsageError("Only one of --json, --csv - and --parquet - can have standard output.")
    config = session.config
    if not session.verbose:
        logger("jobs").setLevel("CRITICAL")  # why a job failed is told by us, once, under the file's name
    with tempfile.TemporaryDirectory(prefix="tapiary-") as scratch:
        if no_store and exports:
            config = _elsewhere(config, scratch)
        services = session.services_with(config)
        batch = Batch(
            services, meter_config(config, options), exports, stdin, name, store=bool(exports) or not no_store,
            kept=not no_store, verbose=session.verbose,
        )
        try:
            batch.run(sources, as_json=as_json, quiet=to_stdout > 0)
        finally:
            services.close()
    if batch.failed:
        code = exit_codes.NOT_FOUND if batch.missing == batch.failed else exit_codes.FAILED
        click.get_current_context().exit(code)


def meter_config(config: Config, options: Mapping[str, Any]) -> MeterConfig:
    """The meter's settings with this command's options over them."""
    from msgspec.structs import replace

    changes = {
        key: value for key, value in (
            ("threads", options["threads"]), ("statistics", options["statistics"]),
            ("idle_timeout_s", options["idle_timeout"]), ("active_timeout_s", options["active_timeout"]),
        ) if value is not None
    }
    if options["no_dpi"]:
        changes["dpi"] = False
    if options["rules"]:
        changes |= {"rules_file": options["rules"], "rules": []}
    return replace(config.meter, **changes)


def _elsewhere(config: Config, folder: str) -> Config:
    """The same settings with tables and database in a folder that is thrown away."""
    from msgspec.structs import replace

    geo = replace(config.geo, city=str(config.city_path or ""), asn=str(config.asn_path or ""))
    return replace(
        config, data_dir=folder, geo=geo, store=replace(config.store, path=f"{folder}/tables"),
        database=replace(config.database, url=f"sqlite:///{folder}/tapiary.db"),
    )


@dataclass
class Batch:
    """The captures of one command line, one after the other."""

    services: Services
    meter: MeterConfig
    exports: list[Export]
    stdin: BinaryIO | None
    stdin_name: str
    store: bool
    kept: bool
    verbose: bool

    def __post_init__(self) -> None:
        # Not the errors themselves: their tracebacks would keep the tables' readers alive until the process ends.
        self.failed = 0
        self.missing = 0
        self.done: list[Mapping[str, Any]] = []

    def run(self, sources: list[str], *, as_json: bool, quiet: bool) -> None:
        """Process each and show what came of it; what fails is told and counted."""
        screen = Screen.of()
        for source in sources:
            try:
                result = self._one(source)
            except BrokenPipeError:
                raise
            except Exception as error:  # noqa: BLE001 - a bug that one capture meets must not cost the others
                self._failed(source, error)
                continue
            self.done.append(result)
            if as_json:
                echo_json(result)
                sys.stdout.flush()
            elif not quiet and len(sources) == 1:
                self._show([result], screen, self._title(result))
            elif not quiet:
                click.echo(self._line(result))
        if not as_json and not quiet and len(sources) > 1 and self.done:
            click.echo()
            self._show(self.done, screen, f"{len(self.done)} captures")

    def _one(self, source: str) -> dict[str, Any]:
        """Process one capture; what it was made of, with the documented members first."""
        stream = self.stdin if source == STANDARD_INPUT else None
        with FileProgress(self.stdin_name if stream else source) as progress:
            if self.store:
                if not source.isprintable() and any("\ud800" <= c <= "\udfff" for c in source):
                    raise InvalidInput("the tables need a name in Unicode; rename it, pipe it in, or use --no-store")
                name = self.stdin_name if stream else None
                processed = self.services.ingest.process_file(
                    stream or Path(source), name=name, meter=self.meter, progress=progress,
                )
                summary, job_id = processed.summary, processed.job_id
                for export in self.exports:
                    export.write(self.services, job_id, source)
            else:
                from tapiary.cli.measure import measure

                summary, job_id = measure(self.services, stream or Path(source), self.meter, progress), None
        result = {"file": source, **{key: summary[key] for key in ("packets", "bytes", "flows")}}
        for key in ("labels", "anomalies"):
            result[key] = dict(sorted(summary[key].items(), key=lambda item: (-item[1], item[0])))
        result["seconds"] = summary["seconds"]
        if self.kept:
            result["job_id"] = job_id
        hidden = ("quick_hash", "index")
        return result | {key: value for key, value in summary.items() if key not in result and key not in hidden}

    def _failed(self, source: str, error: Exception) -> None:
        if isinstance(error, InvalidInput) and (error.field or "").startswith(("rule", "meter.", "geo.")):
            raise ConfigurationError(error) from error  # it would be the same for every file
        if self.verbose:
            traceback.print_exception(error)
        self.failed += 1
        self.missing += isinstance(error, (NotFound, FileNotFoundError))
        say(f"{source}: {message_of(error, source)}")

    def _show(self, results: list[Mapping[str, Any]], screen: Screen, title: str) -> None:
        summary = Summary.of(results)
        lines = summary.lines(screen, title)
        if summary.counts["countries"]:
            lines += ["", *attribution_lines(self.services, screen)]
        click.echo("\n".join(lines))

    def _title(self, result: Mapping[str, Any]) -> str:
        name = self.stdin_name if result["file"] == STANDARD_INPUT else result["file"]
        return f"{name} (job {result['job_id']})" if self.kept else name

    def _line(self, result: Mapping[str, Any]) -> str:
        """A capture among several."""
        return (f"{self._title(result)}: {exact(result['flows'])} flows, {exact(result['packets'])} packets, "
                f"{duration(result['seconds'])}")
