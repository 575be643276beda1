"""What Int/zabbix/template/sycope_check.py of SycopeSolutions/Integrations asks, in its words.

None of its code is here.
"""

from __future__ import annotations

import json
import math
import ssl
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end.server import Server
from tests.end_to_end.sycope import API, LOGIN, Session, serve_flows

pytestmark = pytest.mark.filterwarnings("ignore:Unverified HTTPS request")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve_flows(tmp_path_factory.mktemp("check")) as server:
        yield server


class Check:
    """Int/zabbix/template/sycope_check.py: urllib, and the first cookie of the login's answer."""

    def __init__(self, server: Server) -> None:
        self._address = server.address
        self._context = ssl.create_default_context()
        self._context.check_hostname, self._context.verify_mode = False, ssl.CERT_NONE
        self._cookie = ""
        _, header = self.post("login", LOGIN)
        self._cookie = header.split(";")[0]

    def post(self, path: str, payload: dict[str, Any]) -> tuple[dict[str, Any], str]:
        request = urllib.request.Request(
            f"{self._address}{API}{path}", json.dumps(payload).encode(), {"Content-Type": "application/json"}
        )
        if self._cookie:
            request.add_header("Cookie", self._cookie)
        with urllib.request.urlopen(request, context=self._context) as answer:
            return json.loads(answer.read()), answer.getheader("Set-Cookie", "")

    def rows(self, nql: str, limit: int = 50_000) -> list[dict[str, Any]]:
        """All rows of the flows' hour; one page also when there is none."""
        payload = {
            "startTime": "@2023-11-14T22:00:00.000Z", "endTime": "@2023-11-14T23:00:00.000Z", "nql": nql,
            "fsActive": False, "waitTime": 30000, "limit": limit,
        }
        answer, _ = self.post("pipeline/run", payload)
        rows: list[dict[str, Any]] = []
        total = answer["data"]["total"]
        for number in range(math.ceil(total / limit) if total else 1):
            rows += self.post(f"pipeline/{answer['jobId']}/data", {"limit": limit, "offset": number * limit})[0]["data"]
        return rows


@pytest.fixture(scope="module")
def check(server: Server) -> Check:
    """With inside and outside told apart, and a profile of what is expected."""
    session = Session(server).log_in()
    config = {"name": "hosts & subnets", "type": "subnet", "active": True}
    file = {"columns": ["cidr", "privacy"], "rows": [["10.0.0.0/8", "Private"], ["192.0.2.0/24", "Public"]]}
    expected = {"name": "expected", "nql": "serverPort < 5010 and protocol = 17", "profile": True}
    profile = {"category": "nql.macro", "config": expected}
    for path, body in (("config-element-lookup/subnet", {"config": config, "file": file}), ("config-element", profile)):
        assert session.post(API + path, json=body).json()["status"] == 200
    return Check(server)


def test_alerts(check: Check) -> None:
    who = 'src stream="alerts" | clientIp = "192.0.2.7" or serverIp = "192.0.2.7" | '
    assert check.rows(who + 'alertName = "N"') == []
    counts = "aggr count=count(1) by alertName, alertSeverity unwind=true | sort count desc | limit 100"
    assert check.rows(who + counts) == []


def test_active_services(check: Check) -> None:
    rows = check.rows(
        'src stream="assetNetflowAggr" | serverIp="192.0.2.7" | aggr total=count(1) by serverPort as serverPortName, '
        'lookup("app", "name", {"ip": serverIp, "port": serverPort}) as appName unwind=true '
        "| sort serverPortName asc | limit 1000"
    )
    assert [(row["serverPortName"], row["appName"]) for row in rows] == [(5007, None)]


@pytest.mark.parametrize(
    ("ip", "test", "side", "privacy", "number"),
    [
        ("192.0.2.7", "!=", "client", "Private", 10),
        ("192.0.2.7", "!=", "client", "Public", 0),
        ("192.0.2.7", "!=", "server", "Public", 1),
        ("192.0.2.7", "!=", "server", "Private", 0),
        ("192.0.2.7", "=", "client", "Private", 0),
        ("192.0.2.17", "=", "client", "Private", 10),
        ("192.0.2.17", "=", "server", "Public", 1),
        ("192.0.2.17", "!=", "client", "Private", 0),
    ],
)
def test_matched_ips(check: Check, ip: str, test: str, side: str, privacy: str, number: int) -> None:
    rows = check.rows(
        'src stream="assetNetflowAggr" | set assetProfileNames=matchingTrafficProfiles(clientIp,serverIp,serverPort,'
        f'protocol,name=true includeAny=true) | assetProfileNames {test} [] | serverIp = "{ip}" | set '
        f'{side}Privacy=if(eq(lookup("hosts & subnets", "privacy", {{"cidr": {side}Ip}}), "Private"): "Private", '
        f'"Public") | {side}Privacy = "{privacy}" | aggr dc=dc({side}Ip) unwind=true | limit 1000'
    )
    # The script takes the first member of the first row for its number, and no row for 0.
    assert [next(iter(row.values())) for row in rows[:1]] == ([number] if rows or number else [])


def test_connections(check: Check) -> None:
    privacy = 'if(eq(lookup("hosts & subnets", "privacy", {"cidr": %s}), "Private"): "Private", "Public")'
    rows = check.rows(
        f'src stream="assetNetflowAggr" | serverIp="192.0.2.7" | aggr Counter=dc(clientIp), '
        f"Privacy=first({privacy % 'clientIp'}) unwind=true | limit 1000"
    )
    assert rows == [{"Counter": 10, "Privacy": "Private"}]
    rows = check.rows(
        f'src stream="assetNetflowAggr" | clientIp = "10.0.0.7" | set Privacy={privacy % "serverIp"} '
        "| aggr Counter=dc(serverIp) by Privacy as Privacy unwind=true | limit 1000"
    )
    assert rows == [{"Counter": 1, "Privacy": "Public"}]
