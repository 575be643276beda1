"""Custom indexes in Sycope's dialect: what may be made, what may change."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

import pytest

from tests.contract.npm import INDEX, OK, TIMESTAMP, Npm, check_error

TYPES = (
    "string", "boolean", "byte", "short", "int", "long", "float", "double", "ip", "ip4", "ip6", "subnet", "ifc", "mac",
    "set",
)
NUMERIC = ("byte", "short", "int", "long", "float", "double")


def config(name: str, *fields: Any, **members: Any) -> dict[str, Any]:
    return {"name": name, "active": True, "rotation": "daily", "storeRaw": True, "fields": list(fields), **members}


def test_wrapped_and_flat_bodies_are_the_same(npm: Npm) -> None:
    flat = config("flat", TIMESTAMP)
    wrapped = {"category": "userIndex.index", "config": config("wrapped", TIMESTAMP)}
    for body in (flat, wrapped, {"config": config("without category", TIMESTAMP)}):
        made = npm.alice.make(INDEX, body)
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}", made)
        assert npm.alice.put(f"{INDEX}/{made}", json=body).json == OK
    names = [each["config"]["name"] for each in npm.alice.get("/config-elements").json["data"]]
    assert names == ["flat", "wrapped", "without category"]


def test_all_types_in_any_case_are_shown_as_they_were_sent(npm: Npm) -> None:
    fields = [TIMESTAMP, *({"name": f"f_{kind}", "type": kind.upper()} for kind in TYPES)]
    made = npm.alice.make(INDEX, config("upper", *fields))
    assert npm.alice.get(f"{INDEX}/{made}").json["config"]["fields"] == fields


@pytest.mark.parametrize("kind", TYPES)
def test_sortable_is_for_numbers_alone(shared_npm: Npm, kind: str) -> None:
    field = {"name": "f", "type": kind, "sortable": True}
    answer = shared_npm.alice.post(INDEX, json=config(f"sortable {kind}", TIMESTAMP, field))
    if kind in NUMERIC:
        assert answer.status_code == 200, answer.text
    else:
        check_error(answer, 400, "sortable", "f")


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (config("x"), "fields"),
        (config("x", {"name": "a", "type": "int"}), "timestamp"),
        (config("x", {"name": "timestamp", "type": "int"}), "timestamp"),
        (config("x", TIMESTAMP, TIMESTAMP), "timestamp"),
        (config("x", TIMESTAMP, {"name": "a", "type": "number"}), "type"),
        (config("x", TIMESTAMP, {"name": "a"}), "type"),
        (config("x", TIMESTAMP, {"type": "int"}), "name"),
        (config("x", TIMESTAMP, {"name": "a b", "type": "int"}), "name"),
        (config("x", TIMESTAMP, {"name": "_stream", "type": "int"}), "_stream"),
        (config("x", TIMESTAMP, "a"), "fields"),
        (config("x", TIMESTAMP, rotation="yearly"), "rotation"),
        (config("x", TIMESTAMP, active="yes"), "active"),
        (config("x", TIMESTAMP, storeRaw=1), "storeRaw"),
        (config("", TIMESTAMP), "name"),
        (config("a\0b", TIMESTAMP), "name"),
        (config("x" * 256, TIMESTAMP), "name"),
        (config("netflow", TIMESTAMP), "netflow"),
        (config("NetFlow", TIMESTAMP), "built-in"),
        (config("x", *({"name": f"f{n}", "type": "int"} for n in range(600))), "max_fields"),
        ({"config": config("x", TIMESTAMP), "category": "lookup.lookup"}, "category"),
        ({"config": []}, "config"),
        ([], "JSON object"),
        ("a text", "JSON object"),
        (None, "JSON object"),
    ],
)
def test_what_cannot_be_made_is_told_by_its_name(shared_npm: Npm, body: Any, word: str) -> None:
    before = shared_npm.alice.get("/config-elements").json["total"]
    check_error(shared_npm.alice.post(INDEX, json=body), 400, word)
    assert shared_npm.alice.get("/config-elements").json["total"] == before


def test_half_of_a_surrogate_pair_is_no_text(shared_npm: Npm) -> None:
    for body in (b'{"name": "\\ud800", "fields": []}', b'{"fields": [{"name": "\\ud800", "type": "int"}]}'):
        answer = shared_npm.alice.post(INDEX, data=body, content_type="application/json")
        check_error(answer, 400)


def test_bodies_nested_beyond_reason(shared_npm: Npm) -> None:
    body = b'{"config": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    for path in (INDEX, "/config-element-lookup/csvFile", "/index/inject", "/pipeline/run", "/login"):
        check_error(shared_npm.alice.post(path, data=body, content_type="application/json"), 400)


def test_names_are_unique(npm: Npm) -> None:
    npm.alice.index("taken")
    check_error(npm.alice.post(INDEX, json=config("taken", TIMESTAMP)), 409, "taken")
    check_error(npm.bob.post(INDEX, json=config("taken", TIMESTAMP)), 409, "taken")


def test_fields_may_be_added_and_described_and_nothing_else(npm: Npm) -> None:
    number = {"name": "n", "type": "int", "sortable": True, "description": "a", "displayName": "b"}
    before = config("mine", TIMESTAMP, number)
    made = npm.alice.make(INDEX, before)
    path = f"{INDEX}/{made}"
    for change, word in (
        ({"type": "long"}, "n: its type"), ({"sortable": False}, "sortable"), ({"name": "m"}, "n is missing"),
    ):
        after = deepcopy(before)
        after["fields"][1] |= change
        check_error(npm.alice.put(path, json=after), 400, word)
    check_error(npm.alice.put(path, json=config("mine", TIMESTAMP)), 400, "n is missing")
    check_error(npm.alice.put(path, json=config("yours", TIMESTAMP, number)), 400, "name")
    check_error(npm.alice.put(path, json=config("mine", TIMESTAMP, number, rotation="monthly")), 400, "rotation")
    assert npm.alice.get(path).json["config"] == before
    npm.alice.inject("mine", ["timestamp", "n"], [[1, 1]])
    after = config("mine", TIMESTAMP, {**number, "description": "c", "displayName": "d"}, {"name": "s", "type": "set"})
    assert npm.alice.put(path, json=after).json == OK
    assert npm.alice.get(path).json["config"] == after
    npm.alice.inject("mine", ["timestamp", "s"], [[2, ["a", "b"]]])
    rows = npm.alice.rows('src stream="mine" | sort timestamp | project +timestamp, n, s')
    assert rows == [{"timestamp": 1, "n": 1, "s": None}, {"timestamp": 2, "n": None, "s": ["a", "b"]}]


def test_an_index_that_is_off(npm: Npm) -> None:
    made = npm.alice.index("switched")
    npm.alice.inject("switched", ["timestamp"], [[1]])
    off, on = (config("switched", TIMESTAMP, active=active) for active in (False, True))
    assert npm.alice.put(f"{INDEX}/{made}", json=off).json == OK
    check_error(npm.alice.inject("switched", ["timestamp"], [[2]]), 409, "switched")
    check_error(npm.alice.post("/pipeline/run", json={"nql": 'src stream="switched"'}), 400, "is switched off")
    assert npm.alice.put(f"{INDEX}/{made}", json=on).json == OK
    assert [row["timestamp"] for row in npm.alice.rows('src stream="switched"')] == [1]


def test_a_deleted_index_leaves_nothing_to_its_successor(npm: Npm) -> None:
    made = npm.alice.index("again", n="int")
    npm.alice.inject("again", ["timestamp", "n"], [[1, 1]])
    assert npm.alice.delete(f"{INDEX}/{made}").json == OK
    check_error(npm.alice.delete(f"{INDEX}/{made}"), 404, made)
    check_error(npm.alice.inject("again", ["timestamp"], [[1]]), 404, "again")
    npm.alice.index("again", n="string")
    assert npm.alice.rows('src stream="again"') == []
