"""The same tables and steps on a real PostgreSQL."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command

from tapiary.config import Config, DatabaseConfig, JobsConfig
from tapiary.database import HEAD, Database, File
from tapiary.database.migrations import configuration, migrate
from tapiary.jobs import Queue, Workers
from tests.database.postgresql import cluster


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    # A socket's path may have 107 bytes at most: pytest's own folders are too deep.
    with tempfile.TemporaryDirectory(prefix="tapiary-pg-") as folder, cluster(Path(folder)) as found:
        yield found


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = Database(url)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    yield database
    database.close()


def test_upgrade_and_migrations_agree(database: Database) -> None:
    assert database.revision() is None
    database.upgrade()
    database.upgrade()
    assert database.revision() == HEAD
    with database.engine.begin() as connection:
        command.check(configuration(connection))
        connection.exec_driver_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        migrate(connection, None)
        command.check(configuration(connection))


def test_concurrent_upgrades(database: Database) -> None:
    errors: list[Exception] = []

    def upgrade() -> None:
        try:
            database.upgrade()
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=upgrade) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


def test_every_job_is_claimed_once_by_many_workers(database: Database) -> None:
    database.upgrade()
    queue = Queue(database, JobsConfig())
    with database.session() as session:
        session.add_all([File(name=f"{i}.pcap") for i in range(5)])
    made = [queue.submit("k", {"n": n}, file_id=n % 5 + 1 if n % 2 else None).id for n in range(60)]
    taken: list[int] = []

    def work(name: str) -> None:
        while True:
            job = queue.claim(f"host place {name} 1")
            if job is None:
                if not queue.has_waiting():
                    return
                continue
            taken.append(job.id)
            assert queue.wish(job) == ""
            assert queue.renew(job, {"n": 1})
            assert queue.finish(job, "finish")

    threads = [threading.Thread(target=work, args=(str(n),)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == made
    assert {job.state for job in queue.list(limit=100)} == {"finished"}


def test_worker_processes_on_postgresql(database: Database, url: str, tmp_path: Path) -> None:
    database.upgrade()
    config = Config(data_dir=str(tmp_path), log_level="error", database=DatabaseConfig(url=url),
                    jobs=JobsConfig(workers=2))
    queue = Queue(database, config.jobs)
    workers = Workers(config, "tests.jobs.handlers:make")
    workers.start()
    try:
        made = [queue.submit("nap", {"seconds": 0.05}) for _ in range(12)]
        end = time.monotonic() + 20
        while queue.list(states=["queued", "in_progress"]):
            assert time.monotonic() < end
            time.sleep(0.02)
        assert {queue.get(job.id).state for job in made} == {"finished"}
        assert {queue.get(job.id).attempts for job in made} == {1}
        deadly = queue.submit("die", {"times": 1})
        while queue.get(deadly.id).state != "finished":
            assert time.monotonic() < end + 20
            time.sleep(0.02)
        assert queue.get(deadly.id).attempts == 2
    finally:
        workers.stop()
