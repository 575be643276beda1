"""The compiled core and the twin on the same capture, and every difference between them as a line of text."""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from golden import differences

from tapiary.config import MeterConfig
from tapiary.meter import MeterRun, decode_frames, meter
from tapiary.meter.link_names import link_name
from tapiary.meter.reference import ReferenceResult, meter_file
from tapiary.schema import FLOW_COLUMNS

#: Columns that only labels, places or runs fill.
_LABELS = "label application master category confidence server_name user_agent content_type ja4 ja3s hassh_client"
_NOT_COMPARED = {"run_id", "job_id", "hassh_server", "dhcp_fingerprint", "risks", "note", *_LABELS.split()}
COLUMNS = [column.name for column in FLOW_COLUMNS if column.name not in _NOT_COMPARED and column.group != "geo"]


@dataclass
class CoreResult:
    """What the core gave, in the twin's shape."""

    flows: list[dict[str, object]]
    frames: dict[int, list[int]]
    counts: dict[str, object]


def run_core(source: bytes | Path | io.BytesIO, config: MeterConfig) -> CoreResult:
    """Meter a capture with the compiled core and collect all that it says."""
    flows: list[dict[str, object]] = []
    index: dict[int, list[np.ndarray]] = {}
    run: MeterRun = meter(io.BytesIO(source) if isinstance(source, bytes) else source, config)
    for batch in run:
        if batch.flows is not None:
            table = batch.flows.select([name for name in COLUMNS if name in batch.flows.schema.names])
            for name in ("first_seen", "last_seen"):
                at = table.schema.get_field_index(name)
                table = table.set_column(at, name, table.column(at).cast("int64"))
            flows += table.to_pylist()
        if batch.index is not None:
            for row in batch.index.to_pylist():
                if row["flow_id"] > 0:
                    numbers = decode_frames(row["first_frame"], row["frame_count"], row["frames"])
                    index.setdefault(row["flow_id"], []).append(numbers)
    result = run.result
    counts = asdict(result)
    assert result.flows == len(flows)
    frames = {flow: sorted(int(n) for part in parts for n in part) for flow, parts in index.items()}
    return CoreResult(sorted(flows, key=lambda row: int(str(row["flow_id"]))), frames, counts)


def compare(source: bytes | Path, config: MeterConfig) -> list[str]:
    """Every difference between core and twin on this capture; none means that they agree in all that they share."""
    twin, core = meter_file(source, config), run_core(source, config)
    return compare_results(twin, core)


def compare_results(twin: ReferenceResult, core: CoreResult) -> list[str]:
    """Every difference between the two results, the twin's value first."""
    found = []
    links: dict[str, int] = {}
    for number, packets in twin.link_types.items():
        links[link_name(number)] = links.get(link_name(number), 0) + packets
    shared = {
        "packets": twin.packets, "anomalies": dict(twin.anomalies), "not_flows": dict(twin.not_flows),
        "non_ip": dict(twin.non_ip), "link_types": links, "time_start": twin.time_start, "time_end": twin.time_end,
        "format": twin.format, "compression": twin.compression,
    }  # fmt: skip
    for name, value in shared.items():
        theirs = core.counts[name]
        if isinstance(theirs, dict):
            theirs = {key: count for key, count in theirs.items() if count}
        if theirs != value:
            found.append(f"{name}: {value} != {theirs}")
    ours, theirs_by_id = {row["flow_id"]: row for row in twin.flows}, {row["flow_id"]: row for row in core.flows}
    if len(theirs_by_id) != len(core.flows):
        found.append("flow_id is not unique")
    for flow in ours.keys() | theirs_by_id.keys():
        if flow not in ours or flow not in theirs_by_id:
            found.append(f"flow {flow}: only the {'core' if flow in theirs_by_id else 'twin'} has it")
            continue
        row = ours[flow]
        for name, (left, right) in differences({name: row[name] for name in COLUMNS}, theirs_by_id[flow]).items():
            found.append(f"flow {flow} {name}: {left!r} != {right!r}")
        if twin.frames[flow] != core.frames.get(flow):
            found.append(f"flow {flow} frames: {twin.frames[flow][:20]} != {(core.frames.get(flow) or [])[:20]}")
    return found
