"""TCI's routes of scripts, row by row of its documented table."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tapiary.accounts import Permission
from tests.contract.house import House, check_error

TEXT = b"#!/bin/sh\ncp $1 $2\n"
SCRIPT = {"name", "description", "authorization_level", "file_contents", "filetype"}


def body(contents: bytes = TEXT, **members: Any) -> dict[str, Any]:
    """An order for a script, with these members changed; None leaves one out."""
    whole = {
        "name": "copy", "authorization_level": 9, "file_contents": base64.b64encode(contents).decode(),
        "description": "copies", **members,
    }
    return {name: value for name, value in whole.items() if value is not None}


@pytest.fixture
def level(house: House) -> House:
    """A hive that knows level 9."""
    house.user("low", 9)
    return house


def test_create_get_and_list(level: House) -> None:
    answer = level.boss.post("/scripts", json=body())
    assert answer.status_code == 200
    script = answer.json
    assert set(script) == SCRIPT
    assert script == {
        "name": "copy", "description": "copies", "authorization_level": 9, "filetype": "text/x-shellscript",
        "file_contents": base64.b64encode(TEXT).decode(),
    }
    assert level.boss.get("/scripts/copy").json == script
    assert script in level.boss.get("/scripts").json
    answer = level.boss.get("/scripts/copy/file")
    assert answer.status_code == 200
    assert answer.json == {"filetype": "text/x-shellscript", "file": base64.b64encode(TEXT).decode()}


def test_a_description_is_not_needed(level: House) -> None:
    answer = level.boss.post("/scripts", json={**body(), "description": None})
    assert (answer.status_code, answer.json["description"]) == (200, None)
    assert level.boss.post("/scripts", json=body(name="other", description=None)).status_code == 200


def test_the_list_has_what_one_may_use(level: House) -> None:
    for name, number in (("everybody", 9), ("bosses", 1)):
        level.boss.post("/scripts", json=body(name=name, authorization_level=number))
    master = level.user("master", 5, Permission.SCRIPT_MASTER)
    for caller in (master, level.user("lower", 9)):
        names = {script["name"] for script in caller.get("/scripts").json}
        assert "everybody" in names
        assert "bosses" not in names
    check_error(master.get("/scripts/bosses"), 403)
    assert master.get("/scripts/everybody").status_code == 200


@pytest.mark.parametrize(
    ("order", "field"),
    [
        (body(name=None), "name"),
        (body(name="x" * 21), "name"),
        (body(name=""), "name"),
        (body(name=7), "name"),
        (body(name="None"), "name"),
        (body(authorization_level=None), "authorization_level"),
        (body(authorization_level=0), "authorization_level"),
        (body(authorization_level="9"), "authorization_level"),
        (body(authorization_level=4711), "authorization_level"),
        (body(authorization_level=2**40), "authorization_level"),
        (body(file_contents=None) | {"x": 1}, "file_contents"),
        (body(file_contents="#!/bin/sh"), "file_contents"),
        (body(file_contents="é"), "file_contents"),
        (body(file_contents=7), "file_contents"),
        (body(b""), "file_contents"),
        (body(b"echo no shebang\n"), "file_contents"),
        (body(b"#!/bin/sh\n" + bytes(1 << 20)), "file_contents"),
        (body(description=7), "description"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_create_names_what_is_wrong(office: House, order: dict[str, Any], field: str) -> None:
    if "file_contents" not in order:
        order = {name: value for name, value in order.items() if name != "x"}
    check_error(office.boss.post("/scripts", json=order), 400, field)


def test_a_large_script_just_below_the_limit(level: House) -> None:
    contents = TEXT + b"#" * ((1 << 20) - len(TEXT) - 1)
    assert level.boss.post("/scripts", json=body(contents)).status_code == 200
    assert base64.b64decode(level.boss.get("/scripts/copy/file").json["file"]) == contents


def test_a_name_is_taken_once(level: House) -> None:
    level.boss.post("/scripts", json=body())
    check_error(level.boss.post("/scripts", json=body()), 400, "name")


def test_delete(level: House) -> None:
    level.boss.post("/scripts", json=body())
    answer = level.boss.delete("/scripts/copy")
    assert (answer.status_code, answer.data) == (204, b"")
    for path in ("/scripts/copy", "/scripts/copy/file"):
        check_error(level.boss.get(path), 400, "copy")
    check_error(level.boss.delete("/scripts/copy"), 400, "copy")


def test_a_script_that_jobs_name_stays(level: House) -> None:
    level.boss.post("/scripts", json=body())
    assert level.boss.order(script_name="copy").json["script_name"] == "copy"
    check_error(level.boss.delete("/scripts/copy"), 400, "job 1")


def test_a_script_of_higher_ranks_cannot_be_ordered(level: House) -> None:
    level.boss.post("/scripts", json=body(authorization_level=1))
    check_error(level.user("lower", 9).order(script_name="copy"), 403, "script_name")


def test_shipped_scripts_are_for_everybody(level: House) -> None:
    level.services.scripts.install_shipped()
    lower = level.user("lower", 9)
    names = [script["name"] for script in lower.get("/scripts").json]
    assert len(names) >= 3
    assert lower.order(script_name=names[0]).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "order"),
    [
        ("POST", "/scripts", body()),
        ("GET", "/scripts/copy", None),
        ("GET", "/scripts/copy/file", None),
        ("DELETE", "/scripts/copy", None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_list_alone_is_for_everybody(house: House, method: str, path: str, order: Any) -> None:
    check_error(house.user("low", 9, 63 & ~Permission.SCRIPT_MASTER).request(method, path, json=order), 403)
