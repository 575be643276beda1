"""Small files become few, rows come to their periods, nothing is lost on the way."""

from __future__ import annotations

import random
import threading
from collections import Counter
from contextlib import suppress

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from tapiary.config import StoreConfig
from tapiary.errors import Conflict
from tapiary.store import IndexField, IndexTable, Store
from tapiary.store.indexes import files, keeper, merging
from tapiary.store.indexes.keeper import tend
from tapiary.store.indexes.merging import FEW, MANY, merge
from tapiary.store.part import NO_VALUE
from tests.store.indexes.rows import DAY, FIELDS, NOON, ask, names, on_disk, partitions, rows


@pytest.fixture
def index(store: Store, monkeypatch: pytest.MonkeyPatch) -> IndexTable:
    """Without the thread that would merge between two steps of a test."""
    monkeypatch.setattr(keeper.Keeper, "notice", lambda *_: None)
    return store.index("events", FIELDS)


def fill(index: IndexTable, count: int) -> None:
    for n in range(count):
        index.append(rows(NOON + n, NOON - n, name=f"{n}"))


def test_many_small_files_become_one(store: Store, index: IndexTable) -> None:
    fill(index, MANY - 1)
    assert merge(index) == 0
    fill(index, 1)
    before = ask(store, index, "SELECT * FROM t ORDER BY ALL")
    assert merge(index) == MANY
    assert merge(index) == 0
    assert index.size()["files"] == 1
    assert ask(store, index, "SELECT * FROM t ORDER BY ALL") == before
    (path,) = index.log.snapshot().paths
    times = pq.read_table(index.log.folder / path, partitioning=None).column("timestamp").to_pylist()
    assert times == sorted(times)
    assert DeltaTable(index.log.folder).to_pyarrow_table().num_rows == 2 * MANY


def test_fields_that_this_process_does_not_know_are_kept(index: IndexTable, config: StoreConfig) -> None:
    other = Store(config)  # another process, in which a field was added
    wider = other.index("events", (*FIELDS, IndexField("note", "string")))
    wider.append(rows(NOON - 1).append_column("note", [["kept"]]))
    fill(index, MANY)
    for work in (lambda: merge(index), lambda: index.retain(NOON - DAY)):
        with suppress(Conflict):
            work()
    assert ask(other, wider, "SELECT note FROM t WHERE note IS NOT NULL") == [("kept",)]
    index.define((*FIELDS, IndexField("note", "string")), "daily")
    assert merge(index) > 0
    assert ask(other, wider, "SELECT note FROM t WHERE note IS NOT NULL") == [("kept",)]
    other.close()


def test_what_was_merged_is_merged_with_its_like_only(index: IndexTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "SIZES", (4, 16, 64))
    monkeypatch.setattr(merging, "MANY", 4)
    written = 0
    for n in range(64):
        index.append(rows(NOON + n, NOON - n))
        before = set(index.log.snapshot().paths)
        while merge(index):
            pass
        now = index.log.snapshot()
        written += sum(int(r) for p, r in zip(now.paths, now.rows, strict=True) if p not in before)
        assert len(now.paths) <= 9
    assert written <= 128 * 3
    assert index.size()["rows"] == 128


