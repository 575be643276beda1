"""What alerts set going: webhooks to a real receiver, captures of a hive."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tapiary.accounts import Actor
from tapiary.database import Alert
from tapiary.services import Services
from tapiary.services.alerts import delivery
from tapiary.services.alerts.delivery import Delivery
from tests.services.alerts.conftest import make_services, user, write_alert
from tests.services.alerts.receiver import Receiver
from tests.services.captures.conftest import PlayedDrone

CAPTURE = {"drones": ["probe"], "duration": 5, "max_capture_data": 1000}


def deliver(services: Services) -> None:
    """Do all that is due now."""
    found = Delivery(services)
    for alert_id in found.due():
        found.deliver(alert_id)


def states(services: Services, actor: Actor, alert_id: int) -> list[tuple[str, str, int, int | None]]:
    alert = services.alerts.get(actor, alert_id)
    return [(each.kind, each.state, each.attempts, each.status) for each in alert.deliveries]


def let_it_be_due(services: Services, alert_id: int) -> None:
    """As if the pause, or a dead process's lease, had ended."""
    with services.database.session() as session:
        alert = session.get_one(Alert, alert_id)
        alert.due_at, alert.deliveries = time.time(), [{**entry, "due_at": 0.0} for entry in alert.deliveries]


def hooks(receiver: Receiver, *formats: str) -> list[dict[str, str]]:
    return [{"url": receiver.url, "format": form} for form in formats]


def test_three_forms(services: Services, anna: Actor, receiver: Receiver) -> None:
    fields = {"clientIp": "192.0.2.1", "host": "<b>&", "nothing": None, "timestamp": 1_700_000_000_000}
    number = write_alert(services, anna, fields, severity="High", webhooks=hooks(receiver, "json", "slack", "teams"))
    deliver(services)
    assert states(services, anna, number) == [
        ("json", "done", 1, 200), ("slack", "done", 1, 200), ("teams", "done", 1, 200)]
    generic, slack, teams = [each.body for each in receiver.received]
    assert (generic["id"], generic["alertName"], generic["alertSeverity"]) == (number, "scan", "High")
    assert generic["fields"] == fields
    assert slack["text"].startswith("*High: scan* (")
    assert "• host: &lt;b&gt;&amp;" in slack["text"]
    assert "nothing" not in slack["text"]
    card = teams["attachments"][0]["content"]
    assert (card["type"], card["body"][0]["text"]) == ("AdaptiveCard", "High: scan")
    assert {"title": "clientIp", "value": "192.0.2.1"} in card["body"][2]["facts"]
    assert Delivery(services).due() == []


def test_the_address_is_shown_to_nobody(services: Services, anna: Actor, receiver: Receiver) -> None:
    number = write_alert(services, anna, webhooks=hooks(receiver, "json"))
    assert [each.to for each in services.alerts.get(anna, number).deliveries] == [receiver.host]


@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_a_receiver_that_is_not_well_is_asked_again(
    services: Services, anna: Actor, status: int, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "BACKOFF_S", (60.0,))
    with Receiver(status) as ill:
        services.config.alerts.webhook_hosts.append(ill.host)
        number = write_alert(services, anna, webhooks=[*hooks(ill, "json"), *hooks(receiver, "json")])
        deliver(services)
        assert states(services, anna, number) == [("json", "pending", 1, status), ("json", "done", 1, 200)]
        assert Delivery(services).due() == []
        let_it_be_due(services, number)
        deliver(services)
        assert states(services, anna, number) == [("json", "done", 2, 200), ("json", "done", 1, 200)]
        assert (len(ill.received), len(receiver.received)) == (2, 1)


def test_it_is_given_up_after_a_few_times(
    services: Services, anna: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "BACKOFF_S", (0.0, 0.0))
    with Receiver(500, 500, 500) as ill:
        services.config.alerts.webhook_hosts.append(ill.host)
        number = write_alert(services, anna, webhooks=hooks(ill, "json"))
        for _ in range(3):
            deliver(services)
        assert states(services, anna, number) == [("json", "failed", 3, 500)]
        assert Delivery(services).due() == []


@pytest.mark.parametrize("status", [301, 307, 400, 403, 404, 410])
def test_a_refusal_is_not_repeated(services: Services, anna: Actor, status: int) -> None:
    with Receiver(status) as ill:
        services.config.alerts.webhook_hosts.append(ill.host)
        number = write_alert(services, anna, webhooks=hooks(ill, "json"))
        deliver(services)
        assert states(services, anna, number) == [("json", "failed", 1, status)]
        assert services.alerts.get(anna, number).deliveries[0].error == f"answered {status}"


