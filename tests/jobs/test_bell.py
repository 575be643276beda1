"""The bell rings because something was committed, not because time has passed."""

from __future__ import annotations

import threading

import pytest

from tapiary.config import Config
from tapiary.database import Database
from tapiary.jobs import Queue, bell


@pytest.fixture
def no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a change ends the wait; without one the test's own time limit does."""
    monkeypatch.setattr(bell, "RING_S", 3600.0)


def test_a_new_job_of_another_process_rings(no_clock: None, config: Config, queue: Queue) -> None:
    # data_version tells of other connections, as those of other processes are; a pool of its own has none of ours.
    listener = Database(config.database_url)
    ringing = bell.Bell(listener)
    stopping = threading.Event()
    ringing.wait(stopping)  # the first look has nothing to compare with
    timer = threading.Timer(0.1, queue.submit, ("nap", {}))
    timer.start()
    ringing.wait(stopping)
    timer.join()
    assert queue.has_waiting()
    listener.close()


def test_stopping_ends_the_wait(no_clock: None, queue: Queue) -> None:
    ringing = queue.bell()
    stopping = threading.Event()
    ringing.wait(stopping)
    threading.Timer(0.1, stopping.set).start()
    ringing.wait(stopping)
    assert stopping.is_set()
