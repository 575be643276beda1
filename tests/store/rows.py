"""Batches for the tables, small and plain."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from tapiary.schema import FLOW_COLUMNS, address_bytes, arrow_schema

#: Noon of 14 November 2023 UTC, in microseconds.
NOON_US = 1_699_963_200_000_000
DAY_US = 86_400_000_000

_PLAIN: dict[str, Any] = {
    "int16": 4, "int32": 443, "int64": 7, "float64": 1.5, "bool": True, "string": "x", "timestamp": NOON_US,
    "mac": 0x001B213C9DF8, "address": address_bytes("192.0.2.1"), "list<int32>": [60, -1500],
}


def flows(count: int, *, label: str | list[Any] = "TLS.Google", **columns: list[Any]) -> pa.RecordBatch:
    """Flow rows without run and job, all alike except for `flow_id` and the columns that are given."""
    schema = pa.schema([f for f in arrow_schema() if f.name not in ("run_id", "job_id")])
    values = {c.name: [_PLAIN[c.type]] * count for c in FLOW_COLUMNS}
    values |= {"flow_id": list(range(1, count + 1)), "label": [label] * count if isinstance(label, str) else label}
    values |= columns
    return pa.RecordBatch.from_arrays([pa.array(values[f.name], f.type) for f in schema], schema=schema)


def packets(count: int) -> pa.RecordBatch:
    """Index rows without the run."""
    return pa.RecordBatch.from_pydict({
        "flow_id": pa.array(range(1, count + 1), pa.int64()), "first_frame": pa.array(range(1, count + 1), pa.int64()),
        "frame_count": pa.array([1] * count, pa.int32()), "frames": pa.array([b"\0"] * count, pa.binary()),
    })
