"""From an injected event to labelled flows: alert, webhook, capture on a real drone; and `kill -9` on the way.

TAPIARY_KILL_ROUNDS sets how often the server is killed (20 for the full test), TAPIARY_KILL_SEED at which moments.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from pytci import PyTCI
from tests.end_to_end.drone import DroneProcess, wait_until
from tests.end_to_end.network import Network, free_port, require
from tests.end_to_end.server import Server
from tests.end_to_end.test_network import recording
from tests.services.alerts.receiver import Receiver

ROUNDS = int(os.environ.get("TAPIARY_KILL_ROUNDS", "2"))
SEED = int(os.environ.get("TAPIARY_KILL_SEED", "1"))
INDEX = {"name": "ids", "fields": [
    {"name": "timestamp", "type": "long"}, {"name": "clientIp", "type": "ip"}, {"name": "serverIp", "type": "ip"},
    {"name": "severity", "type": "int"}]}
COLUMNS = ["timestamp", "clientIp", "serverIp", "severity"]
QUERY = 'src stream="ids" | severity >= 4'


def make_index(client: httpx.Client) -> None:
    answer = client.post("/npm/api/v1/config-element-index/user-index", json={"config": INDEX})
    assert answer.status_code == 200, answer.text


def inject(client: httpx.Client, *rows: list[Any]) -> None:
    body = {"indexName": "ids", "columns": COLUMNS, "rows": list(rows)}
    answer = client.post("/npm/api/v1/index/inject", json=body)
    assert answer.status_code == 200, answer.text


def test_an_event_becomes_labelled_flows(tmp_path: Path) -> None:
    """The way that an operator sees: an event comes in, and soon there are the packets of the one who caused it."""
    require()
    port = free_port()
    with Receiver() as receiver:
        settings = {"TAPIARY_SERVER_HOST": "0.0.0.0", "TAPIARY_SERVER_PORT": str(port),
                    "TAPIARY_CAPTURE_MIN_FREE_BYTES": "0", "TAPIARY_ALERTS_WEBHOOK_HOSTS": receiver.host}
        with Network(tmp_path) as network, Server(tmp_path / "hive", **settings) as server, server.client() as client:
            tci = PyTCI("127.0.0.1", port)
            tci.set_access_token(server.token)
            token = tci.create_drone("west", "line 0").token
            assert token is not None
            url = f"http://{network.hive_address(0)}:{port}"
            with DroneProcess(tmp_path / "west", url, token, "line", host=network.probes[0]):
                wait_until("the drone is there", lambda: tci.get_drone("west").status == "Sleeping")
                make_index(client)
                trigger = tci.create_trigger(
                    "intruders", QUERY, on_new_data=True, interval_s=0, severity="High", by=["clientIp"],
                    cooldown_s=600, title="${clientIp} attacks ${serverIp}", webhooks=[{"url": receiver.url}],
                    capture={"drones": ["west"], "filter": "host ${serverIp} and tcp", "duration": 60,
                             "max_capture_data": 10_000_000})
                seconds = follow(tci, client, network, receiver)
            assert tci.get_trigger(trigger.id).error == ""
            assert server.log().count("Traceback") == 0, server.log()
    print(", ".join(f"{what} after {value:.2f} s" for what, value in seconds.items()))
    assert seconds["alert"] < 5
    assert seconds["capturing"] < 10
    assert seconds["flows"] < 40


def follow(tci: PyTCI, client: httpx.Client, network: Network, receiver: Receiver) -> dict[str, float]:
    """Inject the event, make the traffic, and wait for each step; the seconds that each took from the event on."""
    attacker, server = f"10.{network._net}.20.2", network.server_address(0)
    began, seconds = time.time(), {}
    inject(client, [int(began * 1000), attacker, server, 5], [int(began * 1000), attacker, server, 1])
    wait_until("an alert is there", lambda: tci.get_alerts())
    (alert,) = tci.get_alerts()
    seconds["alert"] = alert.at_ms / 1000 - began
    assert (alert.name, alert.severity, alert.rows) == (f"{attacker} attacks {server}", "High", 1)
    wait_until("the capture is ordered", lambda: tci.get_alert(alert.id).capture_id is not None)
    capture_id = tci.get_alert(alert.id).capture_id
    assert capture_id is not None
    wait_until("the drone captures", lambda: tci.get_job(capture_id).drones[0].status == "In progress")
    wait_until("it records", lambda: recording(network, 0))
    seconds["capturing"] = time.time() - began
    for _ in range(3):
        network.get_http(0)
    network.ask_dns(0)
    wait_until("the webhook was called", lambda: receiver.received)
    seconds["webhook"] = receiver.received[0].at - began
    time.sleep(3)  # libpcap hands packets over once a second, and what it holds at the end is lost
    tci.stop_job(capture_id)
    job = tci.wait(capture_id, timeout=90, progress=False)
    seconds["flows"] = time.time() - began
    assert (job.status, job.filter, job.owner) == ("Done", f"host {server} and tcp", "admin")
    rows = tci.flows(job.id, as_="rows")
    assert Counter(row["label"] for row in rows) == {"HTTP": 3}
    assert {row["client_ip"] for row in rows} == {attacker}
    (received,) = receiver.received
    assert (received.body["alertName"], received.body["captureId"]) == (alert.name, job.id)
    assert [(each.kind, each.state) for each in tci.get_alert(alert.id).deliveries] == [
        ("capture", "done"), ("json", "done")]
    return seconds


class Injecting(threading.Thread):
    """Injects events one by one, each with an address of its own, as long as it may, whatever happens to the server."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.server = server
        self.stop = threading.Event()
        self.sent = 0
        self.acknowledged: set[str] = set()

    def run(self) -> None:
        while not self.stop.is_set():
            try:
                with self.server.client() as client:
                    while not self.stop.is_set():
                        self._send(client)
            except httpx.TransportError:
                time.sleep(0.05)

    def _send(self, client: httpx.Client) -> None:
        self.sent += 1
        address = f"10.{self.sent >> 16 & 255}.{self.sent >> 8 & 255}.{self.sent & 255}"
        inject(client, [int(time.time() * 1000), address, "192.0.2.1", 5])
        self.acknowledged.add(address)
        time.sleep(0.02)