def test_a_host_that_is_no_longer_allowed_gets_nothing(services: Services, anna: Actor, receiver: Receiver) -> None:
    number = write_alert(services, anna, webhooks=hooks(receiver, "json"))
    services.config.alerts.webhook_hosts.clear()
    deliver(services)
    assert states(services, anna, number) == [("json", "failed", 1, None)]
    assert receiver.received == []


def test_a_capture_is_ordered_and_linked(services: Services, anna: Actor, receiver: Receiver) -> None:
    drone = PlayedDrone(services, "probe")
    drone.connect()
    capture = {**CAPTURE, "filter": "host ${clientIp} and port ${serverPort}"}
    number = write_alert(services, anna, capture=capture, webhooks=hooks(receiver, "json"))
    deliver(services)
    alert = services.alerts.get(anna, number)
    assert [(each.kind, each.to, each.state) for each in alert.deliveries] == [
        ("capture", "probe", "done"), ("json", receiver.host, "done")]
    assert alert.capture_id is not None
    made = services.captures.get(anna, alert.capture_id)
    assert (made.name, made.owner, made.status) == (f"Alert {number}: scan", "anna", "In progress")
    assert (made.filter, made.duration_s, made.max_bytes) == ("host 192.0.2.1 and port 22", 5, 1000)
    assert drone.take("start_job").filter == "host 192.0.2.1 and port 22"
    assert receiver.received[0].body["captureId"] == alert.capture_id
    (entry,) = services.accounts.audit.list(action="capture.create")
    assert (entry.user_name, entry.means) == ("anna", "trigger:t")


def test_a_capture_is_ordered_once_though_the_server_died_right_after(services: Services, anna: Actor) -> None:
    PlayedDrone(services, "probe").connect()
    number = write_alert(services, anna, capture=CAPTURE)
    found = Delivery(services)
    with pytest.MonkeyPatch.context() as patch:
        def die(*_: Any) -> None:
            raise SystemExit

        patch.setattr(services.hive, "round", die)  # the order is committed by then
        with pytest.raises(SystemExit):
            found.deliver(number)
    assert [each[1] for each in states(services, anna, number)] == ["pending"]
    assert found.due() == []  # until the lease ends
    let_it_be_due(services, number)
    deliver(services)
    assert [each[1] for each in states(services, anna, number)] == ["done"]
    assert len(services.captures.list(anna)) == 1


@pytest.mark.parametrize(
    ("fields", "capture", "error"),
    [
        ({"clientIp": "192.0.2.1 or ip"}, {"filter": "host ${clientIp}"}, "a filter takes addresses"),
        ({"clientIp": "192.0.2.1"}, {"filter": "hst ${clientIp}"}, "syntax error"),
        ({"clientIp": "192.0.2.1"}, {"drones": ["nobody"]}, "there is no drone 'nobody'"),
        ({"clientIp": "192.0.2.1"}, {"script_name": "none"}, "there is no script 'none'"),
    ],
)
def test_an_order_that_cannot_be_is_told(
    services: Services, anna: Actor, fields: dict[str, Any], capture: dict[str, Any], error: str
) -> None:
    PlayedDrone(services, "probe").connect()
    number = write_alert(services, anna, fields, capture={**CAPTURE, **capture})
    deliver(services)
    (entry,) = services.alerts.get(anna, number).deliveries
    assert entry.state == "failed"
    assert error in entry.error
    assert services.captures.list(anna) == []


def test_the_order_is_the_owners_with_the_rights_of_now(services: Services) -> None:
    PlayedDrone(services, "probe").connect()
    low = user(services, "low", 50)
    number = write_alert(services, low, capture=CAPTURE)
    deliver(services)
    (entry,) = services.alerts.get(low, number).deliveries
    assert (entry.state, "SCRIPT_MASTER" in entry.error) == ("failed", True)


def test_captures_of_triggers_are_bounded(tmp_path: Path) -> None:
    services = make_services(tmp_path, max_captures=2)
    try:
        anna = user(services, "anna", 5, 16)
        PlayedDrone(services, "probe").connect()
        numbers = [write_alert(services, anna, capture=CAPTURE) for _ in range(3)]
        deliver(services)
        assert [states(services, anna, number)[0][1] for number in numbers] == ["done", "done", "failed"]
        assert "alerts.max_captures: 2" in services.alerts.get(anna, numbers[2]).deliveries[0].error
    finally:
        services.close()


def test_an_alert_of_a_user_who_is_gone_orders_nothing(services: Services, anna: Actor) -> None:
    from tapiary.accounts import LOCAL

    gone = user(services, "gone", 50)
    number = write_alert(services, gone, capture=CAPTURE)
    services.accounts.users.delete(LOCAL, "gone")
    deliver(services)
    boss = services.accounts.users.actor(1, means="test")
    assert boss is not None
    assert "owner is gone" in services.alerts.get(boss, number).deliveries[0].error
