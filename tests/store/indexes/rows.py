"""Rows of an index, and what a test asks of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from tapiary.store import IndexField, IndexTable, Store

#: Noon of 14 November 2023 UTC, a Tuesday.
NOON = 1_699_963_200_000
DAY = 86_400_000
FIELDS = (IndexField("timestamp", "long"), IndexField("name", "string"), IndexField("number", "long"))


def rows(*timestamps: int, name: str = "x") -> pa.Table:
    """A row for each moment, numbered from 0."""
    count = len(timestamps)
    return pa.table({
        "timestamp": pa.array(timestamps, pa.int64()), "name": [name] * count,
        "number": pa.array(range(count), pa.int64()),
    })


def ask(store: Store, index: IndexTable, sql: str, **bounds: int) -> list[tuple[Any, ...]]:
    """What a query over the rows of the index, as `t`, answers."""
    return store.query(sql, tables={"t": index.select(**bounds)}).fetchall()


def names(store: Store, index: IndexTable) -> dict[str, int]:
    """How many rows have which name."""
    return dict(ask(store, index, "SELECT name, count(*) FROM t GROUP BY 1 ORDER BY 1"))


def on_disk(index: IndexTable) -> list[Path]:
    """All data files, named by the log or not."""
    return sorted(p for p in index.log.folder.rglob("*.parquet") if "_delta_log" not in p.parts)


def partitions(index: IndexTable) -> Sequence[str]:
    """The partitions that have files in the log."""
    return sorted({path.split("/")[0].removeprefix("_part=") for path in index.log.snapshot().paths})
