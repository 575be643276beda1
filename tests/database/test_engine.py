"""The database's door on a real SQLite file."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import event, text

from tapiary.database import HEAD, Database, Job
from tapiary.errors import Unavailable


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(f"sqlite:///{tmp_path}/deep/tapiary.db")
    database.upgrade()
    return database


def test_upgrade_makes_folder_and_tables_and_is_a_no_op_afterwards(database: Database) -> None:
    assert database.revision() == HEAD
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda _c, _k, sql, *_: statements.append(sql))
    database.upgrade()
    assert [sql for sql in statements if not sql.startswith("BEGIN")] == ["SELECT version_num FROM alembic_version"]


def test_upgrade_at_head_imports_no_alembic(database: Database) -> None:
    code = (f"import sys; from tapiary.database import Database; Database({str(database.url)!r}).upgrade();"
            "assert not [m for m in sys.modules if m.split('.')[0] == 'alembic']")
    subprocess.run([sys.executable, "-c", code], check=True)


def test_many_processes_may_upgrade_at_once(tmp_path: Path) -> None:
    code = f"from tapiary.database import Database; Database('sqlite:///{tmp_path}/t.db').upgrade()"
    processes = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(4)]
    assert [p.wait() for p in processes] == [0] * 4


def test_a_newer_database_is_refused_with_the_way_out(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Unavailable, match="newer version") as caught:
        database.upgrade()
    assert caught.value.code == "database_too_new"


def test_sqlite_is_set_up_for_safety(database: Database) -> None:
    with database.engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
    with database.casual.connect() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 1
    with database.engine.connect() as connection:  # the same pool: the level goes back
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2


def test_session_commits_at_the_end_and_rolls_back_on_error(database: Database) -> None:
    with database.session() as session:
        session.add(Job(kind="a", created_at=1.0))
    with pytest.raises(ZeroDivisionError), database.session() as session:
        session.add(Job(kind="b", created_at=1.0))
        session.flush()
        raise ZeroDivisionError
    with database.session(write=False) as session:
        assert [j.kind for j in session.query(Job)] == ["a"]


def test_writers_wait_for_each_other_instead_of_failing(database: Database) -> None:
    """Read-then-write transactions in SQLite fail at once unless they take the lock at their start."""
    with database.session() as session:
        session.add(Job(kind="count", created_at=0.0))
    errors: list[Exception] = []

    def add() -> None:
        try:
            for _ in range(25):
                with database.session(durable=False) as session:
                    job = session.get_one(Job, 1)
                    job.priority += 1
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    with database.session(write=False) as session:
        assert session.get_one(Job, 1).priority == 200


def test_readers_do_not_wait_for_a_writer(database: Database) -> None:
    with database.session() as session:
        session.add(Job(kind="a", created_at=0.0))
        session.flush()
        # A reader that waited would wait in vain, and raise in the end.
        with database.session(write=False) as reader:
            assert reader.query(Job).count() == 0


def test_identifiers_are_never_used_twice(database: Database) -> None:
    for _ in range(2):
        with database.session() as session:
            job = Job(kind="a", created_at=0.0)
            session.add(job)
            session.flush()
            last = job.id
            session.delete(job)
    assert last == 2
