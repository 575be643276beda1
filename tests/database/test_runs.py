"""Runs become visible by one transaction, and replace each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tapiary.database import Database, File, Run, begin_run, drop_runs, live_runs, publish_run, visible_runs
from tapiary.errors import Conflict


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(f"sqlite:///{tmp_path}/t.db")
    database.upgrade()
    with database.session() as session:
        session.add(File(name="a.pcap"))
    return database


def test_a_published_run_replaces_the_one_before(database: Database) -> None:
    with database.session() as session:
        first = begin_run(session, None, 1)
        assert live_runs(session) == {first}
        assert visible_runs(session) == []
        assert publish_run(session, first, {"n": 1}, flows=7, time_start=1, time_end=2) == []
    with database.session() as session:
        second = begin_run(session, None, 1)
        assert second > first
        assert publish_run(session, second, {"n": 2}) == [first]
        assert visible_runs(session) == visible_runs(session, [1]) == [second]
        assert live_runs(session) == {second}
        assert session.get_one(File, 1).run_id == second
        assert session.get_one(Run, first).state == "replaced"


def test_a_run_is_published_once(database: Database) -> None:
    with database.session() as session:
        run = begin_run(session, None, 1)
        publish_run(session, run, {})
        with pytest.raises(Conflict):
            publish_run(session, run, {})
        with pytest.raises(Conflict):
            publish_run(session, 999, {})


def test_dropped_runs_are_seen_no_more(database: Database) -> None:
    with database.session() as session:
        run = begin_run(session, None, 1)
        publish_run(session, run, {})
        drop_runs(session, [run])
        session.expire_all()
        assert (visible_runs(session), live_runs(session), session.get_one(File, 1).run_id) == ([], set(), None)
