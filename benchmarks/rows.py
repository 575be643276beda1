"""Rows of events as sensors send them, the same for every database: made once, by a fixed seed."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator

#: 2026-11-01 00:00 UTC, in milliseconds.
START_MS = 1_793_491_200_000
HOUR_MS = 3_600_000
#: Names and Sycope's types of the fields; PostgreSQL's and DuckDB's columns of the same.
FIELDS = (
    ("timestamp", "long"), ("src", "ip4"), ("dst", "ip4"), ("port", "int"), ("label", "string"), ("host", "string"),
    ("bytes", "long"), ("score", "double"), ("blocked", "boolean"),
)
NUMBERS = ("int", "long", "double")
POSTGRESQL = ("bigint", "inet", "inet", "integer", "text", "text", "bigint", "double precision", "boolean")
DUCKDB = ("BIGINT", "VARCHAR", "VARCHAR", "INTEGER", "VARCHAR", "VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN")
LABELS = tuple(f"{master}.{name}" for master in ("TLS", "QUIC", "HTTP", "DNS") for name in (
    "Google", "Microsoft", "Apple", "Amazon", "Cloudflare", "Netflix", "Facebook", "GitHub", "Debian", "Unknown"))
NAMES = tuple(name for name, _ in FIELDS)


def table(rows: int, seed: int = 1) -> pa.Table:
    """So many rows, spread evenly over a day in the order of time; a few addresses send most of them."""
    chance = np.random.default_rng(seed)
    sources = pa.array([str(ipaddress.IPv4Address(0x0A000000 + i)) for i in range(50_000)])
    servers = pa.array([str(ipaddress.IPv4Address(0xC6336400 + i)) for i in range(2_000)])
    hosts = pa.array([f"host-{i}.example.net" for i in range(10_000)])

    def often(values: pa.Array) -> pa.Array:
        return values.take(pa.array((len(values) * chance.random(rows) ** 3).astype(np.int32)))

    ports = np.array([443, 80, 53, 22, 123, 8080, 25, 993], dtype=np.int32)
    return pa.table({
        "timestamp": np.linspace(START_MS, START_MS + 24 * HOUR_MS - 1, rows).astype(np.int64),
        "src": often(sources), "dst": often(servers), "port": ports[(8 * chance.random(rows) ** 2).astype(int)],
        "label": often(pa.array(LABELS)), "host": often(hosts),
        "bytes": chance.lognormal(7, 2, rows).astype(np.int64), "score": np.round(chance.random(rows), 6),
        "blocked": chance.random(rows) < 0.03,
    })


def lists(part: pa.Table) -> list[list[Any]]:
    """Rows as JSON has them."""
    return [list(row) for row in zip(*(column.to_pylist() for column in part.columns), strict=True)]


def parts(whole: pa.Table, rows: int) -> Iterator[pa.Table]:
    """The table in pieces of so many rows."""
    for start in range(0, whole.num_rows, rows):
        yield whole.slice(start, rows)
