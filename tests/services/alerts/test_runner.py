"""The threads: each thing by one of them at a time, and an end."""

from __future__ import annotations

import threading
import time
from collections import Counter

from tapiary.services.alerts.runner import Pool


def test_nothing_is_worked_on_twice_at_once_and_nothing_is_forgotten() -> None:
    lock, busy, done, twice = threading.Lock(), set[str](), Counter[str](), []

    def work(thing: str) -> None:
        with lock:
            if thing in busy:
                twice.append(thing)
            busy.add(thing)
        time.sleep(0.01)
        with lock:
            busy.discard(thing)
            done[thing] += 1
        if thing == "b":
            raise RuntimeError("work that fails")

    pool = Pool("test", 3, work)
    for _ in range(5):
        pool.add("abcde")
        pool.add("abcde")
        time.sleep(0.05)
    while not all(done[thing] >= 2 for thing in "abcde"):
        pool.add("abcde")
        time.sleep(0.01)
    before = set(threading.enumerate())
    pool.stop()
    assert twice == []
    assert len(before - set(threading.enumerate())) == 3
    pool.add("a")  # nobody is there any more
    count = done["a"]
    time.sleep(0.05)
    assert done["a"] == count
