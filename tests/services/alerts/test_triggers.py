"""Triggers as users write, share and try them, over a real index."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tapiary.accounts import LOCAL, Actor, Permission
from tapiary.errors import Conflict, Forbidden, InvalidInput, NotFound
from tapiary.services import Services
from tests.services.alerts.conftest import user
from tests.services.alerts.receiver import Receiver
from tests.services.captures.conftest import PlayedDrone

EVENTS = {"name": "events", "fields": [
    {"name": "timestamp", "type": "long"}, {"name": "clientIp", "type": "ip"}, {"name": "n", "type": "int"}]}
LEAST = {"name": "scan", "query": 'src stream="events" | n > 5'}
CAPTURE = {"drones": ["probe"], "duration": 5, "max_capture_data": 1000}


@pytest.fixture
def index(services: Services, anna: Actor) -> None:
    services.indexes.create(anna, EVENTS)


@pytest.mark.usefixtures("index")
def test_written_listed_changed_deleted(services: Services, anna: Actor) -> None:
    triggers = services.triggers
    view = triggers.create(anna, {**LEAST, "description": "who scans", "interval_s": 30})
    assert (view.owner, view.definition.name, view.runs, view.error) == ("anna", "scan", 0, "")
    assert view.next_at == pytest.approx(time.time() + 30, abs=5)
    assert triggers.list(anna) == [triggers.get(anna, view.id)]
    with pytest.raises(Conflict):
        triggers.create(anna, LEAST)
    changed = triggers.edit(anna, view.id, {"severity": "High", "name": "scans"})
    assert (changed.definition.severity, changed.definition.name) == ("High", "scans")
    assert (changed.definition.description, changed.definition.interval_s) == ("who scans", 30)
    triggers.delete(anna, view.id)
    with pytest.raises(NotFound):
        triggers.get(anna, view.id)
    assert [entry.action for entry in services.accounts.audit.list(action="trigger.")] == [
        "trigger.delete", "trigger.modify", "trigger.create"]


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"query": 'src stream="events" | n >'}, "query"),
        ({"query": 'src stream="nothing"'}, "query"),
        ({"condition": {"field": "m"}}, "condition.field"),
        ({"by": ["clientIp", "m"]}, "by[1]"),
        ({"title": "from ${m}"}, "${m}"),
        ({"capture": {**CAPTURE, "filter": "host ${m}"}}, "${m}"),
        ({"capture": {**CAPTURE, "drones": ["nobody"]}}, "capture.drones"),
        ({"capture": {**CAPTURE, "filter": "hst 1.2.3.4"}}, "capture.filter"),
        ({"capture": {**CAPTURE, "script_name": "none"}}, "capture.script_name"),
        ({"webhooks": [{"url": "https://evil.example/"}]}, "webhooks[0].url"),
        ({"webhooks": [{"url": "http://169.254.169.254/latest/meta-data"}]}, "webhooks[0].url"),
        ({"interval_s": 0}, "interval_s"),
        ({"query": 'src stream="events" | aggr rows=count(1) by clientIp unwind=true'}, "window_s"),
    ],
)
def test_a_mistake_is_told_before_anything_is_kept(
    services: Services, anna: Actor, members: dict[str, Any], field: str
) -> None:
    PlayedDrone(services, "probe").connect()
    with pytest.raises(InvalidInput) as caught:
        services.triggers.create(anna, {**LEAST, **members})
    assert caught.value.field == field
    assert services.triggers.list(anna) == []
    made = services.triggers.create(anna, LEAST)
    with pytest.raises(InvalidInput):
        services.triggers.edit(anna, made.id, members)
    assert services.triggers.get(anna, made.id) == made


@pytest.mark.usefixtures("index")
def test_who_may_order_no_captures_makes_no_trigger_that_does(services: Services, anna: Actor) -> None:
    low = user(services, "low", 50)
    services.indexes.create(low, {**EVENTS, "name": "own"})
    PlayedDrone(services, "probe").connect()
    with pytest.raises(Forbidden, match="SCRIPT_MASTER"):
        services.triggers.create(low, {**LEAST, "query": 'src stream="own"', "capture": CAPTURE})
    with pytest.raises(InvalidInput):  # the index is anna's
        services.triggers.create(low, LEAST)
    with pytest.raises(Forbidden):
        services.triggers.create(LOCAL, LEAST)
    assert services.triggers.create(anna, {**LEAST, "capture": CAPTURE}).definition.capture is not None


@pytest.mark.usefixtures("index")
def test_only_the_owner_says_what_is_done_with_the_owners_rights(services: Services, anna: Actor) -> None:
    peer, below = user(services, "peer", 6), user(services, "below", 7)
    boss, master = user(services, "boss", 2), user(services, "master", 8, Permission.JOB_MASTER)
    admin = services.accounts.users.actor(1, means="test")
    assert admin is not None
    trigger = services.triggers.create(anna, LEAST)
    services.elements.set_permissions(anna, trigger.id, [{"sid": "peer", "perms": ["VIEW", "EDIT", "EXECUTE"]}])
    with pytest.raises(NotFound):
        services.triggers.get(below, trigger.id)
    for actor in (peer, boss, master):
        assert not services.triggers.edit(actor, trigger.id, {"active": False}).definition.active
        assert services.triggers.edit(actor, trigger.id, {"active": True}).definition.active
        for change in ({"query": 'src stream="events"'}, {"title": "x"}, {"by": ["n"]}, {"interval_s": 1}):
            with pytest.raises(Forbidden, match="only its owner"):
                services.triggers.edit(actor, trigger.id, change)
    assert services.triggers.edit(admin, trigger.id, {"title": "by the admin"}).owner == "anna"
    services.elements.set_permissions(anna, trigger.id, [{"sid": "peer", "perms": ["VIEW"]}])
    with pytest.raises(Forbidden):
        services.triggers.edit(peer, trigger.id, {"active": False})
    with pytest.raises(Forbidden):
        services.triggers.run(peer, trigger.id)
    with pytest.raises(Forbidden):
        services.triggers.delete(peer, trigger.id)


@pytest.mark.usefixtures("index")
def test_a_trial_tells_what_there_would_be(services: Services, anna: Actor, receiver: Receiver) -> None:
    now = int(time.time() * 1000)
    services.indexes.inject(anna, "events", ["timestamp", "clientIp", "n"], [
        [now - 5000, "192.0.2.1", 9], [now - 4000, "192.0.2.2", 6], [now - 3000, "192.0.2.3", 1],
        [now - 7_200_000, "192.0.2.4", 9]])
    trigger = services.triggers.create(
        anna, {**LEAST, "title": "scan by ${clientIp}", "webhooks": [{"url": receiver.url}]})
    trial = services.triggers.run(anna, trigger.id)
    assert [(each.name, each.event_ms, each.rows) for each in trial.alerts] == [
        ("scan by 192.0.2.1", now - 5000, 1), ("scan by 192.0.2.2", now - 4000, 1)]
    assert (trial.rows, trial.left_out) == (2, 0)
    assert services.triggers.run(anna, trigger.id, last_s=10_000).rows == 3
    assert services.triggers.run(anna, trigger.id, last_s=1).rows == 0
    assert services.alerts.list(anna) == []
    assert receiver.received == []
    assert services.triggers.get(anna, trigger.id).runs == 0
