"""Results as Markdown, and into the page of the documentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"


@dataclass(frozen=True)
class Aim:
    """A ratio that the design asks for: time of `of` over time of `to`, at least or at most `bound`."""

    trace: str
    of: str
    to: str
    bound: float
    at_least: bool = True


AIMS = (
    Aim("mix", "nfstream", "tapiary", 25),
    Aim("mix", "nfstream", "tapiary lean", 30),
    Aim("mix", "ndpiReader", "tapiary", 3),
    Aim("ordinary", "nfpcapd", "tapiary --no-dpi", 5),
    Aim("ordinary", "tapiary --no-dpi", "cat", 2.5, at_least=False),
)


def markdown(results: dict[str, Any]) -> str:
    """Everything as Markdown, without a heading above the second level."""
    parts = [_facts(results), *(_trace(trace) for trace in results["traces"])]
    if aims := _aims(results["traces"]):
        parts.append("### Aims\n\n" + _table(("Ratio of wall times", "Aim", "Measured", ""), aims))
    if results.get("answers"):
        rows = [(one["what"], *(_seconds(one[key]) for key in ("low", "middle", "high"))) for one in results["answers"]]
        parts.append("### Answers\n\n" + _table(("What", "Minimum", "Median", "Maximum"), rows))
    if results["missing"]:
        lines = [f"- {name}: `{how}`" for name, how in results["missing"].items()]
        parts.append("Not measured, as not installed:\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def write_page(page: Path, text: str) -> None:
    """Put the text between the page's two markers. Raises ValueError when they are not there."""
    old = page.read_text("utf-8")
    head, begin, rest = old.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{page} lacks the lines {BEGIN} and {END}")
    page.write_text(f"{head}{BEGIN}\n\n{text}\n{END}{tail}", "utf-8")


def _facts(results: dict[str, Any]) -> str:
    facts = ", ".join(f"{name} {value}" for name, value in results["machine"].items())
    versions = ", ".join(f"{name} {value}" for name, value in results["versions"].items())
    return f"Machine: {facts}.\n\nVersions: {versions}. Geographic data: {'yes' if results['geo'] else 'no'}."


def _trace(trace: dict[str, Any]) -> str:
    facts = trace["facts"]
    title = {"mix": "DPI torture mix", "ordinary": "Ordinary flows"}[trace["kind"]]
    base = next((tool for tool in trace["tools"] if tool["name"] == trace["base"]), None)
    rows = []
    for tool in trace["tools"]:
        wall = tool["wall_s"]
        rows.append((
            f"**{tool['name']}**" if tool["ours"] else tool["name"], tool["what"], str(tool["rounds"]),
            f"{_seconds(wall['middle'])} ({_seconds(wall['low'])}–{_seconds(wall['high'])})",
            _seconds(tool["processor_s"]["middle"]), f"{tool['peak_bytes']['middle'] / 1e6:.0f} MB",
            f"{facts['packets'] / wall['middle'] / 1e6:.2f}",
            f"{wall['middle'] / base['wall_s']['middle']:.2f}" if base else "",
            f"{tool['flows']:,}" if tool["flows"] else "",
        ))
    head = ("Tool", "What it does", "Runs", "Wall time (min–max)", "Processor time", "Peak memory", "M packets/s",
            f"Time ÷ {trace['base']}", "Flows")
    about = f"{facts['packets']:,} packets, {facts['bytes'] / 1e6:,.0f} MB"
    failed = "".join(f"\n\n{name} failed: {reason}" for name, reason in trace["failures"].items())
    return f"### {title}: {about}\n\n" + _table(head, rows) + failed


def _aims(traces: Sequence[dict[str, Any]]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for aim in AIMS:
        for trace in traces:
            times = {tool["name"]: tool["wall_s"]["middle"] for tool in trace["tools"]}
            if trace["kind"] == aim.trace and aim.of in times and aim.to in times:
                ratio = times[aim.of] / times[aim.to]
                met = ratio >= aim.bound if aim.at_least else ratio <= aim.bound
                words = f"{'≥' if aim.at_least else '≤'} {aim.bound:g}"
                rows.append((f"{aim.trace}: {aim.of} ÷ {aim.to}", words, f"{ratio:.2f}", "met" if met else "not met"))
    return rows


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _seconds(value: float) -> str:
    return f"{value * 1000:.0f} ms" if value < 0.995 else f"{value:.2f} s" if value < 99.5 else f"{value:.0f} s"
