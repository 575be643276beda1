"""The progress bar: on a terminal, for whoever waits."""

from __future__ import annotations

import io

import pytest

from tapiary.cli import progress
from tapiary.cli.progress import FileProgress, describe

REPORT = {
    "bytes": 1_230_000, "total_bytes": 10_000_000, "packets": 5000, "flows": 321, "seconds": 1.0,
    "packets_per_s": 1_200_000, "seconds_left": 7.1,
}


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_a_report_in_words() -> None:
    assert describe(REPORT) == "1.23 MB of 10.0 MB, 1.20 M packets/s, 321 flows, 7.10 s left"
    assert describe({"bytes": 5, "total_bytes": None}) == "5 B, 0 packets/s, 0 flows"


def test_it_is_drawn_on_a_terminal_once_one_has_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with FileProgress("trace.pcap") as bar:
        bar(REPORT)
        assert terminal.getvalue() == ""
    monkeypatch.setattr(progress, "PATIENCE_S", 0.0)
    with FileProgress("[red]trace.pcap") as bar:
        bar(REPORT)
        bar({"bytes": 5})
    assert "[red]trace.pcap" in terminal.getvalue()


def test_elsewhere_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.StringIO()
    monkeypatch.setattr("sys.stderr", pipe)
    monkeypatch.setattr(progress, "PATIENCE_S", 0.0)
    with FileProgress("trace.pcap") as bar:
        bar(REPORT)
    assert pipe.getvalue() == ""
