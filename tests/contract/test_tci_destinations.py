"""TCI's routes of destinations, row by row of its documented table; here each belongs to its owner alone."""

from __future__ import annotations

from typing import Any

import pytest

from tapiary.accounts import Permission
from tests.contract.house import House, check_error


def test_create_get_and_list(house: House) -> None:
    assert house.boss.get("/destinations").json == []
    answer = house.boss.post("/destinations", json={"name": "vault", "path": str(house.destinations)})
    assert answer.status_code == 200
    assert answer.json == {"id": 1, "owner": "boss", "name": "vault", "path": str(house.destinations)}
    assert house.boss.get("/destinations").json == [answer.json]
    assert house.boss.get("/destinations/1").json == answer.json


@pytest.mark.parametrize(
    ("order", "field"),
    [
        ({"path": "."}, "name"),
        ({"name": "", "path": "."}, "name"),
        ({"name": "x" * 31, "path": "."}, "name"),
        ({"name": 7, "path": "."}, "name"),
        ({"name": "x"}, "path"),
        ({"name": "x", "path": ""}, "path"),
        ({"name": "x", "path": None}, "path"),
        ({"name": "x", "path": "relative"}, "path"),
        ({"name": "x", "path": "/etc"}, "path"),
        ({"name": "x", "path": "./none"}, "path"),
        ({"name": "x", "path": "./../data"}, "path"),
        ({"name": "x", "path": "/" + "x" * 128}, "path"),
        ({"name": "x", "path": "/a\0b"}, "path"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_create_names_what_is_wrong(office: House, order: dict[str, Any], field: str) -> None:
    if isinstance(order.get("path"), str) and order["path"].startswith("."):
        order = {**order, "path": str(office.destinations) + order["path"][1:]}
    check_error(office.boss.post("/destinations", json=order), 400, field)


def test_edit(house: House) -> None:
    house.boss.post("/destinations", json={"name": "vault", "path": str(house.destinations)})
    other = house.destinations / "other"
    other.mkdir()
    answer = house.boss.put("/destinations/1", json={"name": "cellar"})
    assert (answer.status_code, answer.json["name"], answer.json["path"]) == (200, "cellar", str(house.destinations))
    answer = house.boss.put("/destinations/1", json={"path": str(other)})
    assert (answer.status_code, answer.json["name"], answer.json["path"]) == (200, "cellar", str(other))
    assert house.boss.put("/destinations/1", json={}).json == answer.json
    check_error(house.boss.put("/destinations/1", json={"id": 1}), 400, "id")
    check_error(house.boss.put("/destinations/1", json={"id": None}), 400, "id")
    check_error(house.boss.put("/destinations/1", json={"path": "/etc"}), 400, "path")
    check_error(house.boss.put("/destinations/1", json=[]), 400)
    check_error(house.boss.put("/destinations/2", json={"name": "x"}), 400, "2")


def test_delete(house: House) -> None:
    house.boss.post("/destinations", json={"name": "vault", "path": str(house.destinations)})
    answer = house.boss.delete("/destinations/1")
    assert (answer.status_code, answer.data) == (204, b"")
    assert house.destinations.is_dir()
    check_error(house.boss.get("/destinations/1"), 404)
    check_error(house.boss.delete("/destinations/1"), 400, "1")


def test_others_have_no_part_in_it(house: House) -> None:
    house.boss.post("/destinations", json={"name": "vault", "path": str(house.destinations)})
    master = house.user("master", 5, Permission.SCRIPT_MASTER)
    assert master.get("/destinations").json == []
    check_error(master.get("/destinations/1"), 403)
    check_error(master.put("/destinations/1", json={"name": "mine"}), 403)
    check_error(master.delete("/destinations/1"), 403)


def test_who_may_make_them(house: House) -> None:
    low = house.user("low", 9, 63 & ~Permission.SCRIPT_MASTER)
    assert low.get("/destinations").json == []
    check_error(low.post("/destinations", json={"name": "x", "path": str(house.destinations)}), 403)
    check_error(low.put("/destinations/1", json={"name": "x"}), 403)
    check_error(low.delete("/destinations/1"), 403)
    for number in ("0", "9223372036854775807"):
        check_error(house.boss.get(f"/destinations/{number}"), 404)
