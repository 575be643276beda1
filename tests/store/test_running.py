"""Queries that are broken off: by time, by wish, before and while their rows are read."""

from __future__ import annotations

import threading
import time

import pyarrow as pa
import pytest

from tapiary.errors import Conflict, InternalError, TooLarge
from tapiary.store import Running, Store

#: Works for minutes; with a parameter it does so at once, without one as its rows are asked for.
ENDLESS = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE (a.range * b.range) % 7 = 3"


@pytest.mark.parametrize(("sql", "params"), [(ENDLESS, ()), (ENDLESS + " AND b.range > ?", (5,))])
def test_a_query_ends_after_its_time(store: Store, sql: str, params: tuple[int, ...]) -> None:
    began = time.monotonic()
    with pytest.raises(TooLarge, match=r"longer than 0\.3 s") as caught:
        store.query(sql, params, tables={}, running=Running(0.3)).fetchall()
    assert caught.value.code == "query_timeout"
    assert time.monotonic() - began < 10
    assert store.query("SELECT 1", tables={}).fetchall() == [(1,)]


@pytest.mark.parametrize(("sql", "params"), [(ENDLESS, ()), (ENDLESS + " AND b.range > ?", (5,))])
def test_a_query_is_stopped_from_another_thread(store: Store, sql: str, params: tuple[int, ...]) -> None:
    running = Running()
    assert running.progress() is None
    threading.Timer(0.3, running.stop).start()
    with pytest.raises(Conflict, match="cancelled") as caught:
        store.query(sql, params, tables={}, running=running).fetchall()
    assert caught.value.code == "query_cancelled"
    assert store.query("SELECT 1", tables={}).fetchall() == [(1,)]


def test_rows_end_where_the_query_is_stopped(store: Store) -> None:
    running = Running()
    reader = store.query("SELECT range FROM range(10000000)", tables={}, running=running).arrow_reader(1000)
    assert reader.read_next_batch().num_rows > 0
    running.stop()
    with pytest.raises(Exception, match="cancelled"):
        for _ in reader:
            pass
    assert store.query("SELECT 1", tables={}).fetchall() == [(1,)]


def test_a_query_that_is_stopped_before_it_begins(store: Store) -> None:
    running = Running()
    running.stop()
    with pytest.raises(Conflict, match="cancelled"):
        store.query("SELECT 1", tables={}, running=running)


def test_stopping_what_has_ended_hurts_nobody(store: Store) -> None:
    running = Running(0.2)
    assert store.query("SELECT 1", tables={}, running=running).fetchall() == [(1,)]
    running.stop()
    assert store.query("SELECT sum(range) FROM range(1000)", tables={}, running=Running(60)).fetchall() == [(499_500,)]
    with pytest.raises((InternalError, Conflict)):
        store.query("SELECT 1", tables={}, running=running)


def test_rows_are_read_once(store: Store) -> None:
    rows = store.query("SELECT 1", tables={})
    rows.fetchall()
    with pytest.raises(InternalError, match="once"):
        rows.fetchall()


def test_arrow_data_beside_tables(store: Store) -> None:
    lookup = pa.table({"number": [1, 2], "name": ["one", "two"]})
    sql = "SELECT l.name FROM range(3) JOIN l ON l.number = range ORDER BY 1"
    assert store.query(sql, tables={"l": lookup}).fetchall() == [("one",), ("two",)]
    other = lookup.set_column(1, "name", [["eins", "zwei"]])
    assert store.query(sql, tables={"l": other}).fetchall() == [("eins",), ("zwei",)]
    reader = pa.RecordBatchReader.from_batches(lookup.schema, lookup.to_batches())
    assert store.query("SELECT sum(number) FROM l", tables={"l": reader}).fetchall() == [(3,)]
    with pytest.raises(Exception, match="does not exist"):
        store.query("SELECT * FROM l", tables={})


def test_names_change_between_tables_and_data(store: Store) -> None:
    for _ in range(2):
        assert store.query("SELECT count(*) FROM flows").fetchall() == [(0,)]
        assert store.query("SELECT * FROM flows", tables={"flows": pa.table({"a": [1]})}).fetchall() == [(1,)]
    assert store.query('SELECT * FROM "a ""b"', tables={'a "b': pa.table({"a": [1]})}).fetchall() == [(1,)]
