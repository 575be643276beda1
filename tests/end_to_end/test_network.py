"""The whole house on a real network: two probes, real servers, a job through PyTCI, and labels that are right."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from pytci import PyTCI
from tests.conftest import ROOT
from tests.end_to_end.drone import DroneProcess, wait_until
from tests.end_to_end.network import DNS, HTTP, SSH, TLS, Network, free_port, require
from tests.end_to_end.server import Server

#: Flows made at each probe, by the server's port.
MADE = {HTTP: 3, TLS: 2, DNS: 4, SSH: 2}
LABELS = {HTTP: "HTTP", TLS: "TLS", DNS: "DNS", SSH: "SSH"}


def make_traffic(network: Network, n: int) -> None:
    for port, act in ((HTTP, network.get_http), (TLS, network.get_tls), (DNS, network.ask_dns), (SSH, network.try_ssh)):
        for _ in range(MADE[port]):
            act(n)
        network.ping(n)


@pytest.mark.parametrize("kind", ["ours", "tci"])
def test_what_the_lines_carried_is_captured_and_labelled(tmp_path: Path, kind: str) -> None:
    """Two probes' traffic, filtered, merged, labelled; also by drones that speak TCI's protocol alone."""
    require()
    port = free_port()
    settings = {"TAPIARY_SERVER_HOST": "0.0.0.0", "TAPIARY_SERVER_PORT": str(port),
                "TAPIARY_CAPTURE_MIN_FREE_BYTES": "0"}
    with Network(tmp_path) as network, Server(tmp_path / "hive", **settings) as server:
        tci = PyTCI("127.0.0.1", port)
        tci.set_access_token(server.token)
        drones = []
        try:
            for n, name in enumerate(("west", "east")):
                token = tci.create_drone(name, f"line {n}").token
                drones.append(start_drone(kind, tmp_path / name, network, n, port, token))
            wait_until("both drones are there", lambda: [d.status for d in tci.get_drones()] == ["Sleeping"] * 2)
            job = tci.create_job(
                name="Two lines", duration=60, max_capture_data=50_000_000, lines=["west", "east"],
                filter="not icmp and not ip6 and not arp", script_name=None, script_args=None)
            wait_until("both capture", lambda: all(
                share.status == "In progress" for share in tci.get_job_status(job.id).drones))
            wait_until("both record", lambda: all(recording(network, n) for n in range(2)))
            for n in range(2):
                make_traffic(network, n)
            if kind == "ours":
                wait_until("live labels", lambda: set(LABELS.values()) <= set(tci.live(job.id).labels))
            time.sleep(3)  # libpcap hands packets over once a second, and what it holds at the end is lost
            tci.stop_job(job.id)
            done = tci.wait(job.id, timeout=60, progress=False)
        finally:
            for process in drones:
                process.stop()
        assert done.status == "Done"
        assert [share.dropped for share in done.drones] == ([0, 0] if kind == "ours" else [None, None])
        check_flows(tci, job.id, network)
        path = tci.download_job(job.id, tmp_path / "job.pcapng")
        interfaces = subprocess.run(["capinfos", "-M", str(path)], capture_output=True, text=True, check=True).stdout
        names = ("west:line", "east:line") if kind == "ours" else ("Name = west", "Name = east")
        assert all(name in interfaces for name in names), interfaces
        only = tci.packets(job.id, tmp_path / "dns.pcap", label="DNS")
        counted = subprocess.run(["tcpdump", "-nr", str(only)], capture_output=True, text=True, check=True)
        assert len(counted.stdout.splitlines()) == 2 * 2 * MADE[DNS]
        assert server.log().count("Traceback") == 0, server.log()


def check_flows(tci: PyTCI, job_id: int, network: Network) -> None:
    rows = tci.flows(job_id, as_="rows")
    found = Counter((row["server_ip"], row["server_port"], row["label"].split(".")[0]) for row in rows)
    expected = {
        (network.server_address(n), port, LABELS[port]): count for n in range(2) for port, count in MADE.items()}
    assert found == expected


class PublicDrone(DroneProcess):
    """The stand-in of TCI's drone 1.2.0."""

    def command(self) -> list[str]:
        return [sys.executable, str(ROOT / "tests" / "public_drone.py"), *self.arguments]

    arguments: list[str]


def start_drone(kind: str, folder: Path, network: Network, n: int, port: int, token: str) -> DroneProcess:
    url = f"http://{network.hive_address(n)}:{port}"
    if kind == "ours":
        return DroneProcess(folder, url, token, "line", host=network.probes[n]).start()
    drone = PublicDrone(folder, url, token, "line", host=network.probes[n])
    (folder / "captures").mkdir()
    drone.arguments = ["--hive", url, "--token", token, "--interface", "line", "--folder", str(folder / "captures")]
    return drone.start()


def recording(network: Network, n: int) -> bool:
    """Whether a tcpdump has opened the line: packet sockets of the namespace are in /proc/net/packet."""
    return len(network.probes[n].run("cat", "/proc/net/packet").stdout.splitlines()) > 1
