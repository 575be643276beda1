"""A queue on a real database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tapiary.config import Config, JobsConfig
from tapiary.database import Database
from tapiary.jobs import Queue, Workers


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(data_dir=str(tmp_path), log_level="error", jobs=JobsConfig(workers=1, lease_s=2.0))


@pytest.fixture
def queue(config: Config) -> Iterator[Queue]:
    database = Database(config.database_url)
    database.upgrade()
    yield Queue(database, config.jobs)
    database.close()


@pytest.fixture
def workers(config: Config, queue: Queue) -> Iterator[Workers]:
    workers = Workers(config, "tests.jobs.handlers:make")
    workers.start()
    yield workers
    workers.stop()


@pytest.fixture
def until() -> Callable[..., None]:
    """Wait until something is true; fail after some seconds."""
    import time

    def wait(condition: Callable[[], object], seconds: float = 15.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.002)

    return wait
