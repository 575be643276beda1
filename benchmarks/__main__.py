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

_PARTS = ("mix", "ordinary", "answers")
_CACHE = Path("~/.cache/tapiary-bench").expanduser()
_GEO = Path("~/.local/share/tapiary/geo").expanduser()


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(
        "Measures Tapiary against other tools on generated traces, whole processes in turns, and its server."))

    def option(name: str, text: str, **more: Any) -> None:
        if more.get("default") is not None:
            text += " (default %(default)s)"
        parser.add_argument(name, help=text, **more)

    parser.add_argument("what", nargs="*", metavar="PART", help=f"parts to run: {', '.join(_PARTS)}; all unless named")
    option("--cache", "where traces are kept", type=Path, default=_CACHE, metavar="DIR")
    option("--work", "where runs write their results; the cache unless named", type=Path, metavar="DIR")
    option("--geo", "folder of geographic data", type=Path, default=_GEO, metavar="DIR")
    option("--sources", "captures that the mix is made of", type=Path, nargs="+", metavar="PCAP")
    option("--packets", "packets of the mix, at least", type=int, default=2_040_000)
    option("--bytes", "size of the ordinary trace", type=int, default=5_300_000_000)
    option("--flows", "rows of the tables that are asked", type=int, default=10_000_000)
    option("--rounds", "runs of each fast tool", type=int, default=5)
    option("--slow-rounds", "runs of nfstream and tshark", type=int, default=2)
    option("--only", "names of the tools to run, as in the tables", nargs="+", metavar="TOOL")
    option("--only-traces", "make the traces and stop", action="store_true")
    option("--json", "where results go; results.json in the cache unless named", type=Path, metavar="FILE")
    option("--keep", "keep the results of parts that are not run now", action="store_true")
    option("--write", "also put the tables between the markers of this page", type=Path, metavar="PAGE")
    option("--from-json", "measure nothing, print or write these results", type=Path, metavar="FILE")
    options = parser.parse_args(words)
    for part in options.what:
        if part not in _PARTS:
            parser.error(f"{part!r} is none of {', '.join(_PARTS)}")
    options.what = options.what or list(_PARTS)
    options.json = options.json or options.cache / "results.json"
    return options


def main(words: Sequence[str] | None = None) -> int:
    """Run the benchmarks; returns the exit code, 1 when a part failed."""
    options = arguments(words)
    failed = False
    if options.from_json:
        results = json.loads(options.from_json.read_text("utf-8"))
    elif options.only_traces:
        _traces(options)
        return 0
    else:
        results, failed = _measured(options)
        _say(f"results are in {options.json}")
    text = report.markdown(results)
    sys.stdout.write(text)
    if options.write:
        report.write_page(options.write, text)
    return int(failed)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


def _traces(options: argparse.Namespace) -> list[Trace]:
    made = []
    if "mix" in options.what:
        made.append(traces.mix(options.cache, options.sources or traces.default_sources(), options.packets, _say))
    if "ordinary" in options.what:
        made.append(traces.ordinary(options.cache, options.bytes, _say))
    return made


def _measured(options: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    """The results, and whether a part failed; what is there is written after each part."""
    if machine.is_busy():
        _say("this machine is busy with other work: the figures will say little")
    geo = options.geo if (options.geo / "city.mmdb").exists() else None
    every = [tool for tool in tools(geo) if not options.only or tool.name in options.only]
    versions = {tool.name: tool.version() for tool in every}
    missing = {tool.name: tool.install for tool in every if versions[tool.name] is None}
    for name, how in missing.items():
        _say(f"{name} is not installed: {how}")
    former = _former(options)
    results: dict[str, Any] = {
        "machine": machine.facts(), "geo": geo is not None, "missing": missing,
        "traces": [trace for trace in former.get("traces", []) if trace["kind"] not in options.what],
        "answers": [] if "answers" in options.what else former.get("answers", []),
        "versions": {name: value for name, value in versions.items() if value and not name.startswith("tapiary ")},
    }
    failed = False
    for trace in _traces(options):
        results["traces"].append(_race(trace, [tool for tool in every if tool.name not in missing], options))
        failed = failed or bool(results["traces"][-1]["failures"])
        _write(options.json, results)
    if "answers" in options.what:
        from .answers import answers
        from .server import Failed

        try:
            results["answers"] = [
                {"what": what, **asdict(measure.Spread.of(values))} for what, values in answers(options, geo, _say)
            ]
        except Failed as error:
            _say(f"server: {error}")
            failed = True
        _write(options.json, results)
    return results, failed


def _former(options: argparse.Namespace) -> dict[str, Any]:
    if not (options.keep and options.json.exists()):
        return {}
    found: dict[str, Any] = json.loads(options.json.read_text("utf-8"))
    return found


def _write(path: Path, results: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n", "utf-8")


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
