"""The limiter's keys and its memory; that it keeps its promise is a property test."""

from __future__ import annotations

import threading
from contextlib import suppress

import pytest

from tapiary.accounts.limiter import Limiter, address_key
from tapiary.errors import TooManyRequests


def test_blocked_for_as_long_as_it_says() -> None:
    now = [100.0]
    limiter = Limiter(2, 10.0, clock=lambda: now[0])
    limiter.attempt("a")
    now[0] = 104.0
    limiter.attempt("a")
    with pytest.raises(TooManyRequests, match="try again in 6 s") as caught:
        limiter.attempt("a")
    assert caught.value.retry_after_s == 6.0
    limiter.attempt("b")
    now[0] = 110.0
    limiter.attempt("a")


def test_knocking_on_does_not_make_it_longer() -> None:
    now = [0.0]
    limiter = Limiter(1, 10.0, clock=lambda: now[0])
    limiter.attempt("a")
    for second in range(1, 10):
        now[0] = second
        with pytest.raises(TooManyRequests):
            limiter.attempt("a")
    now[0] = 10.0
    limiter.attempt("a")


def test_one_key_that_is_blocked_counts_nothing_for_the_others() -> None:
    limiter = Limiter(1, 10.0)
    limiter.attempt("name")
    for _ in range(3):
        with pytest.raises(TooManyRequests):
            limiter.attempt("name", "address")
    limiter.attempt("address")


def test_withdrawn_and_reset() -> None:
    limiter = Limiter(2, 10.0, clock=lambda: 5.0)
    at = limiter.attempt("a", "b")
    limiter.withdraw("b", at)
    limiter.withdraw("c", at)
    limiter.attempt("a")
    limiter.reset("a")
    assert len(limiter) == 0


def test_memory_is_bounded_and_the_oldest_go_first() -> None:
    limiter = Limiter(1, 10.0, capacity=5)
    for number in range(100):
        limiter.attempt(f"key {number}")
    assert len(limiter) == 5
    with pytest.raises(TooManyRequests):
        limiter.attempt("key 99")
    limiter.attempt("key 94")


def test_no_more_than_allowed_at_the_same_time() -> None:
    limiter = Limiter(5, 60.0)
    passed = []
    start = threading.Barrier(20)

    def knock() -> None:
        start.wait()
        with suppress(TooManyRequests):
            passed.append(limiter.attempt("a"))

    threads = [threading.Thread(target=knock) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == 5


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("unix:", "unix:"),
    ],
)
def test_addresses_of_one_host_are_one_key(address: str, key: str) -> None:
    assert address_key(address) == key
