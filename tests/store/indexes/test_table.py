"""Rows into an index and out again: all or none, once, in columns that grow in number."""

from __future__ import annotations

import json
import resource
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from tapiary.config import StoreConfig
from tapiary.errors import Conflict, InternalError, InvalidInput, NotFound, Unavailable
from tapiary.store import IndexField, IndexTable, Store, entries
from tapiary.store.indexes import files, keeper
from tapiary.store.indexes import table as table_module
from tapiary.store.part import Part
from tests.store.indexes.rows import DAY, FIELDS, NOON, ask, names, on_disk, rows


def test_rows_are_readable_when_append_returns(store: Store, index: IndexTable) -> None:
    assert ask(store, index, "SELECT * FROM t") == []
    assert index.append(rows(NOON + 1, NOON)) == 1
    assert ask(store, index, "SELECT * FROM t") == [(NOON, "x", 1), (NOON + 1, "x", 0)]
    assert index.size() == {"files": 1, "rows": 2, "bytes": on_disk(index)[0].stat().st_size, "version": 1,
                            "first_ms": NOON, "last_ms": NOON + 1}


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file grows beyond so many bytes, as on a disk that is full."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


@pytest.mark.parametrize("size", [0, 100])
def test_a_full_disk_takes_nothing_and_keeps_nothing(store: Store, index: IndexTable, size: int) -> None:
    index.append(rows(NOON))
    before = on_disk(index)
    with pytest.raises(OSError, match="large"), room_for(size):
        index.append(rows(NOON), request="a")
    assert on_disk(index) == before
    index.append(rows(NOON, NOON + 1), request="a")
    assert names(store, index) == {"x": 3}


def test_an_index_that_goes_under_a_commit(store: Store, index: IndexTable, monkeypatch: pytest.MonkeyPatch) -> None:
    index.append(rows(NOON))
    usual = files.write

    def late(*args: Any) -> list[Part]:
        store.drop_index(index.key)
        return usual(*args)

    monkeypatch.setattr(files, "write", late)
    with pytest.raises(NotFound, match="was deleted"):
        index.append(rows(NOON))


def test_callers_at_the_same_time_share_commits(store: Store, index: IndexTable) -> None:
    versions: list[int] = []

    def work(number: int) -> None:
        versions.extend(index.append(rows(NOON, NOON + 1, name=f"{number}-{turn}")) for turn in range(10))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names(store, index) == {f"{n}-{t}": 2 for n in range(16) for t in range(10)}
    assert max(Counter(versions).values()) > 4
    assert len(set(versions)) < 80


def test_a_request_is_committed_once(store: Store, index: IndexTable, config: StoreConfig) -> None:
    first = index.append(rows(NOON), request="a")
    assert index.append(rows(NOON), request="b") == first + 1
    assert index.append(rows(NOON, NOON), request="a") == first
    other = Store(config)  # as after a restart, and as in another process
    again = other.index("events", FIELDS)
    assert again.append(rows(NOON), request="a") == first
    assert again.append(rows(NOON), request="c") == first + 2
    assert index.append(rows(NOON), request="c") == first + 2
    assert ask(store, index, "SELECT count(*) FROM t") == [(3,)]
    other.close()


