"""The routes of triggers and alerts, which are ours in TCI's style: shapes, errors, and whose they are."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.contract.house import House, check_error
from tests.services.alerts.conftest import write_alert

INDEX = {"name": "events", "fields": [
    {"name": "timestamp", "type": "long"}, {"name": "clientIp", "type": "ip"}, {"name": "n", "type": "int"}]}
TRIGGER = {"name": "scans", "query": 'src stream="events" | n > 5'}
WHOLE = {
    "name": "scans", "query": 'src stream="events" | n > 5', "description": "", "active": True,
    "condition": {"field": None, "op": ">", "value": 0}, "interval_s": 60, "on_new_data": False, "window_s": 0,
    "by": [], "cooldown_s": None, "severity": "Medium", "title": "", "webhooks": [], "capture": None,
}


@pytest.fixture
def events(house: House) -> House:
    house.services.indexes.create(house.boss.actor, INDEX)
    return house


def test_create_get_list_change_delete(events: House) -> None:
    boss = events.boss
    assert boss.get("/triggers").json == []
    answer = boss.post("/triggers", json=TRIGGER)
    assert answer.status_code == 200, answer.text
    made = answer.json
    assert {name: made[name] for name in WHOLE} == WHOLE
    assert (made["owner"], made["runs"], made["error"], made["ran_at"]) == ("boss", 0, "", None)
    one = f"/triggers/{made['id']}"
    assert boss.get(one).json == made
    assert boss.get("/triggers").json == [made]
    answer = boss.put(one, json={"severity": "High", "condition": {"field": "n", "value": 7}})
    assert answer.status_code == 200, answer.text
    assert (answer.json["severity"], answer.json["query"]) == ("High", TRIGGER["query"])
    assert answer.json["condition"] == {"field": "n", "op": ">", "value": 7}
    assert boss.put(one, json={}).json == {**answer.json, "modified_at": boss.get(one).json["modified_at"]}
    check_error(boss.post("/triggers", json=TRIGGER), 400, "name", "already")
    gone = boss.delete(one)
    assert (gone.status_code, gone.data) == (204, b"")
    check_error(boss.get(one), 404)
    check_error(boss.delete(one), 404)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": ""}, ("name",)), ({"name": 7}, ("name",)), ({"query": None}, ("query",)),
        ({"query": 'src stream="events" | n >'}, ("query: line 1",)), ({"query": 'src stream="nothing"'}, ("nothing",)),
        ({"severity": "Bad"}, ("severity",)), ({"interval_s": -1}, ("interval_s",)),
        ({"interval_s": 0}, ("on_new_data",)), ({"condition": {"value": 5}}, ("window_s",)),
        ({"by": ["none"]}, ("by[0]", "clientIp")), ({"title": "${none}"}, ("none",)),
        ({"webhooks": [{"url": "https://evil.example/"}]}, ("webhooks[0].url", "alerts.webhook_hosts")),
        ({"capture": {"drones": ["nobody"], "duration": 1, "max_capture_data": 1}}, ("capture", "nobody")),
        ({"capture": {"drones": ["probe"], "duration": 0, "max_capture_data": 1}}, ("duration",)),
    ],
)
def test_what_is_wrong_is_named(events: House, change: dict[str, Any], words: tuple[str, ...]) -> None:
    check_error(events.boss.post("/triggers", json={**TRIGGER, **change}), 400, *words)
    assert events.boss.get("/triggers").json == []


def test_a_trial(events: House) -> None:
    boss = events.boss
    made = boss.post("/triggers", json={**TRIGGER, "title": "scan by ${clientIp}"}).json
    now = int(time.time() * 1000)
    events.services.indexes.inject(
        boss.actor, "events", ["timestamp", "clientIp", "n"], [[now - 1000, "192.0.2.1", 7], [now - 1000, "::1", 1]])
    answer = boss.post(f"/triggers/{made['id']}/run")
    assert answer.status_code == 200, answer.text
    (alert,) = answer.json["alerts"]
    assert (alert["name"], alert["event_ms"], alert["rows"]) == ("scan by 192.0.2.1", now - 1000, 1)
    assert (answer.json["rows"], answer.json["left_out"]) == (1, 0)
    assert answer.json["end_ms"] - answer.json["start_ms"] == 3_600_000
    answer = boss.post(f"/triggers/{made['id']}/run?last_s=5")
    assert answer.json["end_ms"] - answer.json["start_ms"] == 5000
    check_error(boss.post(f"/triggers/{made['id']}/run?last_s=0"), 400, "last_s")


def test_triggers_are_their_owners_own(events: House) -> None:
    made = events.boss.post("/triggers", json=TRIGGER).json
    one = f"/triggers/{made['id']}"
    low = events.user("low", 9)
    assert low.get("/triggers").json == []
    check_error(low.get(one), 404)
    check_error(low.put(one, json={"active": False}), 404)
    check_error(low.delete(one), 404)
    check_error(low.post(f"{one}/run"), 404)
    assert events.boss.get(one).json == made


def test_alerts(house: House) -> None:
    boss = house.boss
    assert boss.get("/alerts").json == []
    first = write_alert(house.services, boss.actor, {"clientIp": "192.0.2.1"}, rows=3, severity="High")
    second = write_alert(house.services, boss.actor, trigger_id="other", webhooks=[{"url": "https://h.example/secret"}])
    listed = boss.get("/alerts").json
    assert [alert["id"] for alert in listed] == [second, first]
    assert (listed[1]["rows"], listed[1]["fields"], listed[1]["severity"]) == (3, {"clientIp": "192.0.2.1"}, "High")
    assert listed[0]["deliveries"] == [
        {"kind": "json", "to": "h.example", "state": "pending", "attempts": 0, "status": None, "error": ""}]
    for query, wanted in (
        ("severity=High", [first]), ("trigger=other", [second]), (f"before={second}", [first]), ("limit=1", [second]),
        ("seen=true", []), ("seen=false", [second, first]), ("since=99999999999999", []),
        ("until=99999999999999", [second, first]),
    ):
        assert [alert["id"] for alert in boss.get(f"/alerts?{query}").json] == wanted, query
    answer = boss.put(f"/alerts/{first}", json={"seen": True, "comment": "ours"})
    assert (answer.json["seen"], answer.json["comment"], answer.json["handled_by"]) == (True, "ours", "boss")
    assert boss.get(f"/alerts/{first}").json == answer.json
    check_error(boss.put(f"/alerts/{first}", json={"seen": "yes"}), 400, "seen")
    check_error(boss.get("/alerts/99"), 404)
    for query in ("limit=0", "limit=1001", "severity=Bad", "before=x", "seen=7"):
        check_error(boss.get(f"/alerts?{query}"), 400, query.split("=")[0])
    low = house.user("low", 9)
    assert low.get("/alerts").json == []
    check_error(low.get(f"/alerts/{first}"), 404)
