"""SQL over the tables: values, streams, limits of what it may touch."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tapiary.config import StoreConfig
from tapiary.errors import InternalError
from tapiary.schema import FLOW_COLUMNS, address_bytes, network_range
from tapiary.store import Selection, Store
from tests.store.rows import NOON_US, flows, packets


@pytest.fixture
def filled(store: Store) -> Store:
    for run_id in (1, 2):
        with store.writer(run_id, run_id * 10) as run:
            run.write("flows", flows(5, client_ip=[address_bytes(f"10.0.{run_id}.{n}") for n in range(5)]))
            run.write("packets", packets(5))
            run.commit()
    return store


def test_an_empty_store_answers_with_the_right_types(store: Store) -> None:
    reader = store.query("SELECT * FROM flows").arrow_reader()
    assert reader.schema.names == [c.name for c in FLOW_COLUMNS] + ["day"]
    assert reader.schema.field("first_seen").type == pa.timestamp("us", tz="Etc/UTC")
    assert reader.schema.field("packet_sizes").type.value_type == pa.int32()
    assert store.query("SELECT count(*) FROM packets").fetchall() == [(0,)]


def test_parameters_and_addresses(filled: Store) -> None:
    low, high = network_range("10.0.1.0/30")
    sql = "SELECT count(*) FROM flows WHERE client_ip BETWEEN ? AND ?"
    assert filled.query(sql, [low, high]).fetchall() == [(4,)]
    sql = "SELECT run_id FROM flows WHERE client_ip = $ip"
    assert filled.query(sql, {"ip": address_bytes("10.0.2.3")}).fetchall() == [(2,)]


def test_times_are_aware(filled: Store) -> None:
    ((seen,),) = filled.query("SELECT DISTINCT first_seen FROM flows").fetchall()
    assert seen == datetime(2023, 11, 14, 12, tzinfo=UTC)
    assert filled.query("SELECT DISTINCT epoch_us(first_seen) FROM flows").fetchall() == [(NOON_US,)]


def test_tables_can_be_joined_under_other_names(filled: Store) -> None:
    sql = "SELECT count(*) FROM a JOIN p USING (run_id, flow_id)"
    assert filled.query(sql, tables={"a": Selection(runs=[1]), "p": Selection("packets")}).fetchall() == [(5,)]


def test_columns_of_a_selection(filled: Store) -> None:
    rows = filled.query("SELECT * FROM flows", tables={"flows": Selection(runs=[1], columns=["flow_id", "label"])})
    assert rows.columns == ["flow_id", "label"]
    assert len(rows.fetchall()) == 5
    with pytest.raises(InternalError):
        filled.query("SELECT 1", tables={"flows": Selection(columns=["nonsense"])})


def test_a_stream_is_read_in_batches_while_other_queries_run(filled: Store) -> None:
    reader = filled.query("SELECT range AS n FROM range(200000)").arrow_reader(1000)
    first = reader.read_next_batch()
    assert 0 < first.num_rows <= 2048
    assert filled.query("SELECT count(*) FROM flows").fetchall() == [(10,)]
    assert first.num_rows + sum(b.num_rows for b in reader) == 200_000


def test_iteration_and_context(filled: Store) -> None:
    with filled.query("SELECT flow_id FROM flows ORDER BY run_id, flow_id") as rows:
        assert next(iter(rows)) == (1,)
    assert [n for (n,) in filled.query("SELECT flow_id FROM flows WHERE run_id = 1 ORDER BY 1")] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("sql", [
    "SELECT * FROM read_csv('/etc/passwd')", "COPY (SELECT 1) TO '/tmp/tapiary-evil'", "ATTACH '/tmp/tapiary-evil.db'",
    "SET memory_limit = '90GB'", "INSTALL httpfs", "LOAD httpfs", "SELECT * FROM '/etc/hosts'",
    "SELECT * FROM read_parquet('https://example.org/x.parquet')", "SELECT * FROM glob('/etc/*')",
])
def test_sql_reaches_nothing_but_the_tables(filled: Store, sql: str) -> None:
    with pytest.raises((duckdb.Error, InternalError)):
        filled.query(sql).fetchall()


def test_many_threads_at_once(filled: Store) -> None:
    wrong: list[object] = []

    def ask(run_id: int) -> None:
        for _ in range(20):
            chosen = {"flows": Selection(runs=[run_id])}
            got = filled.query("SELECT run_id, count(*) FROM flows GROUP BY 1", tables=chosen).fetchall()
            if got != [(run_id, 5)]:
                wrong.append(got)

    threads = [threading.Thread(target=ask, args=(n % 2 + 1,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_new_commit_is_seen_by_other_stores(filled: Store, config: StoreConfig) -> None:
    other = Store(config)
    assert other.query("SELECT count(*) FROM flows").fetchall() == [(10,)]
    with filled.writer(3, 3) as run:
        run.write("flows", flows(1))
        run.commit()
    assert other.query("SELECT count(*) FROM flows").fetchall() == [(11,)]
    other.close()


def test_an_unchanged_table_is_not_read_again(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    filled.query("SELECT 1 FROM flows LIMIT 1").fetchall()
    log = filled._logs["flows"]
    before = log.snapshot()
    monkeypatch.setattr(log, "_load", lambda: pytest.fail("the log was read again"))
    assert log.snapshot() is before


def test_results_beyond_memory_go_to_the_disk(tmp_path: Path) -> None:
    store = Store(StoreConfig(path=str(tmp_path), memory_limit="150MB", threads=1))
    sql = "SELECT sum(a) FROM (SELECT hash(range) AS a, repeat('x', 100) AS b FROM range(2000000) ORDER BY a, b)"
    assert len(store.query(sql).fetchall()) == 1
    store.close()
    assert not any((tmp_path / "_tmp").iterdir())


_INTEGERS = {"int16": 15, "int32": 31, "int64": 63, "mac": 63}


def values_of(kind: str) -> st.SearchStrategy[object]:
    if kind in _INTEGERS:
        bits = _INTEGERS[kind]
        return st.sampled_from([-(2**bits), -1, 0, 1, 2**bits - 1]) | st.integers(-(2**bits), 2**bits - 1)
    return {
        "float64": st.floats(allow_nan=False), "bool": st.booleans(),
        "string": st.text(st.characters(codec="utf-8"), max_size=60) | st.just("\0"), "binary": st.binary(max_size=40),
        "address": st.binary(min_size=16, max_size=16),
        # DuckDB keeps the two largest values and the smallest for infinity and missing
        "timestamp": st.integers(-(2**63) + 2 * 86_400_000_000, 2**63 - 2 * 86_400_000_000),
        "list<int32>": st.lists(values_of("int32"), max_size=40) if kind.startswith("list") else st.nothing(),
    }[kind]


@st.composite
def flow_rows(draw: st.DrawFn) -> dict[str, list[object]]:
    count = draw(st.integers(1, 6))
    rows: dict[str, list[object]] = {}
    for column in FLOW_COLUMNS:
        if column.name in ("run_id", "job_id"):
            continue
        cell = values_of(column.type)
        if column.nullable or column.group != "core":
            cell = st.none() | cell
        few = draw(st.lists(cell, min_size=1, max_size=2))
        rows[column.name] = [few[n % len(few)] for n in range(count)]
    rows["flow_id"] = list(range(count))
    return rows


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=flow_rows())
def test_extreme_values_of_every_type_come_back(
    tmp_path_factory: pytest.TempPathFactory, rows: dict[str, list[object]],
) -> None:
    store = Store(StoreConfig(path=str(tmp_path_factory.mktemp("tables")), memory_limit="300MB", threads=1))
    count = len(rows["flow_id"])
    batch = flows(count, **rows)
    with store.writer(2**62, 2**62) as run:
        run.write("flows", batch)
        run.commit()
    got = store.query("SELECT * EXCLUDE (day) FROM flows ORDER BY flow_id", tables={"flows": Selection(runs=[2**62])})
    table = got.arrow_reader().read_all()
    store.close()
    assert set(table.column("run_id").to_pylist()) == {2**62}
    for name in batch.schema.names:
        found = table.column(name)
        wanted = batch.column(name)
        if pa.types.is_timestamp(found.type):
            found, wanted = found.cast(pa.int64()), wanted.cast(pa.int64())
        assert found.to_pylist() == wanted.to_pylist(), name


def test_functions_of_ours(config: StoreConfig) -> None:
    import pyarrow.compute as pc

    store = Store(config, lambda: {"doubled": (lambda a: pc.multiply(a, 2), ["BIGINT"], "BIGINT")})
    sql = "SELECT doubled(a) FROM t ORDER BY a"
    assert store.query(sql, tables={"t": pa.table({"a": [1, None, 3]})}).fetchall() == [(2,), (6,), (None,)]
    assert [store.query("SELECT doubled(range) FROM range(3)", tables={}).fetchall() for _ in range(2)] == [
        [(0,), (2,), (4,)]] * 2
    store.close()
