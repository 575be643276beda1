"""TCI's routes of drones, row by row of its documented table, and their old name, lines."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tapiary.accounts import LOCAL
from tests.contract.house import House, check_error

DRONE = {
    "name", "description", "capture_backend", "status", "color",
    "created_at", "last_seen_at", "release", "interfaces",
}
SHARE = {"job_id", "drone_name", "captured_data", "status", "status_msg"}


def test_list(house: House) -> None:
    job_id = house.boss.order().json["id"]
    house.services.drones.create(LOCAL, "attic", "on the roof")
    (attic, probe) = house.user("low", 9).get("/drones").json
    assert set(attic) == set(probe) == DRONE | {"jobs"}
    assert (attic["name"], attic["description"], attic["status"], attic["capture_backend"]) == (
        "attic", "on the roof", "Pending", "unknown",
    )
    assert attic["jobs"] == []
    assert attic["last_seen_at"] is None
    assert (probe["name"], probe["capture_backend"], probe["status"]) == ("probe", "tcpdump", "Sleeping")
    assert re.fullmatch(r"#[0-9A-Fa-f]{6}", probe["color"])
    (share,) = probe["jobs"]
    assert set(share) == SHARE
    assert share == {
        "job_id": job_id, "drone_name": "probe", "captured_data": 0, "status": "Waiting", "status_msg": "Just created.",
    }


def test_get_has_no_jobs(house: House) -> None:
    answer = house.boss.get("/drones/probe")
    assert answer.status_code == 200
    assert set(answer.json) == DRONE
    check_error(house.boss.get("/drones/none"), 404, "none")


def test_lines_are_drones(house: House) -> None:
    assert house.boss.get("/lines").json == house.boss.get("/drones").json
    assert house.boss.get("/lines/probe").json == house.boss.get("/drones/probe").json
    check_error(house.boss.get("/lines/none"), 404)


def test_what_a_drone_of_ours_says_of_itself(house: House) -> None:
    house.drone("better", ours=True).connect()
    assert house.boss.get("/drones/better").json["interfaces"] == ["eth0", "eth1"]


def test_create_shows_the_token_once(house: House) -> None:
    answer = house.boss.post("/drones", json={"name": "new", "description": "the newest"})
    assert answer.status_code == 200
    assert set(answer.json) == DRONE | {"jobs", "token"}
    assert (answer.json["status"], answer.json["description"], answer.json["jobs"]) == ("Pending", "the newest", [])
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", answer.json["token"])
    assert house.services.hive.authenticate(answer.json["token"])
    assert "token" not in house.boss.get("/drones/new").json
    # TCI's drone takes its token out of this answer line by line.
    assert f'"token": "{answer.json["token"]}"' in [line.strip(" ,") for line in answer.text.splitlines()]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"description": "x"}, "name"),
        ({"name": "", "description": "x"}, "name"),
        ({"name": "x" * 31}, "name"),
        ({"name": "probe"}, "name"),
        ({"name": "a/b"}, "name"),
        ({"name": "disconnect"}, "name"),
        ({"name": "deactivated"}, "name"),
        ({"name": "*"}, "name"),
        ({"name": "x\0"}, "name"),
        ({"name": 7}, "name"),
        ({"name": "x", "description": 7}, "description"),
        ([], "body"),
    ],
)
def test_create_names_what_is_wrong(office: House, body: Any, field: str) -> None:
    check_error(office.boss.post("/drones", json=body), 400, field)


@pytest.mark.parametrize("extra", [{}, {"description": None}, {"description": "", "unknown": 1}])
def test_create_without_a_description(house: House, extra: dict[str, Any]) -> None:
    answer = house.boss.post("/drones", json={"name": "new", **extra})
    assert (answer.status_code, answer.json["description"]) == (200, "")


def test_a_new_token_ends_the_old_one(house: House) -> None:
    answer = house.boss.put("/drones/probe")
    assert answer.status_code == 200
    assert set(answer.json) == {"token"}
    assert house.services.hive.authenticate(answer.json["token"]) == house.probe.id
    with pytest.raises(Exception, match="token"):
        house.services.hive.authenticate(house.probe.token)
    assert ("force_disconnect", None) in house.probe.orders
    check_error(house.boss.put("/drones/none"), 404)


def test_color(house: House) -> None:
    answer = house.boss.patch("/drones/probe", json={"color": "#aB12fF"})
    assert (answer.status_code, answer.json["color"]) == (200, "#aB12fF")
    assert set(answer.json) == DRONE | {"jobs"}
    for wrong in ("red", "#12345", "#1234567", "#12345g", "", None, 7, "#123456\n"):
        check_error(house.boss.patch("/drones/probe", json={"color": wrong}), 400, "color")
    check_error(house.boss.patch("/drones/probe", json={}), 400, "color")
    check_error(house.boss.patch("/drones/none", json={"color": "#000000"}), 404)


def test_delete(house: House) -> None:
    house.services.drones.create(LOCAL, "attic")
    answer = house.boss.delete("/drones/attic")
    assert (answer.status_code, answer.data) == (204, b"")
    check_error(house.boss.delete("/drones/attic"), 404)


def test_a_drone_that_jobs_refer_to_stays(house: House) -> None:
    house.boss.order()
    check_error(house.boss.delete("/drones/probe"), 400, "probe")


def test_queue(house: House) -> None:
    first, second, third = (house.boss.order(priority=priority).json["id"] for priority in (0, 1, -1))
    answer = house.user("low", 9).get("/drones/probe/queue")
    assert (answer.status_code, answer.json) == (200, {"active": first, "queue": [third, second]})
    house.services.drones.create(LOCAL, "attic")
    assert house.boss.get("/drones/attic/queue").json == {"active": None, "queue": []}
    check_error(house.boss.get("/drones/none/queue"), 404)


def test_disconnect(house: House) -> None:
    other = house.drone("other")
    other.connect()
    answer = house.boss.delete("/drones/disconnect/other")
    assert (answer.status_code, answer.data) == (200, b"")
    assert ("force_disconnect", None) in other.orders
    assert ("force_disconnect", None) not in house.probe.orders
    answer = house.boss.delete("/drones/disconnect")
    assert (answer.status_code, answer.data) == (200, b"")
    assert ("force_disconnect", None) in house.probe.orders
    check_error(house.boss.delete("/drones/disconnect/none"), 404)


def test_deactivate_and_reactivate(house: House) -> None:
    assert house.boss.get("/drones/deactivated").json == []
    answer = house.boss.delete("/drones/deactivate/probe")
    assert (answer.status_code, answer.data) == (200, b"")
    (drone,) = house.boss.get("/drones/deactivated").json
    assert (drone["name"], drone["status"]) == ("probe", "Deactivated")
    assert house.boss.get("/drones").json == []
    with pytest.raises(Exception, match="deactivated"):
        house.services.hive.authenticate(house.probe.token)
    check_error(house.boss.order(), 400, "drones")
    answer = house.boss.patch("/drones/reactivate/probe")
    assert (answer.status_code, answer.data) == (200, b"")
    assert house.boss.get("/drones").json[0]["status"] == "Disconnected"
    check_error(house.boss.delete("/drones/deactivate/none"), 404)
    check_error(house.boss.patch("/drones/reactivate/none"), 404)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/drones", {"name": "x"}),
        ("PUT", "/drones/probe", None),
        ("PATCH", "/drones/probe", {"color": "#000000"}),
        ("DELETE", "/drones/probe", None),
        ("DELETE", "/drones/disconnect", None),
        ("DELETE", "/drones/disconnect/probe", None),
        ("GET", "/drones/deactivated", None),
        ("DELETE", "/drones/deactivate/probe", None),
        ("PATCH", "/drones/reactivate/probe", None),
    ],
)
def test_only_the_exact_value_63_administers_drones(office: House, method: str, path: str, body: Any) -> None:
    check_error(office.almost.request(method, path, json=body), 403)