def test_every_acknowledged_event_gives_one_alert_whenever_the_server_dies(tmp_path: Path) -> None:
    moments = random.Random(SEED)
    with Receiver() as receiver, Server(
        tmp_path / "data", TAPIARY_SERVER_PORT=str(free_port()), TAPIARY_ALERTS_WEBHOOK_HOSTS=receiver.host,
        TAPIARY_ALERTS_INTERVAL_S="0.2", TAPIARY_ALERTS_WEBHOOK_TIMEOUT_S="2",
    ) as server:
        with server.client() as client:
            make_index(client)
            trigger = {"name": "intruders", "query": QUERY, "on_new_data": True, "interval_s": 1,
                       "webhooks": [{"url": receiver.url}]}
            assert client.post("/api/v1/triggers", json=trigger).status_code == 200
        injecting = Injecting(server)
        injecting.start()
        try:
            for _ in range(ROUNDS):
                enough = len(injecting.acknowledged) + 10
                wait_until("events are taken", lambda enough=enough: len(injecting.acknowledged) >= enough)
                time.sleep(moments.uniform(0.0, 1.0))
                server.kill()
                server.start()
        finally:
            injecting.stop.set()
            injecting.join(30)
        with server.client() as client:
            wait_until("all have alerts", lambda: injecting.acknowledged <= set(alerts(client)), 60)
            found = alerts(client)
        assert len(injecting.acknowledged) >= 10 * ROUNDS
        assert [address for address, count in Counter(found).items() if count > 1] == []
        assert len(found) <= injecting.sent
        print(f"{ROUNDS} kills, {len(injecting.acknowledged)} events acknowledged, {len(found)} alerts")
        wait_until("all webhooks were called", lambda: injecting.acknowledged <= {
            each.body["fields"]["clientIp"] for each in receiver.received}, 60)
        assert server.log().count("Traceback") == 0, server.log()


def alerts(client: httpx.Client) -> list[str]:
    """The addresses of all alerts."""
    found: list[str] = []
    before = 1 << 62
    while page := client.get("/api/v1/alerts", params={"limit": 1000, "before": before}).json():
        found += [alert["fields"]["clientIp"] for alert in page]
        before = page[-1]["id"]
    return found
