"""Counters count exactly, from any thread; logging keeps to our own loggers."""

import logging
import threading
from collections.abc import Iterator

import pytest

from tapiary.telemetry import counter, counters, logger, setup_logging


def test_counting_from_many_threads_loses_nothing() -> None:
    count = counter("test_room", "things")
    threads = [threading.Thread(target=lambda: [count.add() for _ in range(2000)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count.value == 16000
    assert counters()["test_room"] == {"things": 16000}


def test_the_same_name_is_the_same_counter() -> None:
    assert counter("test_same", "a") is counter("test_same", "a")
    assert counter("test_same", "a") is not counter("test_same", "b")


@pytest.fixture
def tapiary_logger() -> Iterator[logging.Logger]:
    ours = logging.getLogger("tapiary")
    before = ours.level, ours.handlers[:], ours.propagate
    ours.handlers.clear()
    yield ours
    ours.level, ours.handlers[:], ours.propagate = before


def test_setting_up_twice_changes_the_level_and_adds_one_handler(tapiary_logger: logging.Logger) -> None:
    others = logging.getLogger().handlers[:]
    setup_logging("warning")
    setup_logging("debug")
    assert len(tapiary_logger.handlers) == 1
    assert logger("meter").isEnabledFor(logging.DEBUG)
    assert logging.getLogger().handlers == others
