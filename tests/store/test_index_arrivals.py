"""What has come into an index since a version: appended rows, and nothing that was only rearranged."""

from __future__ import annotations

import pyarrow as pa

from tapiary.config import StoreConfig
from tapiary.store import IndexField, Store

FIELDS = (IndexField("timestamp", "long"), IndexField("n", "int"))


def rows(*timestamps: int) -> pa.Table:
    return pa.table({"timestamp": pa.array(timestamps, pa.int64()), "n": pa.array(timestamps, pa.int32())})


def test_what_came_since_a_version(store: Store) -> None:
    table = store.index("a", FIELDS)
    assert table.arrived(None)[1] == []
    table.append(rows(1000, 3000))
    first, times = table.arrived(None)
    assert times == []
    assert table.arrived(first) == (first, [])
    table.append(rows(500))
    table.append(rows(9000, 8000))
    newest, times = table.arrived(first)
    assert times is not None
    assert (newest, sorted(times)) == (first + 2, [(500, 500), (8000, 9000)])
    assert table.arrived(newest) == (newest, [])


def test_rows_that_are_rearranged_or_go_are_not_new(store: Store) -> None:
    table = store.index("a", FIELDS)
    for second in range(40):
        table.append(rows(second * 1000))
    version = table.arrived(None)[0]
    assert store.compact(least_files=2) > 0
    assert table.retain(older_than_ms=50_000) == 40
    newest, times = table.arrived(version)
    assert (newest > version, times) == (True, [])


def test_another_process_sees_the_same(store: Store, config: StoreConfig) -> None:
    table = store.index("a", FIELDS)
    table.append(rows(1))
    version = table.arrived(None)[0]
    other = Store(config)
    try:
        other.index("a", FIELDS).append(rows(7))
        assert table.arrived(version) == (version + 1, [(7, 7)])
    finally:
        other.close()


def test_what_the_log_has_forgotten_is_not_known(store: Store) -> None:
    table = store.index("a", FIELDS)
    for second in range(3):
        table.append(rows(second * 1000))
    version = table.arrived(None)[0]
    next(table.log.log_folder.glob(f"{version - 1:020}.json")).unlink()
    assert table.arrived(version - 2) == (version, None)
    assert table.arrived(version - 1) == (version, [(2000, 2000)])
