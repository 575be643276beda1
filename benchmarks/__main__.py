"""``python -m benchmarks``: make the traces, run everything interleaved, print and keep the results."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import machine, measure, report, traces
from .tools import Tool, count_of, tools

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .traces import Trace

_CACHE = Path("~/.cache/tapiary-bench").expanduser()
_GEO = Path("~/.local/share/tapiary/geo").expanduser()


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(
        "Measures Tapiary against other tools on generated traces, whole processes in turns, and its server's answers."))
    parser.add_argument("what", nargs="*", choices=["mix", "ordinary", "answers", []], default=[],
                        help="parts to run; all of them when none is named")
    parser.add_argument("--cache", type=Path, default=_CACHE, metavar="DIR", help=f"where traces are kept (default {_CACHE})")
    parser.add_argument("--work", type=Path, metavar="DIR", help="where runs write their results (default: in the cache)")
    parser.add_argument("--geo", type=Path, default=_GEO, metavar="DIR", help=f"folder of geographic data (default {_GEO})")
    parser.add_argument("--sources", type=Path, nargs="+", metavar="PCAP", help="captures that the mix is made of")
    parser.add_argument("--packets", type=int, default=2_040_000, help="packets of the mix, at least (default %(default)s)")
    parser.add_argument("--bytes", type=int, default=5_300_000_000, help="size of the ordinary trace (default %(default)s)")
    parser.add_argument("--flows", type=int, default=10_000_000, help="rows for the questions (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each fast tool (default %(default)s)")
    parser.add_argument("--slow-rounds", type=int, default=2, help="runs of nfstream and tshark (default %(default)s)")
    parser.add_argument("--only", nargs="+", metavar="TOOL", help="names of the tools to run, as in the tables")
    parser.add_argument("--only-traces", action="store_true", help="make the traces and stop")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where results go (default: results.json in the cache)")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="also put the tables between the markers of this page")
    parser.add_argument("--from-json", type=Path, metavar="FILE", help="measure nothing; print or write these results")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Run the benchmarks; returns the exit code."""
    options = arguments(words)
    if options.from_json:
        results = json.loads(options.from_json.read_text("utf-8"))
    else:
        if options.only_traces:
            _traces(options)
            return 0
        results = _measured(options)
        where = options.json or options.cache / "results.json"
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
        _say(f"results are in {where}")
    text = report.markdown(results)
    sys.stdout.write(text)
    if options.write:
        report.write_page(options.write, text)
    return 0


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


def _traces(options: argparse.Namespace) -> list[Trace]:
    wanted = options.what or ["mix", "ordinary", "answers"]
    made = []
    if "mix" in wanted:
        made.append(traces.mix(options.cache, options.sources or traces.default_sources(), options.packets, _say))
    if "ordinary" in wanted:
        made.append(traces.ordinary(options.cache, options.bytes, _say))
    return made


def _measured(options: argparse.Namespace) -> dict[str, Any]:
    if machine.is_busy():
        _say("this machine is busy with other work: the figures will say little")
    geo = options.geo if (options.geo / "city.mmdb").exists() else None
    every = [tool for tool in tools(geo) if not options.only or tool.name in options.only]
    versions = {tool.name: tool.version() for tool in every}
    missing = {tool.name: tool.install for tool in every if versions[tool.name] is None}
    present = [tool for tool in every if tool.name not in missing]
    for name, how in missing.items():
        _say(f"{name} is not installed: {how}")
    facts = machine.facts()
    results: dict[str, Any] = {
        "machine": facts, "geo": geo is not None, "missing": missing, "traces": [], "answers": [],
        "versions": {name: value for name, value in versions.items() if value and not name.startswith("tapiary ")},
    }
    for trace in _traces(options):
        results["traces"].append(_race(trace, present, options))
    if "answers" in (options.what or ["answers"]):
        from .answers import answers

        results["answers"] = [
            {"what": what, **asdict(measure.Spread.of(values))} for what, values in answers(options, geo, _say)
        ]
    return results


def _race(trace: Trace, present: Sequence[Tool], options: argparse.Namespace) -> dict[str, Any]:
    _say(f"{trace.path.name}: {trace.facts['packets']:,} packets, {trace.facts['bytes']:,} bytes")
    by_name = {tool.name: tool for tool in present}
    rounds = {tool.name: min(options.rounds, options.slow_rounds) if tool.slow else options.rounds for tool in present}
    work = options.work or options.cache
    work.mkdir(parents=True, exist_ok=True)

    def once(name: str) -> measure.Sample:
        tool = by_name[name]
        with tempfile.TemporaryDirectory(prefix="run-", dir=work) as temporary:
            # A name that a run may fill without finding the benchmark's own files in it.
            folder = Path(temporary) / "out"
            folder.mkdir()
            return measure.run(tool.command(trace.path, folder), tool.environment(folder.parent), _project())

    # Every tool finds the file in memory, the first one too.
    with open(trace.path, "rb") as file:
        while file.read(1 << 24):
            pass
    samples, failures = measure.interleaved(list(by_name), rounds, once, _say)
    measured = [_row(by_name[name], taken) for name, taken in samples.items()]
    base = "tapiary" if trace.kind == "mix" else "tapiary --no-dpi"
    return {"kind": trace.kind, "facts": trace.facts, "base": base, "tools": measured, "failures": failures}


def _row(tool: Tool, taken: Sequence[measure.Sample]) -> dict[str, Any]:
    return {
        "name": tool.name, "what": tool.what, "ours": tool.ours, "labels": tool.labels, "rounds": len(taken),
        "wall_s": asdict(measure.Spread.of([one.wall_s for one in taken])),
        "processor_s": asdict(measure.Spread.of([one.user_s + one.system_s for one in taken])),
        "peak_bytes": asdict(measure.Spread.of([one.peak_bytes for one in taken])),
        "flows": count_of(tool, taken[-1].output),
    }


def _project() -> Path:
    return Path(__file__).resolve().parents[1]


if __name__ == "__main__":
    sys.exit(main())