def test_scattered_rows_come_to_their_periods(
    store: Store, index: IndexTable, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(files, "OWN_FILE_ROWS", MANY - 1)
    for n in range(MANY):
        index.append(rows(NOON - n * 3 * DAY, NOON, NOON + DAY))
    assert partitions(index) == [NO_VALUE]
    before = ask(store, index, "SELECT * FROM t ORDER BY ALL")
    tend(index, quiet=True)
    assert ask(store, index, "SELECT * FROM t ORDER BY ALL") == before
    now = index.log.snapshot()
    held: Counter[str] = Counter()
    for path, count in zip(now.paths, now.rows, strict=True):
        held[path.split("/")[0].removeprefix("_part=")] += int(count)
    # The first rows have one of the days twice.
    assert held == {"2023-11-14": MANY + 1, "2023-11-15": MANY, NO_VALUE: MANY - 1}


def test_many_partitions_and_late_rows(store: Store, index: IndexTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "OWN_FILE_ROWS", 16)
    chance = random.Random(4)
    total = 0
    for _ in range(300):
        days = [NOON - chance.randrange(100) * DAY for _ in range(chance.randrange(1, 6))]
        index.append(rows(*days))
        total += len(days)
        tend(index)
    assert index.size()["files"] < 100 * FEW
    tend(index, quiet=True)
    assert max(Counter(path.split("/")[0] for path in index.log.snapshot().paths).values()) < 2 * FEW
    assert ask(store, index, "SELECT count(*) FROM t") == [(total,)]
    by_day = "SELECT timestamp // 86400000 AS d, count(*) FROM t GROUP BY 1 ORDER BY 1"
    assert sum(n for _, n in ask(store, index, by_day)) == total
    found = ask(store, index, "SELECT count(*) FROM t", start_ms=NOON - 40 * DAY, end_ms=NOON - 39 * DAY)
    assert found == [tuple(n for d, n in ask(store, index, by_day) if d == NOON // DAY - 40)]


def test_files_from_before_a_field_was_added_are_merged(store: Store, index: IndexTable) -> None:
    fill(index, 3)
    store.index("events", [*FIELDS, IndexField("tags", "set")])
    index.append(rows(NOON).append_column("tags", [[["a"]]]))
    assert tend(index, quiet=True) == 4
    assert ask(store, index, "SELECT tags, count(*) FROM t GROUP BY 1 ORDER BY 2") == [(["a"], 1), (None, 6)]


def test_removed_files_stay_for_queries_that_began(store: Store, index: IndexTable) -> None:
    fill(index, MANY)
    running = store.query("SELECT count(*) FROM t", tables={"t": index.select()})
    tend(index)
    assert len(on_disk(index)) == MANY + 1
    assert running.fetchall() == [(2 * MANY,)]
    assert index.delete_removed(3600) == 0
    assert index.delete_removed(0) == MANY
    assert [str(p.relative_to(index.log.folder)) for p in on_disk(index)] == index.log.snapshot().paths


def test_a_merge_that_fails_leaves_nothing(index: IndexTable, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(index, MANY)
    before = on_disk(index)

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(files.PartWriter, "write", full)
        with pytest.raises(OSError, match="space"):
            merge(index)
    assert on_disk(index) == before
    assert merge(index) == MANY


def test_retention_by_age(store: Store, index: IndexTable) -> None:
    for day in range(4):
        index.append(rows(NOON + day * DAY, NOON + day * DAY + 1, name=f"{day}"))
    assert index.retain(older_than_ms=NOON + 2 * DAY + 1) == 4
    assert names(store, index) == {"2": 2, "3": 2}
    assert index.retain(older_than_ms=NOON + 2 * DAY + 1) == 0
    assert index.retain() == 0


def test_retention_takes_old_rows_out_of_files_of_many_periods(
    store: Store, index: IndexTable, monkeypatch: pytest.MonkeyPatch,
) -> None:
    index.append(rows(*(NOON + n * DAY for n in range(-30, 30))))
    assert partitions(index) == [NO_VALUE]
    assert index.retain(older_than_ms=NOON) == 30
    assert ask(store, index, "SELECT count(*), min(timestamp) FROM t") == [(30, NOON)]


def test_retention_by_size(store: Store, index: IndexTable) -> None:
    for day in (2, 0, 1):
        index.append(rows(NOON + day * DAY, name=f"{day}"))
    one = index.size()["bytes"] // 3
    assert index.retain(max_bytes=2 * one + 50) == 1
    assert names(store, index) == {"1": 1, "2": 1}
    assert index.retain(max_bytes=0) == 2
    assert index.size()["files"] == 0


def test_upkeep_of_the_store_includes_its_indexes(store: Store, index: IndexTable, config: StoreConfig) -> None:
    fill(index, 8)
    assert store.compact() == 8
    assert store.vacuum(retention_hours=0) == 8
    fill(index, 2)
    orphan = on_disk(index)[0].with_name("index-0123456789ab-7.parquet")
    orphan.write_bytes(b"PAR1 torn")
    assert store.sweep(set()) == {"files": 1, "rows": 0}
    assert len(on_disk(index)) == 3
    assert ask(store, index, "SELECT count(*) FROM t") == [(20,)]


def test_upkeep_includes_indexes_that_nobody_has_asked_for(
    store: Store, index: IndexTable, config: StoreConfig,
) -> None:
    fill(index, 8)
    store.compact()
    left = index.log.folder.with_name("_dropped-1")
    left.mkdir()
    index.log.folder.joinpath("_part=2023-11-14/index-0123456789ab-7.parquet").write_bytes(b"PAR1 torn")
    store.close()
    other = Store(config)
    assert other.sweep(set()) == {"files": 1, "rows": 0}
    assert not left.exists()
    assert other.vacuum() == 0
    assert other.vacuum(retention_hours=0) == 8
    assert len(on_disk(index)) == 1
    assert names(other, other.index("events", FIELDS)) == {f"{n}": 2 for n in range(8)}
    other.close()


def test_rows_that_come_in_while_files_are_merged(store: Store, config: StoreConfig) -> None:
    index = store.index("busy", FIELDS)
    other = Store(config)  # as another process: its own thread merges the same files
    second = other.index("busy", FIELDS)
    committed: list[int] = []

    def work(table: IndexTable, number: int) -> None:
        for turn in range(40):
            table.append(rows(NOON + turn, NOON - turn * DAY, NOON, name=f"{number}"), request=f"{number}-{turn}")
            committed.append(3)

    threads = [threading.Thread(target=work, args=(index if n % 2 else second, n)) for n in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        at_least = sum(committed)
        assert ask(store, index, "SELECT count(*) FROM t")[0][0] >= at_least
        assert ask(other, second, "SELECT count(*) % 3 FROM t") == [(0,)]
    other.compact()
    assert names(store, index) == {f"{n}": 120 for n in range(8)}
    assert index.size()["files"] < MANY
    other.close()


def test_the_log_stays_short(store: Store, config: StoreConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "CHECKPOINT_ENTRIES", 10)
    monkeypatch.setattr(keeper, "CLEANED_ENTRIES", 20)
    monkeypatch.setattr(keeper, "ENTRY_KEPT_S", 0.0)
    monkeypatch.setattr(keeper.Keeper, "notice", lambda *_: None)
    index = store.index("events", FIELDS)
    other = Store(config)
    late = other.index("events", FIELDS)
    for n in range(95):
        index.append(rows(NOON + n), request=f"{n}")
        tend(index)
        if n == 5:
            assert ask(other, late, "SELECT count(*) FROM t") == [(6,)]
    assert len(list(index.log.log_folder.iterdir())) < 50
    assert ask(other, late, "SELECT count(*) FROM t") == [(95,)]  # though what it had read last is gone
    assert late.append(rows(NOON), request="3") == index.append(rows(NOON), request="3") == 4
    assert late.append(rows(NOON), request="94") == index.append(rows(NOON), request="94")
    fresh = Store(config)
    assert fresh.index("events", FIELDS).append(rows(NOON), request="50") < 60
    assert ask(fresh, fresh.index("events", FIELDS), "SELECT count(*) FROM t") == [(95,)]
    assert DeltaTable(index.log.folder).to_pyarrow_table().num_rows == 95
    fresh.close()
    other.close()


def test_the_thread_ends(store: Store) -> None:
    before = set(threading.enumerate())
    for _ in range(2):
        store.index("events", FIELDS).append(rows(NOON))
        assert [t.name for t in set(threading.enumerate()) - before] == ["index-keeper"]
        store.close()
        assert set(threading.enumerate()) <= before
