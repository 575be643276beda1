"""Lookups: kept and given back as sent, read by queries with their types."""

from __future__ import annotations

import time
from copy import deepcopy
from typing import Any

import pytest

from tapiary.accounts.cache import CACHE_S
from tapiary.errors import Conflict, Forbidden, InvalidInput, NotFound
from tapiary.query import IP, LONG, STRING
from tapiary.services import BadCells, Services
from tapiary.services.lookups import lookups
from tests.services.people import BOB, CLEO, add_people

BODY: dict[str, Any] = {
    "config": {"name": "app", "type": "csvFile", "active": True, "dataFile": "app.csv", "delimiter": ",",
               "types": ["ip", "INT", "string"]},
    "file": {"columns": ["ip", "port", "the name"],
             "rows": [["10.0.0.1", "80", "web"], ["::1", "", ""], [None, "-5", "\U0001f600"], ["", "1", None]]},
}
SUBNETS: dict[str, Any] = {
    "config": {"name": "hosts & subnets", "type": "subnet", "active": True},
    "file": {"columns": ["cidr", "name"],
             "rows": [["10.1.2.3/8", "all"], ["10.0.0.1", "one"], ["::1", "six"], ["", "-"]]},
}
FOUR = bytes(10) + b"\xff\xff"


@pytest.fixture(autouse=True)
def people(services: Services) -> None:
    """Four users."""
    add_people(services)


def changed(path: str, value: Any, body: dict[str, Any] = BODY) -> dict[str, Any]:
    """The body with another value at `config.name`; `...` removes what is there."""
    found = deepcopy(body)
    at: Any = found
    *way, last = path.split(".")
    for key in way:
        at = at[key]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return found


def test_given_back_key_for_key(services: Services) -> None:
    made = services.lookups.create(BOB, "csvFile", BODY)
    element, file = services.lookups.get(BOB, "csvFile", made.id)
    assert (element.config, file) == (BODY["config"], BODY["file"])
    assert (list(element.config), list(file)) == (list(BODY["config"]), ["columns", "rows"])
    assert (element.name, element.category, element.attributes, element.tags) == ("app", "lookup.lookup", None, None)


def test_rows_for_queries(services: Services) -> None:
    services.lookups.create(BOB, "csvFile", BODY)
    found = services.lookups.find(BOB, "app")
    assert (found.name, found.kind, found.overlapping) == ("app", "csvFile", False)
    assert dict(found.fields) == {"ip": IP, "port": LONG, "the name": STRING}
    assert services.lookups.relation(found).to_pylist() == [
        {"ip": FOUR + b"\x0a\0\0\1", "port": 80, "the name": "web", "_row": 0},
        {"ip": bytes(15) + b"\1", "port": None, "the name": "", "_row": 1},
        {"ip": None, "port": -5, "the name": "\U0001f600", "_row": 2},
        {"ip": None, "port": 1, "the name": None, "_row": 3},
    ]


def test_networks_for_queries(services: Services) -> None:
    services.lookups.create(BOB, "subnet", SUBNETS)
    found = services.lookups.find(BOB, "hosts & subnets")
    assert dict(found.fields) == {"cidr": STRING, "name": STRING}
    table = services.lookups.relation(found)
    assert table.column("_net").to_pylist() == [
        FOUR + b"\x0a\0\0\0" + FOUR + b"\x0a\xff\xff\xff\x08", (FOUR + b"\x0a\0\0\1") * 2 + b"\x20",
        (bytes(15) + b"\1") * 2 + b"\x80", None]
    assert table.column("cidr").to_pylist() == ["10.1.2.3/8", "10.0.0.1", "::1", ""]
    assert not found.overlapping


def test_modes_of_networks(services: Services) -> None:
    made = services.lookups.create(BOB, "subnet", changed("config.mode", "overlapping", SUBNETS))
    assert services.lookups.find(BOB, "hosts & subnets").overlapping
    services.lookups.replace(BOB, "subnet", made.id, changed("config.mode", "proper", SUBNETS))
    assert not services.lookups.find(BOB, "hosts & subnets").overlapping


