"""Make the golden captures and `expected.json` beside them: `python make.py` (needs tshark and pyarrow).

Nothing of tapiary runs here: expected rows come from tshark or are written by hand in the `*_cases.py` files.
"""

from __future__ import annotations

import json
from pathlib import Path

import flow_cases
import format_cases
import ip_cases
import link_cases
import tshark
import tunnel_cases
from cases import CASES, Case

HERE = Path(__file__).parent
MADE_BY = (format_cases, link_cases, ip_cases, tunnel_cases, flow_cases)


def expected(case: Case, path: Path) -> dict[str, object]:
    """One capture's entry in `expected.json`."""
    source = "hand" if case.rows is not None else "tshark"
    rows = case.rows if case.rows is not None else [{**row, "tunnel": case.tunnel} for row in tshark.rows(path)]
    for row in rows:
        row.update(case.change.get(int(str(row["flow_id"])), {}))
    entry: dict[str, object] = {"purpose": case.purpose, "rows_from": source, "flows": rows}
    for name in ("anomalies", "not_flows", "non_ip", "settings"):
        if value := getattr(case, name):
            entry[name] = value
    return entry


def main() -> None:
    """Write every capture and the file of what must come out of it."""
    table = {}
    for case in CASES:
        ending = {b"\x1f\x8b": ".gz", b"\x28\xb5": ".zst"}.get(case.data[:2], "")
        name = case.name + (".pcapng" if case.data[:4] == b"\x0a\x0d\x0d\x0a" else ".pcap") + ending
        path = HERE / name
        path.write_bytes(case.data)
        table[name] = expected(case, path)
    lines = [f" {json.dumps(name)}: {json.dumps(entry)}" for name, entry in table.items()]
    (HERE / "expected.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
