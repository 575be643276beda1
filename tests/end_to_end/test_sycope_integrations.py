"""What the integrations of SycopeSolutions/Integrations (`Int/`) and 0x2e8b/sycope_suricata do, call by call.

Each test makes the calls of one script, in their forms and order; none of their code is here.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.end_to_end.server import Server
from tests.end_to_end.sycope import API, INDEXES, LOGIN, LOOKUPS, Session, local, pages, serve_flows

pytestmark = pytest.mark.filterwarnings("ignore:Unverified HTTPS request")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve_flows(tmp_path_factory.mktemp("integrations")) as server:
        yield server


class SycopeApi:
    """What the integrations share: the session, and what each asks for first."""

    def __init__(self, session: Session, endpoint: str = API) -> None:
        self.session, self.endpoint = session, endpoint
        answer = session.post("/npm/api/v1/login", json=LOGIN)
        assert (answer.status_code, answer.json()["status"]) == (200, 200)

    def log_out(self) -> None:
        assert self.session.get(f"{self.endpoint}logout").json()["status"] == 200

    def indexes(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.session.get(self.endpoint + INDEXES).json()["data"]
        return found

    def create_index(self, name: str, fields: list[dict[str, Any]], rotation: str = "daily") -> dict[str, Any]:
        flat = {"name": name, "active": True, "rotation": rotation, "storeRaw": True, "fields": fields}
        made: dict[str, Any] = self.session.post(f"{self.endpoint}config-element-index/user-index", json=flat).json()
        return made

    def remove_index(self, name: str) -> dict[str, Any]:
        (found,) = [each["id"] for each in self.indexes() if each["config"]["name"] == name]
        gone: dict[str, Any] = self.session.delete(
            f"{self.endpoint}config-element-index/user-index/{found}"
        ).json()
        return gone

    def inject(self, name: str, columns: list[str], rows: list[list[Any]]) -> dict[str, Any]:
        payload = {"columns": columns, "indexName": name, "sortTimestamp": True, "rows": rows}
        taken: dict[str, Any] = self.session.post(f"{self.endpoint}index/inject", json=payload).json()
        return taken

    def lookup(self, name: str, kind: str = "csvFile") -> tuple[str, dict[str, Any]]:
        found = [each["id"] for each in self.session.get(self.endpoint + LOOKUPS).json()["data"]
                 if each["config"]["name"] == name]
        if not found:
            return "0", {}
        return found[0], self.session.get(f"{self.endpoint}config-element-lookup/{kind}/{found[0]}").json()


ZABBIX = [
    {"name": "timestamp", "type": "long", "sortable": True, "description": "Timestamp", "displayName": "Time"},
    {"name": "ip", "type": "ip4", "description": "IP Address", "displayName": "IP Address"},
    {"name": "hostname", "type": "string", "description": "Hostname", "displayName": "Hostname"},
    *(
        {"name": name, "type": "float", "description": name, "displayName": name}
        for name in ("response_time", "cpu_load", "memory_usage", "packet_loss")
    ),
]
COLUMNS = [str(field["name"]) for field in ZABBIX]


def test_index_installation_and_load(server: Server) -> None:
    """Int/examples: install.py and index_load.py, 7,124 rows in one call; uninstall_index.py."""
    api = SycopeApi(Session(server))
    assert api.create_index("ZabbixStats_1", ZABBIX)["status"] == 200
    assert api.create_index("ZabbixStats_1", ZABBIX)["status"] == 409
    now = int(time.time() * 1000)
    rows = [[now - 1000 * n, f"10.1.{n % 250}.1", f"host{n}", n / 7, 0.5, 0.25, None] for n in range(7124)]
    assert api.inject("ZabbixStats_1", COLUMNS, rows)["status"] == 200
    found = pages(api.session, 'src stream="ZabbixStats_1" | aggr n=count(1), hosts=dc(hostname) unwind=true')
    assert found == [{"n": 7124, "hosts": 7124}]
    assert api.remove_index("ZabbixStats_1")["status"] == 200
    assert api.indexes() == []
    api.log_out()


def test_zabbix_statistics(server: Server) -> None:
    """Int/zabbix/zabbix_statistics.py: queries first and injects what is not there, without metrics it has not got."""
    api = SycopeApi(Session(server))
    api.create_index("ZabbixStats", ZABBIX)
    columns = ["timestamp", "ip", "hostname", "response_time", "cpu_load"]
    end = datetime.now(UTC) - timedelta(seconds=75)
    start = end - timedelta(minutes=10)
    first = int(start.timestamp() // 60 + 1) * 60_000
    for minutes in (5, 8, 8):
        saved = pages(
            api.session, 'src stream="ZabbixStats"', startTime=local(start), endTime=local(end)
        )
        known = {(row["timestamp"], row["ip"]) for row in saved}
        rows = [
            [first + 60_000 * minute, ip, "switch", 1.25, 2]
            for minute in range(minutes) for ip in ("10.0.0.1", "10.0.0.2")
            if (first + 60_000 * minute, ip) not in known
        ]
        if rows:
            assert api.inject("ZabbixStats", columns, rows)["status"] == 200
    saved = pages(api.session, 'src stream="ZabbixStats"', startTime=local(start), endTime=local(end))
    assert len(saved) == 16  # each once: what is injected is found by the next query
    assert {type(row["cpu_load"]) for row in saved} == {float}
    assert {row["packet_loss"] for row in saved} == {None}
    api.remove_index("ZabbixStats")
    api.log_out()


def test_zabbix_lookup_sync(server: Server) -> None:
    """Int/zabbix/zabbix_lookup_sync.py, which puts the path of the API before a path that has it already."""
    api = SycopeApi(Session(server))
    columns = ["ip", "hostname", "host_type", "group", "icmp_url", "graph_url", "os", "serial_no", "notes", "status"]
    config = {
        "name": "integration-zabbix", "type": "csvFile", "active": True, "dataFile": "test-csv-file.csv",
        "delimiter": ",", "types": ["ip4", *["string"] * 9],
    }
    assert api.lookup("integration-zabbix") == ("0", {})
    lookup: dict[str, Any] = {"config": config, "file": {"columns": columns, "rows": []}}
    made = api.session.post(f"{API}config-element-lookup/csvFile", json=lookup).json()
    identifier, saved = api.lookup("integration-zabbix")
    assert (made["id"], saved["config"], saved["file"]) == (identifier, config, lookup["file"])
    rows = [["10.0.0.7", "router", "SNMP", "a, b", "No ICMP Items", "https://z/?a=1&b=%5B%5D", "", "", "", "Enabled"]]
    lookup["file"]["rows"] = rows
    lookup |= {"attributes": {"defaultColumns": []}, "tags": None, "id": identifier, "category": "lookup.lookup"}
    doubled = f"{API}/npm/api/v1/config-element-lookup/csvFile/{identifier}"
    assert api.session.put(doubled, json=lookup).json()["status"] == 200
    assert api.lookup("integration-zabbix")[1]["file"]["rows"] == rows
    inventory = (
        'src stream="assetDevices" | set url=lookup("integration-zabbix", "icmp_url", {"ip": ip}) | url != null '
        "| project +ip, url | sort ip asc"
    )
    assert pages(api.session, inventory) == [{"ip": "10.0.0.7", "url": "No ICMP Items"}]
    assert api.session.delete(f"{API}config-element-lookup/csvFile/{identifier}").json()["status"] == 200
    api.log_out()


def test_phpipam_sync(server: Server) -> None:
    """Int/phpipam/phpipam_sync.py: logs in twice, and sends a subnet lookup back whole, with other rows."""
    first = Session(server)
    first.headers["Content-Type"] = "application/json"
    kept = SycopeApi(first)
    api = SycopeApi(Session(server))
    config = {"name": "hosts & subnets", "type": "subnet", "active": True, "types": ["subnet", *["string"] * 3]}
    rows = [["10.0.0.0/8", "inside", "", "Private"], ["192.0.2.0/24", "outside", "", "Public"]]
    made = api.session.post(
        f"{API}config-element-lookup/subnet",
        json={"config": config, "file": {"columns": ["cidr", "name", "description", "privacy"], "rows": rows}},
    ).json()
    identifier, saved = api.lookup("hosts & subnets", "subnet")
    assert (identifier, saved["config"], saved["file"]["rows"]) == (made["id"], config, rows)
    saved["file"]["rows"].append(["10.0.0.9/32", "printer", "on the second floor", ""])
    answer = api.session.put(f"{API}config-element-lookup/subnet/{identifier}", json=saved).json()
    assert answer["status"] == 200
    assert api.lookup("hosts & subnets", "subnet")[1]["file"]["rows"] == saved["file"]["rows"]
    api.log_out()
    assert len(kept.session.get(API + LOOKUPS).json()["data"]) == 1  # a GET with Content-Type and without a body
    kept.session.delete(f"{API}config-element-lookup/subnet/{identifier}")


SURICATA = [
    ("timestamp", "long"), ("flow_id", "long"), ("in_iface", "string"), ("event_type", "string"), ("src_ip", "ip4"),
    ("src_port", "int"), ("dest_ip", "ip4"), ("dest_port", "int"), ("clientIp", "ip4"), ("clientPort", "int"),
    ("serverIp", "ip4"), ("serverPort", "int"), ("proto", "string"), ("alert_gid", "int"), ("app_proto", "string"),
]


def test_suricata(server: Server) -> None:
    """Int/suricata: install.py, and eve_processor.py, whose columns and checks come of the index as it is listed."""
    session = Session(server)
    session.headers["Content-Type"] = "application/json"
    api = SycopeApi(session)
    fields = [{"name": name, "type": kind, "description": name, "displayName": name} for name, kind in SURICATA]
    assert api.create_index("suricata", fields)["status"] == 200
    (index,) = [each for each in api.indexes() if each["config"]["name"] == "suricata"]
    assert [(field["name"], field["type"]) for field in index["config"]["fields"]] == SURICATA
    columns = [field["name"] for field in index["config"]["fields"]]
    socket.inet_aton("10.1")  # what the script takes for an address
    now = int(time.time() * 1000)
    event = [now, 2**63 - 1, "eth0", "anomaly", "10.1", 65535, "192.0.2.1", None, "10.1", 65535, "192.0.2.1", None,
             "UDP", None, None]
    answer = session.post(
        f"{API}index/inject",
        json={"columns": columns, "indexName": "suricata", "sortTimestamp": True, "rows": [event]},
    )
    assert (answer.status_code, answer.json()) == (200, {"status": 200, "code": "OK"})
    (row,) = pages(session, 'src stream="suricata"')
    assert (row["flow_id"], row["src_ip"], row["dest_port"]) == (2**63 - 1, "10.0.0.1", None)
    api.log_out()


def test_third_party_suricata(server: Server) -> None:
    """0x2e8b/sycope_suricata: new_index.py and delete_indexes.py, which go by the HTTP status and look for a token."""
    session = Session(server)
    session.headers["Content-Type"] = "application/json"
    assert session.post("/npm/api/v1/login", json=LOGIN).status_code == 200
    assert session.cookies.get("XSRF-TOKEN") is None
    fields = [{"name": name, "type": kind.upper()} for name, kind in SURICATA]
    config = {"name": "suricata-2", "active": True, "rotation": "daily", "storeRaw": True, "fields": fields}
    body = {"category": "userIndex.index", "config": config}
    assert session.post("/npm/api/v1/config-element-index/user-index", json=body).status_code == 200
    doubled = session.get(f"{API}/npm/api/v1/{LOOKUPS}")
    assert doubled.json()["data"] == []
    listed = session.get("/npm/api/v1/config-elements", params={"filter": 'category="userIndex.index"'})
    for element in listed.json()["data"]:
        answer = session.delete(f"/npm/api/v1/config-element-index/user-index/{element['id']}")
        assert answer.status_code in (200, 204)
    assert session.get(API + INDEXES).json() == {"total": 0, "data": []}
    session.get("/npm/api/v1/logout")
