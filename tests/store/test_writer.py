"""What a run writes is there after its commit, at once, and not before."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from tapiary.config import StoreConfig
from tapiary.errors import InternalError
from tapiary.schema import FLOW_COLUMNS
from tapiary.store import Selection, Store, table_writer
from tests.store.rows import DAY_US, NOON_US, flows, packets


def files(store: Store) -> list[Path]:
    return sorted(p for p in store.folder.rglob("*.parquet") if "_delta_log" not in p.parts)


def test_rows_are_seen_after_the_commit_only(store: Store) -> None:
    with store.writer(1, 10) as run:
        run.write("flows", flows(3))
        run.write("packets", packets(5))
        assert store.query("SELECT count(*) FROM flows").fetchall() == [(0,)]
        written = run.commit()
    assert written.rows == {"flows": 3, "packets": 5}
    assert written.files == {"flows": 1, "packets": 1}
    sql = "SELECT run_id, job_id, day, count(*) AS n FROM flows GROUP BY ALL"
    (row,) = store.query(sql).dicts()
    assert (row["run_id"], row["job_id"], str(row["day"]), row["n"]) == (1, 10, "2023-11-14", 3)
    assert store.query("SELECT run_id, sum(frame_count) FROM packets GROUP BY 1").fetchall() == [(1, 5)]


def test_nothing_is_left_of_an_aborted_run(store: Store) -> None:
    with store.writer(1, 1) as run:
        run.write("flows", flows(3))
    with pytest.raises(ZeroDivisionError), store.writer(2, 1) as run:
        run.write("flows", flows(3))
        raise ZeroDivisionError
    assert files(store) == []
    assert store.size()["flows"]["rows"] == 0
    assert list((store.folder / "_writers").iterdir()) == []


def test_an_empty_run_commits_nothing(store: Store) -> None:
    with store.writer(1, 1) as run:
        assert run.commit().rows == {"flows": 0, "packets": 0}
    assert store.size()["flows"]["version"] == -1


def test_a_writer_is_used_once(store: Store) -> None:
    with store.writer(1, 1) as run:
        run.commit()
        with pytest.raises(InternalError):
            run.write("flows", flows(1))
        with pytest.raises(InternalError):
            run.commit()


def test_missing_and_unknown_columns(store: Store) -> None:
    batch = flows(1)
    with store.writer(1, 1) as run:
        run.write("flows", batch.drop_columns(["server_name", "client_country", "size_min"]))
        run.commit()
    assert store.query("SELECT server_name, client_country, size_min, label FROM flows").fetchall() == [
        (None, None, None, "TLS.Google")]
    for broken in (batch.drop_columns(["label"]), batch.append_column("odd", pa.array([1]))):
        with store.writer(2, 1) as run, pytest.raises(InternalError, match="column"):
            run.write("flows", broken)
            run.commit()
    assert store.size()["flows"]["rows"] == 1


def test_plain_and_dictionary_strings_mix(store: Store) -> None:
    batch = flows(2, label="A")
    place = batch.schema.get_field_index("label")
    other = flows(2, label="B")
    coded = other.set_column(place, "label", other.column("label").dictionary_encode().cast(
        pa.dictionary(pa.int16(), pa.string())))
    with store.writer(1, 1) as run:
        for one in (batch, coded, batch):
            run.write("flows", one)
        run.commit()
    assert store.query("SELECT label, count(*) FROM flows GROUP BY 1 ORDER BY 1").fetchall() == [("A", 4), ("B", 2)]


def test_days_are_partitions(store: Store) -> None:
    with store.writer(1, 1) as run:
        run.write("flows", flows(4, first_seen=[NOON_US, NOON_US + DAY_US, NOON_US, -1]))
        run.commit()
    got = store.query("SELECT CAST(day AS VARCHAR), count(*) FROM flows GROUP BY 1 ORDER BY 1").fetchall()
    assert got == [("1969-12-31", 1), ("2023-11-14", 2), ("2023-11-15", 1)]
    assert len(files(store)) == 3


def test_a_clock_gone_mad_makes_few_files(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_writer, "MOST_DAYS", 12)
    monkeypatch.setattr(table_writer, "WAITING_ROWS", 40)
    with store.writer(1, 1) as run:
        for start in range(0, 100, 20):
            run.write("flows", flows(20, first_seen=[DAY_US * (start + n) for n in range(20)]))
        run.commit()
    sql = "SELECT count(*), count(DISTINCT day), count(*) FILTER (day IS NULL), count(DISTINCT first_seen) FROM flows"
    (row,) = store.query(sql).fetchall()
    assert row == (100, 12, 88, 100)
    assert len(files(store)) < 30
    assert store.query("SELECT count(*) FROM flows WHERE day = DATE '1970-01-03'").fetchall() == [(1,)]


def test_a_big_run_rolls_over_to_further_files(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_writer, "GROUP_ROWS", 100)
    monkeypatch.setattr(table_writer, "FILE_BYTES", 1)
    with store.writer(1, 1) as run:
        for _ in range(5):
            run.write("flows", flows(60))
        written = run.commit()
    assert written.rows["flows"] == 300
    assert written.files["flows"] == 3


def test_the_log_says_what_is_in_the_files(store: Store) -> None:
    with store.writer(7, 70) as run:
        run.write("flows", flows(2, first_seen=[NOON_US, NOON_US + 5]))
        run.commit()
    log = (store.folder / "flows/_delta_log" / f"{1:020}.json").read_text().splitlines()
    add = next(json.loads(line)["add"] for line in log if "add" in json.loads(line))
    stats = json.loads(add["stats"])
    assert stats["numRecords"] == 2
    assert stats["minValues"] == {"run_id": 7, "job_id": 70, "flow_id": 1, "first_seen": "2023-11-14T12:00:00.000000Z",
                                  "last_seen": "2023-11-14T12:00:00.000000Z"}
    assert stats["maxValues"]["first_seen"] == "2023-11-14T12:00:00.000005Z"
    assert add["partitionValues"] == {"day": "2023-11-14"}
    (path,) = files(store)
    assert add["size"] == path.stat().st_size
    footer = pq.read_metadata(path)
    place = footer.schema.to_arrow_schema().get_field_index("client_ip")
    assert footer.row_group(0).column(place).statistics.has_min_max


def test_other_engines_read_the_tables(store: Store) -> None:
    for run_id in (1, 2):
        with store.writer(run_id, 1) as run:
            run.write("flows", flows(3))
            run.commit()
    table = DeltaTable(store.folder / "flows")
    frame = table.to_pandas()
    assert sorted(frame["run_id"]) == [1, 1, 1, 2, 2, 2]
    assert set(frame.columns) == {c.name for c in FLOW_COLUMNS} | {"day"}
    assert str(frame["first_seen"].dt.tz) == "UTC"
    assert table.delete("run_id = 1")["num_deleted_rows"] == 3
    assert store.query("SELECT DISTINCT run_id FROM flows").fetchall() == [(2,)]


def test_a_full_disk_is_told_to_the_caller(config: StoreConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(config)
    (store.folder / "flows").parent.mkdir(parents=True)
    (store.folder / "flows").write_text("in the way of the folder")
    with store.writer(1, 1) as run, pytest.raises(OSError, match="flows"):
        for _ in range(50):
            run.write("flows", flows(1))
        run.commit()


def test_selection_reads_only_files_that_can_hold_the_runs(store: Store) -> None:
    for run_id in range(1, 7):
        with store.writer(run_id, run_id) as run:
            run.write("flows", flows(run_id))
            run.commit()
    for path in files(store):  # what is not there cannot be read
        if not path.name.startswith(("3-", "5-")):
            path.unlink()
    rows = store.query("SELECT run_id, count(*) FROM flows GROUP BY 1 ORDER BY 1",
                       tables={"flows": Selection(runs=[3, 5])}).fetchall()
    assert rows == [(3, 3), (5, 5)]
    assert store.query("SELECT count(*) FROM flows", tables={"flows": Selection(runs=[])}).fetchall() == [(0,)]
    assert store.query("SELECT count(*) FROM flows", tables={"flows": Selection(runs=[99])}).fetchall() == [(0,)]
