"""Alerts as users see and handle them."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import update

from tapiary.accounts import Actor, Permission
from tapiary.database import Alert
from tapiary.errors import InvalidInput, NotFound
from tapiary.services import Services
from tests.services.alerts.conftest import user, write_alert


def test_the_newest_first_and_by_what_they_are(services: Services, anna: Actor) -> None:
    numbers = [write_alert(services, anna, trigger_id=trigger, severity=severity)
               for trigger, severity in (("a", "Low"), ("b", "High"), ("a", "High"))]
    alerts = services.alerts

    def listed(**which: object) -> list[int]:
        return [view.id for view in alerts.list(anna, **which)]  # type: ignore[arg-type]

    assert listed() == numbers[::-1]
    assert listed(limit=2) == numbers[:0:-1]
    assert listed(before=numbers[1]) == numbers[:1]
    assert listed(trigger_id="a") == [numbers[2], numbers[0]]
    assert listed(severity="High", trigger_id="b") == [numbers[1]]
    moment = alerts.get(anna, numbers[1]).at_ms
    assert numbers[1] in listed(since_ms=moment)
    assert numbers[1] not in listed(until_ms=moment)
    alerts.handle(anna, numbers[0], seen=True, false_positive=True)
    assert listed(seen=True) == listed(false_positive=True) == numbers[:1]
    assert listed(seen=False) == numbers[:0:-1]


def test_what_is_said_of_an_alert_stays(services: Services, anna: Actor) -> None:
    number = write_alert(services, anna)
    view = services.alerts.handle(anna, number, seen=True, comment="a scanner of ours")
    assert (view.seen, view.false_positive, view.comment, view.handled_by) == (True, False, "a scanner of ours", "anna")
    at = view.handled_at
    assert at is not None
    assert at == services.alerts.handle(anna, number, seen=True).handled_at  # nothing changed
    services.alerts.handle(anna, number, false_positive=True)
    view = services.alerts.get(anna, number)
    assert (view.seen, view.false_positive, view.comment) == (True, True, "a scanner of ours")
    entries = services.accounts.audit.list(action="alert.handle")
    assert [entry.details for entry in entries] == [{"false_positive": True}, {"seen": True}]
    with pytest.raises(InvalidInput, match="comment"):
        services.alerts.handle(anna, number, comment="x" * 4097)


def test_alerts_are_seen_by_the_owner_superiors_and_whom_the_trigger_is_shared_with(services: Services) -> None:
    anna, peer, below = user(services, "anna", 5), user(services, "peer", 6), user(services, "below", 9)
    boss, master = user(services, "boss", 2), user(services, "master", 8, Permission.JOB_MASTER)
    trigger = services.elements.create(anna, "alert.trigger", "scan", {"name": "scan", "query": "q"})
    number = write_alert(services, anna, trigger_id=trigger.id)
    for actor, may in ((anna, True), (boss, True), (master, True), (peer, False), (below, False)):
        assert bool(services.alerts.list(actor)) is may, actor.name
    with pytest.raises(NotFound):
        services.alerts.get(peer, number)
    with pytest.raises(NotFound):
        services.alerts.handle(peer, number, seen=True)
    services.elements.set_permissions(anna, trigger.id, [{"sid": "peer", "perms": ["VIEW"]}])
    assert services.alerts.get(peer, number).owner == "anna"
    assert services.alerts.list(below) == []


def test_a_flood_of_rows_is_told_by_their_number(services: Services, anna: Actor) -> None:
    number = write_alert(services, anna, {"clientIp": "192.0.2.1"}, rows=7)
    view = services.alerts.get(anna, number)
    assert (view.rows, dict(view.fields)) == (7, {"clientIp": "192.0.2.1"})


def test_old_alerts_go(services: Services, anna: Actor) -> None:
    old, new = write_alert(services, anna), write_alert(services, anna)
    with services.database.session() as session:
        session.execute(update(Alert).where(Alert.id == old).values(at_ms=int((time.time() - 366 * 86_400) * 1000)))
    assert services.alerts.prune() == 1
    assert [view.id for view in services.alerts.list(anna)] == [new]
