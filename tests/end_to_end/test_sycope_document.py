"""The walk-through of Sycope's document, call by call, with its own payloads and its exact answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from tests.end_to_end.server import Server
from tests.end_to_end.sycope import PASSWORD, USERNAME, Session, serve

pytestmark = pytest.mark.filterwarnings("ignore:Unverified HTTPS request")

CUSTOM_INDEX_NAME = "Custom_Test_Index"
FIELDS: list[dict[str, Any]] = [
    {
        "name": "timestamp",
        "type": "long",
        "sortable": True,
        "description": "Timestamp",
        "displayName": "Time Field",
    },
    {"name": "test_ip4", "type": "ip4", "description": "Test ipv4 field", "displayName": "IP4 test"},
    {"name": "test_ip6", "type": "ip6", "description": "Test ipv6 field", "displayName": "IP6 test"},
    {"name": "test_string", "type": "string", "description": "Test string field", "displayName": "string test"},
    {"name": "test_boolean", "type": "boolean", "description": "Test boolean field", "displayName": "boolean test"},
    {"name": "test_float", "type": "float", "description": "Test float field", "displayName": "float test"},
    {"name": "test_double", "type": "double", "description": "Test double field", "displayName": "double test"},
]
ADDED = {
    "name": "test_additional_column",
    "type": "string",
    "description": "Test adding a column",
    "displayName": "add col test",
}
IP6 = "2001:db8:3333:4444:5555:6666:7777:8888"
COLUMNS = ["timestamp", "test_string", "test_ip4", "test_ip6", "test_float", "test_double", "test_boolean"]
ROWS: list[list[Any]] = [
    [1746823336771, "eventType1", "172.16.60.1", IP6, 1, 1.2, True],
    [1746823337771, "eventType2", "172.16.60.2", IP6, 2.2, 1.3, False],
    [1746823338771, "eventType1", "172.16.60.3", IP6, 3.5, 1.4, False],
]
OK = {"status": 200, "code": "OK"}
INDEX = "/npm/api/v1/config-element-index/user-index"
LIST = '/npm/api/v1/config-elements?filter=category="userIndex.index"'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("document")) as server:
        yield server


def config(fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "category": "userIndex.index",
        "config": {
            "name": CUSTOM_INDEX_NAME,
            "active": True,
            "rotation": "daily",
            "storeRaw": True,
            "fields": fields,
        },
    }


def rows(session: Session, nql: str) -> list[dict[str, Any]]:
    """All rows of a query, as the page of raw data shows them."""
    run = session.post("/npm/api/v1/pipeline/run", json={"nql": nql, "waitTime": 30000, "limit": 50}).json()
    page = session.post(f"/npm/api/v1/pipeline/{run['jobId']}/data", json={"limit": 50, "offset": 0}).json()
    assert len(page["data"]) == run["data"]["total"]
    found: list[dict[str, Any]] = page["data"]
    return found


def test_the_walk_through(server: Server) -> None:
    session = Session(server)

    # Initiate a connection
    request = session.post("/npm/api/v1/login", json={"username": USERNAME, "password": PASSWORD})
    assert request.json() == OK

    # Create an index
    request = session.post(INDEX, json=config(FIELDS))
    index_id = request.json()["id"]
    assert request.json() == {**OK, "id": index_id}
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}", index_id)

    # List indexes
    request = session.get(LIST)
    assert request.json()["total"] == 1
    assert request.json()["data"][0]["id"] == index_id
    (element,) = request.json()["data"]
    created = element["created"]
    assert list(element.items()) == list(
        {
            "id": index_id,
            "category": "userIndex.index",
            "module": None,
            "created": created,
            "createdBy": USERNAME,
            "modified": created,
            "modifiedBy": USERNAME,
            "annotations": None,
            "miscData": None,
            "attributes": None,
            "singleConfigurationInstance": None,
            "tags": None,
            "config": config(FIELDS)["config"],
        }.items()
    )
    assert isinstance(created, int)

    # Modify an index
    request = session.put(f"{INDEX}/{index_id}", json=config([*FIELDS, ADDED]))
    assert request.json() == OK
    (element,) = session.get(LIST).json()["data"]
    assert element["config"]["fields"] == [*FIELDS, ADDED]
    assert (element["created"], element["modified"] >= created) == (created, True)

    # Data injection into the index
    payload = {"columns": COLUMNS, "indexName": CUSTOM_INDEX_NAME, "sortTimestamp": True, "rows": ROWS}
    request = session.post("/npm/api/v1/index/inject", json=payload)
    assert request.json() == OK

    # The data was sent successfully, and we can now view it
    shown = rows(session, f'src stream="{CUSTOM_INDEX_NAME}" | sort timestamp')
    assert [[row[name] for name in COLUMNS] for row in shown] == [
        [stamp, text, ip4, IP6, pytest.approx(single), double, truth]
        for stamp, text, ip4, _, single, double, truth in ROWS
    ]
    assert [row["test_additional_column"] for row in shown] == [None] * 3

    # Delete an index
    assert session.delete(f"{INDEX}/{index_id}").json() == OK
    assert session.get(LIST).json() == {"total": 0, "data": []}


def test_what_the_document_rules_out(server: Server) -> None:
    session = Session(server).log_in()
    index_id = session.post(INDEX, json=config(FIELDS)).json()["id"]
    without = deepcopy(FIELDS[1:])
    retyped, renamed, sortable = deepcopy(FIELDS), deepcopy(FIELDS), deepcopy(FIELDS)
    retyped[1]["type"] = "ip6"
    renamed[1]["name"] = "another"
    sortable[5]["sortable"] = True
    for fields, word in (
        (FIELDS[:-1], "test_double"),
        (retyped, "test_ip4"),
        (renamed, "test_ip4"),
        (sortable, "test_float"),
    ):
        answer = session.put(f"{INDEX}/{index_id}", json=config(fields))
        assert (answer.status_code, answer.json()["status"]) == (400, 400)
        assert word in answer.json()["message"]
    sortable[1]["sortable"] = True
    for fields, word in ((without, "timestamp"), (sortable, "sortable")):
        answer = session.post(INDEX, json={**config(fields), "config": {**config(fields)["config"], "name": "other"}})
        assert answer.status_code == 400
        assert word in answer.json()["message"]
    payload = {"columns": COLUMNS, "indexName": "netflow", "sortTimestamp": True, "rows": ROWS}
    answer = session.post("/npm/api/v1/index/inject", json=payload)
    assert answer.json()["status"] == answer.status_code
    assert answer.status_code >= 400
    assert "netflow" in answer.json()["message"]
    words = deepcopy(FIELDS)
    words[1]["description"], words[1]["displayName"] = "Another description", "Another name"
    assert session.put(f"{INDEX}/{index_id}", json=config(words)).json() == OK
    assert session.get(LIST).json()["data"][0]["config"]["fields"] == words
    assert session.delete(f"{INDEX}/{index_id}").json() == OK
