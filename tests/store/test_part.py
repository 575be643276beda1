"""One file, and what the log says about it."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tapiary.schema import arrow_schema
from tapiary.store.part import NO_VALUE, PartWriter, day_of
from tapiary.store.tables import TABLES
from tests.store.rows import NOON_US, flows

FLOWS = TABLES["flows"]


def batch(*first_seen: int) -> pa.RecordBatch:
    given = flows(len(first_seen), first_seen=list(first_seen), last_seen=list(first_seen))
    columns = [given.column(f.name).cast(f.type) if f.name not in ("run_id", "job_id")
               else pa.array([5] * len(first_seen), pa.int64()) for f in FLOWS.stored]
    return pa.RecordBatch.from_arrays(columns, schema=FLOWS.stored)


def test_days_outside_of_the_calendar_have_no_name() -> None:
    assert day_of(0) == date(1970, 1, 1)
    assert day_of(-719_162) == date(1, 1, 1)
    assert day_of(2_932_896) == date(9999, 12, 31)
    assert day_of(-719_163) is None
    assert day_of(2_932_897) is None
    assert day_of(10**12) is None


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_a_file_reads_as_the_schema_says(tmp_path: Path, compression: str) -> None:
    writer = PartWriter(FLOWS, tmp_path, "a.parquet", date(2023, 11, 14), compression)
    writer.write(batch(NOON_US, NOON_US + 1))
    writer.write(batch(NOON_US - 1))
    part = writer.close()
    assert part.path == "day=2023-11-14/a.parquet"
    assert part.partition == {"day": "2023-11-14"}
    file = pq.ParquetFile(tmp_path / part.path)
    assert (file.metadata.num_rows, file.num_row_groups, part.rows) == (3, 2, 3)
    assert part.size == (tmp_path / part.path).stat().st_size
    found = {f.name: f.type for f in file.schema_arrow}
    assert found == {f.name: f.type for f in arrow_schema()}
    stats = json.loads(part.stats())
    assert stats["minValues"]["first_seen"] == "2023-11-14T11:59:59.999999Z"
    assert stats["maxValues"]["first_seen"] == "2023-11-14T12:00:00.000001Z"
    assert stats["nullCount"] == dict.fromkeys(FLOWS.in_log, 0)


def test_times_outside_of_the_calendar_have_no_bounds(tmp_path: Path) -> None:
    writer = PartWriter(FLOWS, tmp_path, "a.parquet")
    writer.write(batch(NOON_US, 2**62))
    part = writer.close()
    assert part.path == f"day={NO_VALUE}/a.parquet"
    assert set(part.minima) == {"run_id", "job_id", "flow_id"}
    early = PartWriter(FLOWS, tmp_path, "b.parquet", date(7, 1, 1))
    early.write(batch(-61_940_000_000_000_000))
    assert early.close().minima["first_seen"].startswith("0007-03")


def test_a_discarded_file_is_gone(tmp_path: Path) -> None:
    writer = PartWriter(FLOWS, tmp_path, "a.parquet", date(2023, 11, 14))
    writer.write(batch(NOON_US))
    writer.discard()
    assert not list(tmp_path.rglob("*.parquet"))


def test_every_column_has_its_place() -> None:
    for table in TABLES.values():
        assert set(table.in_log) <= {c.name for c in table.columns}
        options = table.parquet_options("lz4")
        assert not set(options["use_dictionary"]) & {name.split(".")[0] for name in options["column_encoding"]}
        assert set(table.duckdb_types) == set(table.declared.names)