def test_values_and_tables_share_a_commit(
    store: Store, index: IndexTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tapiary.store.indexes.group.GATHERING_S", 5.0)
    index._group._last = 4  # so many are waited for
    answers: list[int] = []
    calls = [
        lambda: index.append_values({"timestamp": [NOON, NOON + 1], "number": [1, None]}, 2),
        lambda: index.append_values({"timestamp": [NOON + 2], "name": ["é"]}, 1, request="k"),
        lambda: index.append_values({"timestamp": [NOON + 2], "name": ["é"]}, 1, request="k"),
        lambda: index.append(rows(NOON + 3)),
    ]
    threads = [threading.Thread(target=lambda call=call: answers.append(call())) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(answers)) == 1
    assert ask(store, index, "SELECT timestamp, name, number FROM t ORDER BY timestamp, number") == [
        (NOON, None, 1), (NOON + 1, None, None), (NOON + 2, "é", None), (NOON + 3, "x", 0)]
    with pytest.raises(InternalError, match="does not have"):
        index.append_values({"timestamp": [NOON], "other": [1]}, 1)


def test_a_request_that_comes_twice_at_once(store: Store, index: IndexTable) -> None:
    versions: list[int] = []

    def work() -> None:
        versions.extend(index.append(rows(NOON, name=f"{turn}"), request=f"{turn}") for turn in range(20))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names(store, index) == {f"{turn}": 1 for turn in range(20)}
    assert len(versions) == 160


def test_many_rows_are_one_commit(store: Store, index: IndexTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_module, "FILE_ROWS", 60_000)
    batches = [rows(*range(NOON + n * 50_000, NOON + (n + 1) * 50_000)).to_batches()[0] for n in range(3)]
    assert index.append(iter(batches), request="upload") == 1
    assert ask(store, index, "SELECT count(*), min(timestamp), max(timestamp) FROM t") == [
        (150_000, NOON, NOON + 149_999)]
    assert index.size()["files"] == 2
    assert index.append(pa.Table.from_batches(batches), request="upload") == 1
    assert len(on_disk(index)) == 2


def test_an_upload_that_breaks_leaves_nothing(store: Store, index: IndexTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_module, "FILE_ROWS", 10)

    def broken() -> object:
        yield rows(*range(NOON, NOON + 20)).to_batches()[0]
        raise ValueError("the client went away")

    with pytest.raises(ValueError, match="went away"):
        index.append(broken())  # type: ignore[arg-type]
    assert on_disk(index) == []
    assert index.size()["rows"] == 0


def test_fields_are_added(store: Store, index: IndexTable) -> None:
    index.append(rows(NOON))
    grown = store.index("events", [*FIELDS, IndexField("tags", "set"), IndexField("mac", "mac")])
    assert grown is index
    assert ask(store, index, "SELECT * FROM t") == [(NOON, "x", 0, None, None)]
    index.append(rows(NOON + 1).append_column("tags", [[["a", None, "b"]]]))
    assert ask(store, index, "SELECT tags, mac FROM t ORDER BY timestamp") == [(None, None), (["a", None, "b"], None)]
    schema = DeltaTable(index.log.folder).schema()
    assert {f.name for f in schema.fields} == {"timestamp", "name", "number", "tags", "mac", "_part"}
    with pytest.raises(Conflict, match="number"):
        index.define([IndexField("timestamp", "long"), IndexField("number", "string")], "daily")


def test_a_store_that_knows_fewer_fields_writes_on(store: Store, index: IndexTable, config: StoreConfig) -> None:
    index.append(rows(NOON))
    other = Store(config)
    grown = other.index("events", [*FIELDS, IndexField("more", "double")])
    grown.append(rows(NOON + 1).append_column("more", pa.array([0.5])))
    index.append(rows(NOON + 2))
    assert ask(other, grown, "SELECT more FROM t ORDER BY timestamp") == [(None,), (0.5,), (None,)]
    other.close()


@pytest.mark.parametrize(("field", "error"), [
    (IndexField("Name", "long"), InvalidInput), (IndexField("a b", "long"), InvalidInput),
    (IndexField("", "long"), InvalidInput), (IndexField("_part", "long"), InvalidInput),
    (IndexField("a", "text"), InternalError),
])
def test_fields_that_cannot_be(store: Store, field: IndexField, error: type[Exception]) -> None:
    with pytest.raises(error):
        store.index("other", [*FIELDS, field])


def test_an_index_needs_a_timestamp_and_a_key_that_names_a_folder(store: Store) -> None:
    with pytest.raises(InternalError, match="timestamp"):
        store.index("other", FIELDS[1:])
    for key in ("../flows", "", "a/b", "_dropped-1", "."):
        with pytest.raises(InternalError, match="key"):
            store.index(key, FIELDS)
    assert store.index_keys() == []


def test_rows_that_do_not_fit(store: Store, index: IndexTable) -> None:
    with pytest.raises(InvalidInput, match="timestamp"):
        index.append(pa.table({"timestamp": pa.array([NOON, None], pa.int64())}))
    with pytest.raises(InternalError, match="columns"):
        index.append(rows(NOON).append_column("other", [[1]]))
    with pytest.raises(pa.ArrowInvalid):
        index.append(rows(NOON).set_column(2, "number", [["seven"]]))
    assert index.append(pa.table({"timestamp": pa.array([], pa.int64())})) == 0
    assert index.append(pa.table({"timestamp": [NOON]})) == 1
    assert ask(store, index, "SELECT * FROM t") == [(NOON, None, None)]


def test_a_dropped_index_takes_no_rows(store: Store, index: IndexTable, config: StoreConfig) -> None:
    index.append(rows(NOON))
    other = Store(config).index("events", FIELDS)
    other.append(rows(NOON))
    assert store.index_keys() == ["events"]
    store.drop_index("events")
    store.drop_index("events")
    assert store.index_keys() == []
    assert not index.log.folder.exists()
    for table in (index, other):
        with pytest.raises(NotFound, match="deleted"):
            table.append(rows(NOON))
    assert not index.log.folder.exists()


def test_an_index_is_dropped_under_a_query(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper.Keeper, "notice", lambda *_: None)  # it would merge the files
    index = store.index("events", FIELDS)
    for n in range(60):  # more than is read ahead
        index.append(rows(*range(NOON + n * 10_000, NOON + (n + 1) * 10_000)))
    begun, reading = (store.query("SELECT * FROM t", tables={"t": index.select()}) for _ in range(2))
    reader = reading.arrow_reader(1000)
    reader.read_next_batch()
    chosen = index.select()
    store.drop_index("events")
    with pytest.raises(Unavailable, match="deleted while"):
        begun.fetchall()
    with pytest.raises((Unavailable, OSError), match="deleted while"):
        for _ in reader:
            pass
    with pytest.raises(NotFound, match="deleted"):
        store.query("SELECT * FROM t", tables={"t": chosen})
    assert ask(store, store.index("events", FIELDS), "SELECT * FROM t") == []


def test_what_a_failed_commit_leaves(store: Store, index: IndexTable, monkeypatch: pytest.MonkeyPatch) -> None:
    index.append(rows(NOON))

    def refuse(*_: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(entries.os, "link", refuse)
        with pytest.raises(OSError, match="space"):
            index.append(rows(NOON, name="early"), request="a")
    assert len(on_disk(index)) == 1
    with monkeypatch.context() as patched:
        patched.setattr(entries, "sync_folder", refuse)
        with pytest.raises(OSError, match="space"):
            index.append(rows(NOON, name="late"), request="b")
    assert len(on_disk(index)) == 2
    index.append(rows(NOON, name="early"), request="a")
    index.append(rows(NOON, name="late"), request="b")  # the client does not know, and asks again
    assert names(store, index) == {"x": 1, "early": 1, "late": 1}


def test_a_query_reads_what_can_hold_its_range(store: Store, index: IndexTable) -> None:
    for day in range(5):
        index.append(rows(NOON + day * DAY, NOON + day * DAY + 5))
    for path in on_disk(index)[:3]:  # what is not there cannot be read
        path.unlink()
    assert ask(store, index, "SELECT count(*) FROM t", start_ms=NOON + 3 * DAY) == [(4,)]
    assert ask(store, index, "SELECT timestamp FROM t", start_ms=NOON + 3 * DAY + 1, end_ms=NOON + 4 * DAY + 1) == [
        (NOON + 3 * DAY + 5,), (NOON + 4 * DAY,)]
    assert ask(store, index, "SELECT count(*) FROM t", start_ms=NOON + 9 * DAY) == [(0,)]


def test_the_log_tells_other_engines(index: IndexTable) -> None:
    index.append(rows(NOON, NOON + 5))
    (add,) = pa.table(DeltaTable(index.log.folder).get_add_actions(flatten=True)).to_pylist()
    assert (add["min.timestamp"], add["max.timestamp"], add["num_records"]) == (NOON, NOON + 5, 2)
    assert str(add["partition._part"]) == "2023-11-14"
    assert DeltaTable(index.log.folder).to_pyarrow_table().num_rows == 2
    entry = json.loads(entries.path_of(index.log.log_folder, 1).read_text().splitlines()[0])
    assert entry["commitInfo"]["engineInfo"] == "tapiary"
    (path,) = on_disk(index)
    assert pq.read_metadata(path).num_rows == 2
