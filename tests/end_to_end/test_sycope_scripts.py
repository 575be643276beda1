"""What the scripts of SycopeSolutions/API do, call by call, in their forms and order; none of their code is here."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.end_to_end.server import Server
from tests.end_to_end.sycope import API, LOGIN, LOOKUPS, PASSWORD, Session, local, page, pages, run, serve_flows

pytestmark = pytest.mark.filterwarnings("ignore:Unverified HTTPS request")

PUBLIC: list[dict[str, Any]] = [{"sid": "ROLE_USER", "perms": ["VIEW"]}]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve_flows(tmp_path_factory.mktemp("scripts")) as server:
        yield server


def test_additional_fields_update(server: Server) -> None:
    """API/additional_fields_update.py: finds an address, replaces its additional fields, compares them."""
    session = Session(server)
    session.post("/npm/api/v1/login", json=LOGIN)
    job, _ = run(session, 'src stream="assetDevices" | ip = "10.0.0.7"', 10)
    (device,) = page(session, job, 10, 0)
    additional = {"field1": "test", "field2": "test"}
    answer = session.put(f"{API}inventory/device/{device['id']}/additional", json=additional).json()
    assert answer["additional"] == additional
    assert {"id", "name", "domainName", "ip", "description", "timestamp", "tags", "dnsRecords"} <= set(answer)
    assert (answer["ip"], "status" in answer) == ("10.0.0.7", False)
    (device,) = pages(session, 'src stream="assetDevices" | ip = "10.0.0.7"', 10)
    assert (device["id"], device["additional"]) == (answer["id"], additional)
    assert session.put(f"{API}inventory/device/{device['id']}/additional", json={}).json()["additional"] == {}
    session.get("/logout")  # not where it is; nobody looks at the answer


def test_nql_query_with_timestamps(server: Server) -> None:
    """API/nql_query_with_timestamps.py: pages until one that is behind the last row, also when there is no row."""
    session = Session(server)
    session.post("/npm/api/v1/login", json=LOGIN)
    now = datetime.now(UTC)
    hour = {"startTime": local(now - timedelta(hours=1)), "endTime": local(now)}
    assert pages(session, 'src stream="alerts"', **hour) == []
    then = {"startTime": "@2023-11-14T22:00:00+00:00", "endTime": "@2023-11-15T00:00:00+01:00"}
    rows = pages(session, 'src stream="netflow"', 500, **then)
    assert len(rows) == 2000
    assert len({row["clientIp"] for row in rows}) == 2000
    assert {row["_stream"] for row in rows} == {"netflow"}
    assert all(isinstance(row["timestamp"], int) for row in rows)
    assert len(pages(session, 'src stream="netflowByAppsAggr" | limit 1000', **then)) > 0
    services = (
        'src stream="assetNetflowAggr" | aggr total=count(1) by serverPort as serverPortName, '
        'lookup("app", "name", {"ip": serverIp, "port": serverPort}) as appName unwind=true '
        "| sort serverPortName asc | limit 1000"
    )
    rows = pages(session, services, **then)
    assert [row["serverPortName"] for row in rows] == list(range(5000, 5050))
    assert list(rows[0]) == ["total", "serverPortName", "appName"]


def test_lookup_create_edit_and_remove(server: Server) -> None:
    """API/lookup_create_edit.py and lookup_remove.py: bodies with the password and the whole lookup at GET, DELETE."""
    config = {
        "name": "test-csv-file", "type": "csvFile", "active": True, "dataFile": "test-csv-file.csv", "delimiter": ",",
        "types": ["ip4", "string"],
    }
    columns = ["ip", "description"]
    rows = [["8.8.8.8", "Google DNS"], ["192.168.1.1", "Router"], ["192.168.1.100", "Server"]]
    for wanted, new in ((rows, True), (rows, False), ([*rows, ["192.168.1.2", "Printer"]], False)):
        session = Session(server)
        session.post("/npm/api/v1/login", json=LOGIN)
        lookup: dict[str, Any] = {"config": config, "file": {"columns": columns, "rows": wanted}}
        listed = session.get(API + LOOKUPS, json=LOGIN).json()["data"]
        found = [each["id"] for each in listed if each["config"]["name"] == "test-csv-file"]
        assert bool(found) != new
        assert all("tags" in each for each in listed)
        if new:
            made = session.post(f"{API}config-element-lookup/csvFile", json=lookup).json()
            assert made["status"] == 200
            identifier = made["id"]
        else:
            (identifier,) = found
            saved = session.get(f"{API}config-element-lookup/csvFile/{identifier}", json=LOGIN).json()
            assert sorted(saved["config"].items()) == sorted(config.items())
            if sorted(saved["file"]["rows"], key=str) != sorted(wanted, key=str):
                lookup |= {
                    "attributes": {"defaultColumns": []}, "tags": None, "id": identifier, "category": "lookup.lookup",
                }
                answer = session.put(f"{API}config-element-lookup/csvFile/{identifier}", json=lookup)
                assert answer.json()["status"] == 200
        saved = session.get(f"{API}config-element-lookup/csvFile/{identifier}", json=LOGIN).json()
        assert saved["file"] == {"columns": columns, "rows": wanted}
        privacy = f"{API}permissions/CONFIGURATION.lookup.lookup/{identifier}"
        shown = session.get(privacy, json=lookup).json()
        assert shown == {"objectId": identifier, "sidPerms": [] if new else PUBLIC}
        if new:
            assert session.put(privacy, json=PUBLIC).json()["sidPerms"] == PUBLIC
        session.get(f"{API}logout")

    session = Session(server)
    session.post("/npm/api/v1/login", json=LOGIN)
    assert session.put(privacy, json=[]).json()["sidPerms"] == []
    assert session.delete(f"{API}config-element/{identifier}", json=LOGIN).json()["status"] == 200
    assert session.get(API + LOOKUPS, json=LOGIN).json() == {"total": 0, "data": []}
    assert PASSWORD not in server.log()
    assert PASSWORD not in "".join(path.read_text() for path in (server.data / "logs").glob("*"))


def test_large_bodies_where_none_belongs(server: Server) -> None:
    """A lookup of some megabytes, which comes along with GET and DELETE: the connection goes on."""
    session = Session(server).log_in()
    large = {"rows": [["10.0.0.1", "x" * 50]] * 50_000}
    asked = (("GET", LOOKUPS, 200), ("DELETE", "config-element/nothing", 404), ("GET", "logout", 200))
    for method, path, status in asked:
        assert session.request(method, API + path, json=large).status_code == status
