"""What a processed capture was made of, for people; several captures are summed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tapiary.cli.bars import top_lines
from tapiary.cli.layout import Screen
from tapiary.cli.numbers import duration, exact, moment, rate, size

#: Lines of each ranking.
TOP = 10

_COUNTS = ("labels", "groups", "countries", "anomalies", "non_ip", "not_flows", "link_types")


@dataclass
class Summary:
    """The figures of one capture, or of several together. Times are Unix seconds, `bytes` those of the file."""

    files: int = 0
    packets: int = 0
    bytes: int = 0
    flows: int = 0
    seconds: float = 0.0
    time_start: float | None = None
    time_end: float | None = None
    formats: Counter[str] = field(default_factory=Counter)
    counts: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in _COUNTS})

    @classmethod
    def of(cls, results: Iterable[Mapping[str, Any]]) -> Summary:
        """The sum of what processing gave for each capture (`Processed.summary`)."""
        total = cls()
        for result in results:
            total.files += 1
            total.packets += result["packets"]
            total.bytes += result["bytes"]
            total.flows += result["flows"]
            total.seconds += result["seconds"]
            starts = [t for t in (total.time_start, result.get("time_start")) if t is not None]
            ends = [t for t in (total.time_end, result.get("time_end")) if t is not None]
            total.time_start, total.time_end = min(starts, default=None), max(ends, default=None)
            total.formats[" ".join(filter(None, (result.get("format"), result.get("compression"))))] += 1
            for name, counter in total.counts.items():
                counter.update(result.get(name) or {})
        return total

    def lines(self, screen: Screen, title: str) -> list[str]:
        """The summary as text."""
        lines = [screen.heading(screen.clip(title, screen.width)), *self._facts(screen)]
        counts = self.counts
        for name, whole, colour in (
            ("labels", self.flows, "cyan"), ("groups", self.flows, "cyan"), ("countries", self.flows, "cyan"),
            ("anomalies", None, "red"), ("non_ip", self.packets, "yellow"), ("not_flows", self.packets, "yellow"),
        ):
            heading = {"non_ip": "not IP (packets)", "not_flows": "in no flow (packets)",
                       "countries": "countries (of either end)"}.get(name, name)
            block = top_lines(screen, heading, counts[name], TOP, whole=whole, colour=colour)
            lines += ["", *block] if block else []
        return lines

    def _facts(self, screen: Screen) -> list[str]:
        kinds = ", ".join(kind if self.files == 1 else f"{n} {kind}" for kind, n in self.formats.most_common() if kind)
        facts = [
            ("size", size(self.bytes) + (f", {kinds}" if kinds else "")),
            ("packets", exact(self.packets)),
            ("flows", exact(self.flows)),
        ]
        if self.time_start is not None and self.time_end is not None:
            length = duration(max(0.0, self.time_end - self.time_start))
            facts.append(("time", f"{moment(self.time_start)} to {moment(self.time_end)} UTC, {length}"))
        if links := self.counts["link_types"]:
            facts.append(("links", ", ".join(name for name, _ in links.most_common())))
        seconds = max(self.seconds, 1e-6)
        speed = f"{rate(self.packets / seconds, 'packets')}, {size(self.bytes / seconds)}/s"
        facts.append(("took", f"{duration(self.seconds)}: {speed}"))
        return [
            f"  {screen.style(f'{name:<8}', dim=True)} {screen.clip(text, screen.width - 11)}" for name, text in facts
        ]
