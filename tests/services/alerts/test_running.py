"""Runs of triggers over real rows: by the clock and on new data, each alert once."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from tapiary.accounts import LOCAL, Actor
from tapiary.database import Element, TriggerState
from tapiary.services import Services
from tapiary.services.alerts import running
from tests.services.alerts.conftest import make_services, user
from tests.services.alerts.receiver import Receiver
from tests.services.alerts.test_triggers import EVENTS, LEAST

COUNTED = 'src stream="events" | aggr rows=count(1) by clientIp unwind=true'


def now_ms() -> int:
    return int(time.time() * 1000)


@pytest.fixture
def inject(services: Services, anna: Actor) -> Callable[..., None]:
    """Puts rows (address, n, seconds ago) into the index `events`."""
    services.indexes.create(anna, EVENTS)

    def put(*rows: tuple[str, int] | tuple[str, int, float]) -> None:
        now = now_ms()
        cells = [[now - int((row[2] if len(row) == 3 else 0) * 1000), row[0], row[1]] for row in rows]
        services.indexes.inject(anna, "events", ["timestamp", "clientIp", "n"], cells)

    return put


def make(services: Services, actor: Actor, **members: Any) -> str:
    return services.triggers.create(actor, {**LEAST, **members}).id


def let_time_pass(services: Services, seconds: float) -> None:
    """As if all triggers had run so much earlier."""
    with services.database.session() as session:
        session.execute(update(TriggerState).values(
            next_at=TriggerState.next_at - seconds, seen_ms=TriggerState.seen_ms - int(seconds * 1000)))
        session.execute(update(Element).values(created_at=Element.created_at - seconds))


def found(services: Services, actor: Actor) -> list[tuple[str, Any]]:
    return [(view.name, view.fields.get("clientIp")) for view in reversed(services.alerts.list(actor))]


def test_new_rows_are_seen_once(services: Services, anna: Actor, inject: Callable[..., None]) -> None:
    inject(("192.0.2.9", 9))  # before there was a trigger
    trigger = make(services, anna, on_new_data=True, interval_s=0, title="${clientIp}: ${n}")
    runner = services.triggers.runner
    assert runner.once() == 0
    inject(("192.0.2.1", 7), ("192.0.2.2", 3))
    assert (runner.once(), runner.once()) == (1, 0)
    inject(("192.0.2.3", 8, 86_400))  # a row of yesterday is new, too
    assert (runner.once(), runner.once()) == (1, 0)
    assert found(services, anna) == [("192.0.2.1: 7", "192.0.2.1"), ("192.0.2.3: 8", "192.0.2.3")]
    view = services.triggers.get(anna, trigger)
    assert (view.runs, view.error, view.next_at) == (2, "", None)
    assert view.fired_at is not None
    assert services.alerts.list(anna)[0].event_ms == pytest.approx(now_ms() - 86_400_000, abs=10_000)


def test_rows_that_overlap_in_time_with_former_ones_are_seen_alone(
    services: Services, anna: Actor, inject: Callable[..., None]
) -> None:
    make(services, anna, on_new_data=True, interval_s=0)
    inject(("192.0.2.1", 7, 10), ("192.0.2.2", 7, 2))
    assert services.triggers.runner.once() == 2
    inject(("192.0.2.3", 7, 20), ("192.0.2.4", 7, 1))
    assert services.triggers.runner.once() == 2
    assert len(found(services, anna)) == 4


def test_by_the_clock(services: Services, anna: Actor, inject: Callable[..., None]) -> None:
    trigger = make(services, anna, interval_s=60)
    let_time_pass(services, 30)
    inject(("192.0.2.1", 7, 5))
    assert services.triggers.runner.once() == 0  # not yet
    let_time_pass(services, 31)
    assert services.triggers.runner.once() == 1
    view = services.triggers.get(anna, trigger)
    assert view.next_at == pytest.approx(time.time() + 60, abs=5)
    inject(("192.0.2.2", 7, 40))  # a little late
    let_time_pass(services, 61)
    assert services.triggers.runner.once() == 1
    assert found(services, anna) == [("scan", "192.0.2.1"), ("scan", "192.0.2.2")]


def test_what_was_before_a_trigger_is_not_its_concern(
    services: Services, anna: Actor, inject: Callable[..., None]
) -> None:
    inject(("192.0.2.1", 7, 30))
    make(services, anna, interval_s=1)
    time.sleep(1.1)
    assert services.triggers.runner.once() == 0


def test_a_count_over_a_window(services: Services, anna: Actor, inject: Callable[..., None]) -> None:
    make(services, anna, query=COUNTED, condition={"field": "rows", "op": ">=", "value": 3}, by=["clientIp"],
         window_s=60, interval_s=10, on_new_data=True, title="${clientIp} sends ${rows}")
    runner = services.triggers.runner
    inject(("192.0.2.1", 1), ("192.0.2.1", 1), ("192.0.2.2", 1))
    assert runner.once() == 0
    inject(("192.0.2.1", 1), ("192.0.2.2", 1))
    assert runner.once() == 1
    inject(("192.0.2.1", 1), ("192.0.2.2", 1))
    assert runner.once() == 1  # the other one; the first rests
    assert found(services, anna) == [("192.0.2.1 sends 3", "192.0.2.1"), ("192.0.2.2 sends 3", "192.0.2.2")]


def test_a_window_looks_back_so_far_and_no_further(
    services: Services, anna: Actor, inject: Callable[..., None]
) -> None:
    make(services, anna, query=COUNTED, condition={"field": "rows", "op": ">=", "value": 3}, window_s=60, interval_s=1)
    inject(("192.0.2.1", 1, 90), ("192.0.2.1", 2, 50), ("192.0.2.1", 3, 10))
    time.sleep(1.1)
    assert services.triggers.runner.once() == 0


def test_silence_is_told(services: Services, anna: Actor, inject: Callable[..., None]) -> None:
    make(services, anna, query='src stream="events"', condition={"op": "=", "value": 0}, window_s=60, interval_s=1)
    inject(("192.0.2.1", 1, 30))
    let_time_pass(services, 2)
    assert services.triggers.runner.once() == 0
    services.indexes.create(anna, {**EVENTS, "name": "quiet"})
    make(services, anna, name="quiet", query='src stream="quiet"', condition={"op": "=", "value": 0}, window_s=60,
         interval_s=1)
    let_time_pass(services, 2)
    assert services.triggers.runner.once() == 1
    (alert,) = services.alerts.list(anna)
    assert (alert.name, alert.rows, dict(alert.fields)) == ("quiet", 0, {})


def test_a_cooldown_gathers_events(services: Services, anna: Actor, inject: Callable[..., None]) -> None:
    make(services, anna, on_new_data=True, interval_s=0, by=["clientIp"], cooldown_s=60)
    runner = services.triggers.runner
    inject(("192.0.2.1", 7, 200), ("192.0.2.1", 8, 190), ("192.0.2.2", 7, 200))
    assert runner.once() == 2
    inject(("192.0.2.1", 9, 150))
    assert runner.once() == 0
    inject(("192.0.2.1", 9, 130))
    assert runner.once() == 1
    assert [view.rows for view in reversed(services.alerts.list(anna))] == [2, 1, 1]


def test_a_flood_is_cut_and_told(services: Services, anna: Actor, inject: Callable[..., None]) -> None:
    trigger = make(services, anna, on_new_data=True, interval_s=0)
    inject(*((f"192.0.2.{n}", 7, n) for n in range(1, 251)))
    assert services.triggers.runner.once() == 100
    assert "150 alerts more than the 100" in services.triggers.get(anna, trigger).error
    inject(("192.0.2.1", 7))
    services.triggers.runner.once()
    assert services.triggers.get(anna, trigger).error == ""


def test_a_trigger_that_is_off_does_not_look_back(
    services: Services, anna: Actor, inject: Callable[..., None]
) -> None:
    trigger = make(services, anna, on_new_data=True, interval_s=1)
    services.triggers.edit(anna, trigger, {"active": False})
    inject(("192.0.2.1", 7))
    let_time_pass(services, 2)
    assert services.triggers.runner.once() == 0
    services.triggers.edit(anna, trigger, {"active": True})
    assert services.triggers.runner.once() == 0
    inject(("192.0.2.2", 7))
    assert services.triggers.runner.once() == 1


def test_the_rights_are_those_of_now(services: Services, anna: Actor, inject: Callable[..., None]) -> None:
    low = user(services, "low", 50)
    (index,) = services.elements.of(anna, "userIndex.index")
    services.elements.set_permissions(anna, index.id, [{"sid": "low", "perms": ["VIEW"]}])
    trigger = make(services, low, on_new_data=True, interval_s=0)
    inject(("192.0.2.1", 7))
    assert services.triggers.runner.once() == 1
    services.elements.set_permissions(anna, index.id, [])
    inject(("192.0.2.2", 7))
    assert services.triggers.runner.once() == 0
    services.triggers.edit(low, trigger, {"active": False})
    assert [view.fields["clientIp"] for view in services.alerts.list(low)] == ["192.0.2.1"]


def test_a_trigger_whose_owner_is_gone_rests(services: Services, anna: Actor, inject: Callable[..., None]) -> None:
    low = user(services, "low", 50)
    services.indexes.create(low, {**EVENTS, "name": "own"})
    trigger = make(services, low, query='src stream="own"', on_new_data=True)
    services.accounts.users.delete(LOCAL, "low")
    assert services.triggers.runner.once() == 0
    admin = services.accounts.users.actor(1, means="test")
    assert admin is not None
    assert services.triggers.runner.once() == 0
    let_time_pass(services, 120)
    services.triggers._running._rests.clear()
    assert services.triggers.runner.once() == 0
    assert "owner is gone" in services.triggers.get(admin, trigger).error


def test_a_query_that_fails_is_told_and_nothing_is_lost(
    services: Services, anna: Actor, inject: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "REST_S", 0.0)
    trigger = make(services, anna, on_new_data=True, interval_s=0)
    (index,) = services.elements.of(anna, "userIndex.index")
    inject(("192.0.2.1", 7))
    services.elements.edit(anna, index.id, {"config": {**EVENTS, "active": False}})
    assert services.triggers.runner.once() == 0
    services.elements.edit(anna, index.id, {"config": EVENTS})
    services.triggers.runner.once()
    assert found(services, anna) == [("scan", "192.0.2.1")]
    assert services.triggers.get(anna, trigger).error == ""


def test_new_flows_wake_a_trigger(services: Services, anna: Actor, sample: Path) -> None:
    make(services, anna, query='src stream="netflow" | aggr flows=count(1) by applicationNameNtop unwind=true',
         on_new_data=True, interval_s=0, window_s=3600, by=["applicationNameNtop"])
    assert services.triggers.runner.once() == 0
    services.ingest.process_file(sample)
    written = services.triggers.runner.once()
    assert written > 1
    assert services.triggers.runner.once() == 0
    labels = {view.fields["applicationNameNtop"] for view in services.alerts.list(anna)}
    assert len(labels) == written


def test_the_threads_do_it_all(tmp_path: Path, receiver: Receiver) -> None:
    services = make_services(tmp_path / "threads", webhook_hosts=[receiver.host], interval_s=0.1)
    try:
        anna = user(services, "anna", 5)
        services.indexes.create(anna, EVENTS)
        services.triggers.runner.start()
        make(services, anna, on_new_data=True, interval_s=0, webhooks=[{"url": receiver.url}])
        services.indexes.inject(anna, "events", ["timestamp", "clientIp", "n"], [[now_ms(), "192.0.2.1", 7]])
        end = time.monotonic() + 20
        while not receiver.received:
            assert time.monotonic() < end, services.triggers.list(anna)
            time.sleep(0.01)
        assert receiver.received[0].body["fields"]["clientIp"] == "192.0.2.1"
    finally:
        services.triggers.runner.stop()
        services.close()
    assert len(receiver.received) == 1


def test_an_index_that_is_made_anew_is_looked_at_from_its_beginning(
    services: Services, anna: Actor, inject: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "REST_S", 0.0)
    trigger = make(services, anna, on_new_data=True, interval_s=0)
    for n in range(5):
        inject((f"192.0.2.{n}", 7))
    assert services.triggers.runner.once() == 5
    (index,) = services.elements.of(anna, "userIndex.index")
    services.indexes.delete(anna, index.id)
    assert services.triggers.runner.once() == 0
    assert "events" in services.triggers.get(anna, trigger).error
    services.indexes.create(anna, EVENTS)
    services.indexes.inject(anna, "events", ["timestamp", "clientIp", "n"], [[now_ms(), "192.0.2.9", 7]])
    assert services.triggers.runner.once() == 1
    assert services.triggers.get(anna, trigger).error == ""
