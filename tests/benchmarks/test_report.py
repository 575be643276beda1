"""The results as text, and their place in the documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.report import BEGIN, END, markdown, write_page


def _tool(name: str, seconds: float, **more: Any) -> dict[str, Any]:
    spread = {"middle": seconds, "low": seconds, "high": seconds}
    return {"name": name, "what": "", "ours": name.startswith("tapiary"), "labels": True, "rounds": 1, "wall_s": spread,
            "processor_s": spread, "peak_bytes": {"middle": 1e8, "low": 1e8, "high": 1e8}, "flows": None, **more}


RESULTS: dict[str, Any] = {
    "machine": {"processor": "x"}, "versions": {"tapiary": "1"}, "geo": True,
    "missing": {"tshark": "apt-get install tshark"},
    "traces": [{"kind": "mix", "facts": {"packets": 1000, "bytes": 10}, "base": "tapiary", "failures": {},
                "tools": [_tool("tapiary", 1.0, flows=1234), _tool("nfstream", 26.0), _tool("ndpiReader", 2.0)]}],
    "answers": [{"what": "start", "middle": 1.5, "low": 0.5, "high": 2.0}],
}


def test_ratios_and_aims() -> None:
    text = markdown(RESULTS)
    assert "| nfstream |  | 1 | 26.00 s (26.00 s–26.00 s) | 26.00 s | 100 MB | 0.00 | 26.00 |  |" in text
    assert "| mix: nfstream ÷ tapiary | ≥ 25 | 26.00 | met |" in text
    assert "| mix: ndpiReader ÷ tapiary | ≥ 3 | 2.00 | not met |" in text
    assert "| start | 500 ms | 1.50 s | 2.00 s |" in text
    assert "1,234" in text
    assert "apt-get install tshark" in text


def test_the_page_keeps_what_is_around(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    for _ in range(2):
        write_page(page, markdown(RESULTS))
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert text.count("### Aims") == 1
    page.write_text("no markers")
    with pytest.raises(ValueError, match="lacks the lines"):
        write_page(page, "text")
    assert page.read_text() == "no markers"