def test_replaced_at_once_and_in_a_moment_for_another_process(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = services.lookups.create(BOB, "csvFile", BODY)
    other = Services(services.config)
    before = other.lookups.find(BOB, "app")
    assert other.lookups.find(BOB, "app") is before
    body = changed("file.rows", [["1.2.3.4", "1", "x"]]) | {
        "id": made.id, "category": "lookup.lookup", "attributes": {"defaultColumns": []}, "tags": ["t"]}
    body["config"]["name"] = "apps"
    services.lookups.replace(BOB, "csvFile", made.id, body)
    with pytest.raises(NotFound):
        services.lookups.find(BOB, "app")
    later = time.monotonic() + CACHE_S
    monkeypatch.setattr("tapiary.accounts.cache.time.monotonic", lambda: later)
    assert other.lookups.relation(other.lookups.find(BOB, "apps")).num_rows == 1
    assert other.lookups.relation(before).num_rows == 4
    with pytest.raises(NotFound):
        other.lookups.find(BOB, "app")
    other.close()
    element, file = services.lookups.get(BOB, "csvFile", made.id)
    assert (element.attributes, element.tags, file) == ({"defaultColumns": []}, ["t"], body["file"])


def test_what_is_not_sent_stays_and_null_clears(services: Services) -> None:
    made = services.lookups.create(BOB, "csvFile", {**BODY, "tags": [1], "attributes": {"a": 1}})
    services.lookups.replace(BOB, "csvFile", made.id, {**BODY, "tags": None})
    element, _ = services.lookups.get(BOB, "csvFile", made.id)
    assert (element.tags, element.attributes) == (None, {"a": 1})


def test_off_and_hidden(services: Services) -> None:
    made = services.lookups.create(BOB, "csvFile", changed("config.active", False))
    with pytest.raises(NotFound, match="switched off"):
        services.lookups.find(BOB, "app")
    services.lookups.replace(BOB, "csvFile", made.id, BODY)
    assert services.lookups.find(BOB, "app")
    for call in (
        lambda: services.lookups.find(CLEO, "app"),
        lambda: services.lookups.get(CLEO, "csvFile", made.id),
        lambda: services.lookups.replace(CLEO, "csvFile", made.id, BODY),
        lambda: services.lookups.delete(CLEO, "csvFile", made.id),
        lambda: services.lookups.get(BOB, "subnet", made.id),
        lambda: services.lookups.delete(BOB, "subnet", made.id),
    ):
        with pytest.raises(NotFound):
            call()
    services.elements.set_permissions(BOB, made.id, [{"sid": "ROLE_USER", "perms": ["VIEW"]}])
    assert services.lookups.find(CLEO, "app")
    with pytest.raises(Forbidden):
        services.lookups.replace(CLEO, "csvFile", made.id, BODY)
    services.lookups.delete(BOB, "csvFile", made.id)
    with pytest.raises(NotFound):
        services.lookups.find(BOB, "app")


def test_the_cache_sees_every_right(services: Services) -> None:
    made = services.lookups.create(BOB, "csvFile", BODY)
    services.lookups.find(BOB, "app")
    with pytest.raises(NotFound):
        services.lookups.find(CLEO, "app")
    services.elements.set_permissions(BOB, made.id, [{"sid": "cleo", "perms": ["VIEW"]}])
    assert services.lookups.find(CLEO, "app")


def test_the_cache_has_an_end(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "CACHE_BYTES", 1)
    for name in ("a", "b"):
        services.lookups.create(BOB, "csvFile", changed("config.name", name))
    first = services.lookups.find(BOB, "a")
    assert services.lookups.find(BOB, "a") is first  # the only one is kept however large it is
    services.lookups.find(BOB, "b")
    assert services.lookups.find(BOB, "a") is not first


@pytest.mark.parametrize(("path", "value", "field"), [
    ("config", ..., "config"), ("config.name", ..., "name"), ("config.name", "", "name"),
    ("config.type", "subnet", "type"), ("config.active", "yes", "active"), ("config.types", ["ip"], "types"),
    ("config.types", ["ip", "ip", "x"], "types"),
    ("config.types", "ip", "types"), ("config.types", [1, 2, 3], "types"), ("file", ..., "file"), ("file", [], "file"),
    ("file.columns", ..., "columns"), ("file.columns", [], "columns"), ("file.columns", ["a", "b", "A"], "columns"),
    ("file.columns", ["a", "b", "_row"], "columns"), ("file.columns", ["a", "b", "c\n"], "columns"),
    ("file.columns", ["a", "b", 1], "columns"), ("file.columns", ["c"] * 300, "columns"), ("file.rows", ..., "rows"),
    ("file.rows", [["1.2.3.4", "1"]], "rows"), ("file.rows", [["1.2.3.4", 1, "x"]], "rows"),
    ("file.rows", [{}], "rows"),
    ("file.rows", [["1.2.3.4", "x", "x"]], "rows"), ("file.rows", [["host", "1", "x"]], "rows"),
    ("file.rows", [["1.2.3.4", "1", "\ud800"]], "rows"), ("tags", {}, "tags"), ("attributes", [], "attributes"),
])
def test_what_is_wrong_is_named_and_changes_nothing(services: Services, path: str, value: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        services.lookups.create(BOB, "csvFile", changed(path, value))
    assert refused.value.field == field
    made = services.lookups.create(BOB, "csvFile", BODY)
    with pytest.raises(InvalidInput):
        services.lookups.replace(BOB, "csvFile", made.id, changed(path, value))
    element, file = services.lookups.get(BOB, "csvFile", made.id)
    assert (element, file) == (made, BODY["file"])


def test_bad_cells_are_told(services: Services) -> None:
    with pytest.raises(BadCells) as refused:
        services.lookups.create(BOB, "csvFile", changed("file.rows", [["host", "70000000000", "x"]]))
    assert [(cell.row, cell.column) for cell in refused.value.cells] == [(0, "ip"), (0, "port")]
    with pytest.raises(BadCells):
        services.lookups.create(BOB, "subnet", changed("file.rows", [["10.0.0.0/40", "x"]], SUBNETS))


def test_names_are_unique(services: Services) -> None:
    services.lookups.create(BOB, "csvFile", BODY)
    with pytest.raises(Conflict):
        services.lookups.create(CLEO, "csvFile", BODY)


def test_no_rows_at_all(services: Services) -> None:
    services.lookups.create(BOB, "csvFile", changed("file.rows", []))
    assert services.lookups.relation(services.lookups.find(BOB, "app")).num_rows == 0
