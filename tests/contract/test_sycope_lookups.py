"""Lookups in Sycope's dialect, and the inventory: bare objects, key for key as they were sent."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from tests.contract.npm import OK, Npm, check_error

CSV, SUBNET = "/config-element-lookup/csvFile", "/config-element-lookup/subnet"
LOOKUP: dict[str, Any] = {
    "config": {
        "name": "test-csv-file", "type": "csvFile", "active": True, "dataFile": "test-csv-file.csv", "delimiter": ",",
        "types": ["ip4", "string"], "something": {"of": ["the", "client's"]},
    },
    "file": {"columns": ["ip", "description"], "rows": [["192.168.1.1", "Router"], ["8.8.8.8", "Google DNS"]]},
}
NETWORKS: dict[str, Any] = {
    "config": {"name": "hosts & subnets", "type": "subnet", "active": True},
    "file": {"columns": ["cidr", "privacy"], "rows": [["10.0.0.0/8", "Private"], ["10.1.0.0/16", ""]]},
}


def test_config_and_rows_come_back_as_they_were_sent(npm: Npm) -> None:
    made = npm.alice.make(CSV, LOOKUP)
    saved = npm.alice.get(f"{CSV}/{made}").json
    assert {"status", "code"} & set(saved) == set()
    assert list(saved["config"].items()) == list(LOOKUP["config"].items())
    assert saved["file"] == LOOKUP["file"]
    assert (saved["id"], saved["category"], saved["tags"], saved["attributes"]) == (made, "lookup.lookup", None, None)
    (listed,) = npm.alice.get('/config-elements?filter=category = "lookup.lookup"').json["data"]
    assert listed == {name: value for name, value in saved.items() if name != "file"}


def test_what_was_read_may_be_sent_back_whole(npm: Npm) -> None:
    made = npm.alice.make(SUBNET, NETWORKS)
    saved = npm.alice.get(f"{SUBNET}/{made}").json
    saved["file"]["rows"].append(["10.0.0.9/32", ""])
    assert npm.alice.put(f"{SUBNET}/{made}", json=saved).json == OK
    again = npm.alice.get(f"{SUBNET}/{made}").json
    assert again["file"] == saved["file"]
    assert (again["created"], again["createdBy"]) == (saved["created"], "alice")


def test_the_scripts_form_of_a_change(npm: Npm) -> None:
    made = npm.alice.make(CSV, LOOKUP)
    body = deepcopy(LOOKUP)
    body["file"]["rows"] = [["192.0.2.1", "other"]]
    body |= {"attributes": {"defaultColumns": []}, "tags": None, "id": made, "category": "lookup.lookup"}
    assert npm.alice.put(f"{CSV}/{made}", json=body).json == OK
    saved = npm.alice.get(f"{CSV}/{made}").json
    assert (saved["attributes"], saved["tags"]) == ({"defaultColumns": []}, None)
    query = 'records {"n": 0} | set hit=lookup("test-csv-file", "description", {"ip": "192.0.2.1"}) | project +hit'
    assert npm.alice.rows(query) == [{"hit": "other"}]
    assert npm.bob.rows(query) == [{"hit": None}]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_bodies_where_none_belongs_are_ignored(npm: Npm, method: str) -> None:
    made = npm.alice.make(CSV, LOOKUP)
    for body in ({"username": "alice", "password": "a secret"}, LOOKUP):
        answer = npm.alice.request(method, f"{CSV}/{made}", json=body)
        if method == "DELETE":
            assert answer.json == OK
            check_error(npm.alice.get(f"{CSV}/{made}"), 404, made)
            return
        assert answer.json["file"] == LOOKUP["file"]


def test_lookups_are_of_one_kind(npm: Npm) -> None:
    made = npm.alice.make(CSV, LOOKUP)
    for method in ("GET", "PUT", "DELETE"):
        check_error(npm.alice.request(method, f"{SUBNET}/{made}", json=LOOKUP), 404, made)
    check_error(npm.alice.post("/config-element-lookup/country", json=LOOKUP), 400, "kind")
    check_error(npm.alice.post(SUBNET, json=LOOKUP), 400, "type")
    check_error(npm.alice.post(CSV, json=LOOKUP), 409, "test-csv-file")


@pytest.mark.parametrize(
    ("part", "change", "word"),
    [
        ("config", {"name": ""}, "name"),
        ("config", {"name": None}, "name"),
        ("config", {"types": ["ip4"]}, "types"),
        ("config", {"types": ["ip4", "number"]}, "number"),
        ("config", {"active": "yes"}, "active"),
        ("file", {"columns": []}, "columns"),
        ("file", {"columns": ["ip", "ip"]}, "ip"),
        ("file", {"rows": [["192.0.2.1"]]}, "rows"),
        ("file", {"rows": [["192.0.2.1", 7]]}, "rows"),
        ("file", {"rows": "rows"}, "rows"),
        ("file", {"rows": [["not an address", ""]]}, "ip"),
    ],
)
def test_what_is_wrong_with_a_lookup(npm: Npm, part: str, change: dict[str, Any], word: str) -> None:
    made = npm.alice.make(CSV, LOOKUP)
    body = deepcopy(LOOKUP)
    body["config"]["name"] = "another"
    body[part] |= change
    check_error(npm.alice.post(CSV, json=body), 400, word)
    check_error(npm.alice.put(f"{CSV}/{made}", json=body), 400, word)
    assert npm.alice.get(f"{CSV}/{made}").json["file"] == LOOKUP["file"]
    for nothing in ([], None, {"config": LOOKUP["config"]}, {"file": LOOKUP["file"]}):
        check_error(npm.alice.post(CSV, json=nothing), 400)


def test_large_lookups_pass(npm: Npm) -> None:
    body = deepcopy(LOOKUP)
    body["file"]["rows"] = [[f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", "x" * 20] for n in range(100_000)]
    made = npm.alice.make(CSV, body)
    assert npm.alice.get(f"{CSV}/{made}").json["file"] == body["file"]


def test_devices(npm: Npm) -> None:
    path = "/inventory/device/192.0.2.7/additional"
    texts = {"field2": "test", "field1": "ä"}
    device = npm.alice.put(path, json=texts).json
    assert list(device) == [
        "id", "name", "domainName", "ip", "description", "timestamp", "tags", "additional", "dnsRecords",
    ]
    assert device | {"id": 0, "timestamp": 0} == {
        "id": 0, "name": None, "domainName": None, "ip": "192.0.2.7", "description": None, "timestamp": 0,
        "tags": None, "additional": texts, "dnsRecords": [],
    }
    (row,) = npm.bob.rows('src stream="assetDevices" | ip = "192.0.2.7"')
    assert (row["id"], row["additional"]) == (device["id"], texts)
    assert npm.bob.put(f"/inventory/device/{device['id']}/additional", json={"a": "b"}).json["additional"] == {"a": "b"}
    assert npm.alice.put(path, json={}).json["additional"] == {}
    for bad in ([], None, {"a": 1}, {"a": None}, {"": "a"}, {"a": {"b": "c"}}, {"a": "\0"}, {"a" * 1000: ""}):
        check_error(npm.alice.put(path, json=bad), 400)
    check_error(npm.alice.put("/inventory/device/nothing/additional", json={}), 404, "nothing")
