"""Configured things in Sycope's dialect: listed, filtered, shared, deleted; macros."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.npm import INDEX, OK, TIMESTAMP, Npm, check_error

PUBLIC = [{"sid": "ROLE_USER", "perms": ["VIEW"]}]
LOOKUP: dict[str, Any] = {
    "config": {"name": "hosts", "type": "csvFile", "active": True, "types": ["ip4", "string"]},
    "file": {"columns": ["ip", "name"], "rows": [["192.0.2.1", "router"]]},
}


def test_the_list_has_every_documented_member_in_order(npm: Npm) -> None:
    config = {"fields": [{**TIMESTAMP, "type": "LONG"}], "storeRaw": True, "rotation": "weekly", "name": "n"}
    made = npm.alice.make(INDEX, {"category": "userIndex.index", "config": config})
    answer = npm.alice.get('/config-elements?filter=category="userIndex.index"').json
    (element,) = answer["data"]
    assert list(answer) == ["total", "data"]
    assert list(element) == [
        "id", "category", "module", "created", "createdBy", "modified", "modifiedBy", "annotations", "miscData",
        "attributes", "singleConfigurationInstance", "tags", "config",
    ]
    assert (element["id"], element["createdBy"], element["tags"], element["miscData"]) == (made, "alice", None, None)
    assert list(element["config"].items()) == list(config.items())  # key for key, in their order
    assert npm.alice.get(f"/config-element/{made}").json == element
    assert npm.alice.get(f"{INDEX}/{made}").json == element


def test_filters_and_pages(npm: Npm) -> None:
    for number in range(5):
        npm.alice.index(f"index {number}")
    npm.alice.make("/config-element-lookup/csvFile", LOOKUP)

    def names(query: str) -> tuple[int, list[str]]:
        answer = npm.alice.get(f"/config-elements{query}")
        assert answer.status_code == 200, answer.text
        return answer.json["total"], [each["config"]["name"] for each in answer.json["data"]]

    indexes = [f"index {number}" for number in range(5)]
    assert names("") == (6, [*indexes, "hosts"])
    assert names('?filter=category="userIndex.index"') == (5, indexes)
    assert names("?offset=0&limit=2147483647&filter=category%20=%20%22lookup.lookup%22") == (1, ["hosts"])
    assert names('?filter=category="userIndex.index"&offset=1&limit=2') == (5, indexes[1:3])
    assert names('?filter=category="userIndex.index"&offset=5') == (5, [])
    assert names("?limit=0") == (6, [])
    assert names('?filter=config.name="index 3" or config.name="hosts"') == (2, ["index 3", "hosts"])
    assert names('?filter=category="userIndex.index" and not config.name="index 3"')[0] == 4
    assert names('?filter=category="no such category"') == (0, [])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("filter=category=", "filter"),
        ('filter=category="a', "filter"),
        ("filter=(", "filter"),
        ("filter=" + "(" * 3000, "filter"),
        ('filter=nothing="a"', "filter"),
        ("offset=-1", "offset"),
        ("limit=-1", "limit"),
        ("limit=x", "limit"),
    ],
)
def test_a_filter_that_cannot_be_read(shared_npm: Npm, query: str, field: str) -> None:
    check_error(shared_npm.alice.get(f"/config-elements?{query}"), 400, field)


def test_a_new_element_is_private(npm: Npm) -> None:
    made = npm.alice.index("secret")
    assert npm.bob.get("/config-elements").json == {"total": 0, "data": []}
    for path in (f"/config-element/{made}", f"{INDEX}/{made}", f"/permissions/CONFIGURATION.userIndex.index/{made}"):
        check_error(npm.bob.get(path), 404, made)
    check_error(npm.bob.delete(f"/config-element/{made}"), 404)
    check_error(npm.bob.delete(f"{INDEX}/{made}"), 404)
    check_error(npm.bob.put(f"{INDEX}/{made}", json={"name": "secret", "fields": [TIMESTAMP]}), 404)
    assert npm.root.get("/config-elements").json["total"] == 1


def test_permissions(npm: Npm) -> None:
    made = npm.alice.index("shown")
    path = f"/permissions/CONFIGURATION.userIndex.index/{made}"
    assert npm.alice.get(path).json == {"objectId": made, "sidPerms": []}
    check_error(npm.bob.put(path, json=PUBLIC), 404)
    assert npm.alice.put(path, json=PUBLIC).json == {"objectId": made, "sidPerms": PUBLIC}
    assert npm.alice.get(path).json["sidPerms"] == PUBLIC
    assert npm.bob.get(f"/config-element/{made}").json["config"]["name"] == "shown"
    check_error(npm.bob.put(path, json=[]), 403, "GRANT_PERMISSIONS")
    check_error(npm.bob.delete(f"/config-element/{made}"), 403, "DELETE")
    check_error(npm.bob.inject("shown", ["timestamp"], [[1]]), 403, "ADD")
    for sid, perms in (("bob", ["VIEW", "ADD"]), ("LEVEL_10", ["VIEW", "EDIT"]), ("ROLE_USER", ["VIEW", "ADD"])):
        wanted = [{"sid": sid, "perms": perms}]
        assert npm.alice.put(path, json=wanted).json["sidPerms"] == wanted
        assert npm.bob.inject("shown", ["timestamp"], [[1]]).json == OK
    assert npm.alice.put(path, json=[]).json["sidPerms"] == []
    check_error(npm.bob.get(path), 404)


@pytest.mark.parametrize(
    "body",
    [
        {"sid": "ROLE_USER", "perms": ["VIEW"]},
        [{"sid": "ROLE_USER"}],
        [{"sid": "ROLE_USER", "perms": ["FLY"]}],
        [{"sid": "ROLE_USER", "perms": "VIEW"}],
        [{"sid": "no such user", "perms": ["VIEW"]}],
        [{"sid": 7, "perms": ["VIEW"]}],
        ["VIEW"],
        [*PUBLIC, *PUBLIC],
        None,
    ],
)
def test_bad_permissions_change_nothing(npm: Npm, body: Any) -> None:
    made = npm.alice.index("mine")
    path = f"/permissions/CONFIGURATION.userIndex.index/{made}"
    npm.alice.put(path, json=PUBLIC)
    check_error(npm.alice.put(path, json=body), 400)
    assert npm.alice.get(path).json["sidPerms"] == PUBLIC


def test_permissions_are_of_the_category_in_the_path(npm: Npm) -> None:
    made = npm.alice.index("mine")
    check_error(npm.alice.get(f"/permissions/CONFIGURATION.lookup.lookup/{made}"), 404)
    check_error(npm.alice.put(f"/permissions/CONFIGURATION.lookup.lookup/{made}", json=PUBLIC), 404)
    check_error(npm.alice.get(f"/permissions/CONFIGURATION.nothing/{made}"), 404)


def test_elements_are_deleted_with_a_body_that_is_ignored(npm: Npm) -> None:
    lookup, index = npm.alice.make("/config-element-lookup/csvFile", LOOKUP), npm.alice.index("gone")
    for made in (lookup, index):
        answer = npm.alice.delete(f"/config-element/{made}", json={"username": "alice", "password": "a secret"})
        assert answer.json == OK
        check_error(npm.alice.delete(f"/config-element/{made}"), 404, made)
    assert npm.alice.get("/config-elements").json["total"] == 0


def test_macros_and_profiles(npm: Npm) -> None:
    macro = {"category": "nql.macro", "config": {"name": "OLD", "nql": "age > 50", "note": "kept as it is"}}
    made = npm.alice.make("/config-element", macro)
    assert npm.alice.get(f"/config-element/{made}").json["config"] == macro["config"]
    check_error(npm.alice.post("/config-element", json=macro), 409, "OLD")
    assert [row["fName"] for row in npm.alice.rows('src stream="testdata" | $OLD$ | sort fName')] == ["Adam", "Jan"]
    macro["config"] = {"name": "OLD", "nql": "age > 60"}
    assert npm.alice.put(f"/config-element/{made}", json=macro).json == OK
    assert [row["fName"] for row in npm.alice.rows('src stream="testdata" | $OLD$')] == ["Adam"]
    check_error(npm.bob.post("/pipeline/run", json={"nql": 'src stream="testdata" | $OLD$'}), 400, "OLD")
    profile = {"name": "young", "nql": "age < 28", "profile": True}
    npm.alice.make("/config-element", {"category": "nql.macro", "config": profile})
    rows = npm.alice.rows('src stream="testdata" | set p=matchingTrafficProfiles(1, 1, 1, 1, name=true) | p != []')
    assert {(row["fName"], *row["p"]) for row in rows} == {("Lukas", "young"), ("Emma", "young")}
    for bad in (
        {"name": "X"}, {"nql": "a"}, {"name": 7, "nql": "a"}, {"name": "X", "nql": " "}, {"name": "a b", "nql": "a"},
    ):
        check_error(npm.alice.post("/config-element", json={"category": "nql.macro", "config": bad}), 400, "config")
    check_error(npm.alice.post("/config-element", json={"category": "userIndex.index", "config": {}}), 400, "category")
    assert npm.alice.delete(f"/config-element/{made}").json == OK
