"""Places: how many there are, that one owner leaves some to the others, and that who gives up holds none."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

import pytest

from tapiary.errors import Conflict, Unavailable
from tapiary.services.queries.places import Places


def test_one_owner_takes_half_of_them() -> None:
    places = Places(4, 0.05, "full")
    with ExitStack() as held:
        held.enter_context(places.one("a"))
        held.enter_context(places.one("a"))
        with pytest.raises(Unavailable, match="full"), places.one("a"):
            pass
        held.enter_context(places.one("b"))
        held.enter_context(places.one("b"))
        with pytest.raises(Unavailable), places.one("c"):
            pass
    with places.one("c"), places.one("c"):
        pass


def test_who_waits_gets_the_next_one() -> None:
    places, order = Places(1, 10.0, "full"), []
    taken, free = threading.Event(), threading.Event()

    def hold() -> None:
        with places.one("a"):
            taken.set()
            free.wait(10)
        order.append("given back")

    holder = threading.Thread(target=hold)
    holder.start()
    assert taken.wait(10)
    threading.Timer(0.2, free.set).start()
    with places.one("b"):
        order.append("had")
    holder.join()
    assert sorted(order) == ["given back", "had"]


def test_who_is_cancelled_waits_no_longer() -> None:
    places, cancelled = Places(1, 60.0, "full"), threading.Event()
    began = time.monotonic()
    with places.one("a"):
        threading.Timer(0.1, cancelled.set).start()
        with pytest.raises(Conflict), places.one("b", cancelled):
            pass
    assert time.monotonic() - began < 30


def test_an_error_inside_gives_it_back() -> None:
    places = Places(1, 0.05, "full")
    with pytest.raises(ZeroDivisionError), places.one("a"):
        raise ZeroDivisionError
    with places.one("b"):
        pass
