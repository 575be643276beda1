"""The server with drones: threads for all, TLS, stopping soon."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import socketio

from tests.app.test_tls import make_ca
from tests.end_to_end.server import Server
from tests.public_drone import PublicDrone


def add_drone(server: Server, name: str) -> str:
    with server.client() as client:
        answer = client.post("/api/v1/drones", json={"name": name, "description": ""})
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["token"]
        return token


def connected(server: Server, token: str, transports: list[str] | None, **session: Any) -> socketio.Client:
    web = requests.Session()
    web.trust_env = False
    if server.address.startswith("https"):
        web.verify = str(server.data / "tls" / "cert.pem")
    for name, value in session.items():
        setattr(web, name, value)
    client = socketio.Client(http_session=web, reconnection=False)
    client.connect(server.address, auth={"token": token}, transports=transports, wait_timeout=20)
    assert client.call("drone_init", '{"capture_backend": "tcpdump"}') is True
    client.emit("drone_update_status", '{"status": "Sleeping", "active_job": {}}')
    return client


def states(server: Server) -> list[str]:
    with server.client() as client:
        answer = client.get("/api/v1/drones").json()
        return [drone["status"] for drone in answer]


def stopped(server: Server) -> float:
    """The seconds from the signal to the end."""
    began = time.monotonic()
    assert server.stop() == 0
    return time.monotonic() - began


def until(what: Any, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with few threads for users, before drones that need more."""
    data = tmp_path_factory.mktemp("drones") / "data"
    with Server(data, TAPIARY_SERVER_THREADS="3", TAPIARY_CAPTURE_MAX_DRONES="20") as server:
        yield server


def test_many_requests_while_drones_are_connected(server: Server) -> None:
    tokens = [add_drone(server, f"many-{n}") for n in range(12)]
    transports = [["websocket"], ["polling"], None]
    drones = [connected(server, token, transports[n % 3]) for n, token in enumerate(tokens)]
    until(lambda: states(server).count("Sleeping") == 12)
    failed: list[str] = []

    def ask() -> None:
        with server.client() as client:
            for _ in range(20):
                answer = client.get("/api/v1/drones")
                if answer.status_code != 200:
                    failed.append(answer.text)

    began = time.monotonic()
    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"200 requests beside 12 drones: {time.monotonic() - began:.2f} s")
    assert not failed
    assert all(drone.connected for drone in drones)
    for drone in drones:
        drone.eio.http.close()
        threading.Thread(target=drone.disconnect, daemon=True).start()


def test_a_stranger_s_body_is_not_read(server: Server) -> None:
    """Whoever has no token is answered before the body, which has no length."""
    began = time.monotonic()

    def endless() -> Iterator[bytes]:
        while time.monotonic() - began < 30:
            yield bytes(1 << 16)

    headers = {"Authorization": "Bearer wrong", "Upload-Offset": "0"}
    try:
        path = "/hive/v1/captures/1/parts/1?interface=x"
        assert httpx.patch(server.address + path, headers=headers, content=endless()).status_code == 401
    except httpx.TransportError:
        pass
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("transports", [["websocket"], ["polling"], None], ids=["websocket", "polling", "upgrade"])
def test_stopping_with_drones_is_quick(tmp_path: Path, transports: list[str] | None) -> None:
    server = Server(tmp_path / "data").start()
    tokens = [add_drone(server, f"d{n}") for n in range(5)]
    alone = stopped(server)
    server.start()
    drones = [connected(server, token, transports) for token in tokens]
    until(lambda: states(server) == ["Sleeping"] * 5)
    seconds = stopped(server)
    print(f"stopped {seconds:.2f} s after the signal with 5 drones, {alone:.2f} s without")
    # gunicorn would wait 10 s for them.
    assert seconds < alone + 2
    until(lambda: not any(drone.connected for drone in drones))
    with server:
        assert states(server) == ["Disconnected"] * 5
    assert "Traceback" not in server.log()


def test_a_drone_survives_a_restart(tmp_path: Path, sample: Path) -> None:
    """Its capture goes on while the server is away, as its documentation promises for a lost connection."""
    port = socket.create_server(("127.0.0.1", 0))
    number = str(port.getsockname()[1])
    port.close()
    server = Server(tmp_path / "data", TAPIARY_SERVER_PORT=number).start()
    drone = PublicDrone(
        server.address, add_drone(server, "public"), tmp_path / "drone", play=sample, play_seconds=0.5, wait_s=0.2
    ).start()
    try:
        until(lambda: states(server) == ["Sleeping"])
        order = {"name": "x", "filter": "", "duration": 3600, "max_capture_data": 10**9, "drones": ["public"]}
        with server.client() as client:
            job = client.post("/api/v1/jobs", json=order | {"script_name": None}).json()["id"]
        until(lambda: drone.job is not None and drone.job.captured > 0)
        server.stop()
        with server, server.client() as client:
            until(lambda: states(server) == ["Working"])
            assert drone.job is not None
            assert client.put(f"/api/v1/jobs/{job}").status_code == 204
            until(lambda: client.get(f"/api/v1/jobs/{job}").json()["status"] == "Done", 30)
            assert client.get(f"/api/v1/jobs/{job}").json()["captured_data"] == sample.stat().st_size
    finally:
        drone.stop()


def test_https_with_certificates_of_clients(tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    make_ca(folder)
    server = Server(tmp_path / "data", TAPIARY_SERVER_TLS="true", TAPIARY_SERVER_TLS_CLIENT_CA=str(folder / "ca.pem"))
    pair = (folder / "probe.pem", folder / "probe.key")
    from tapiary.app.tls import prepare
    from tapiary.config import load

    # The certificate is made before the start, so that the first request knows it.
    made = prepare(load(None, {"TAPIARY_DATA_DIR": str(server.data), "TAPIARY_SERVER_TLS": "true"}))
    assert made is not None
    server.verify = ssl.create_default_context(cafile=made.certificate)
    server.verify.load_cert_chain(*pair)
    with server:
        assert made.fingerprint in server.greeting
        with pytest.raises(httpx.TransportError):
            httpx.get(server.address + "/health", verify=ssl.create_default_context(cafile=made.certificate))
        token = add_drone(server, "probe")
        for transports in (["polling"], ["websocket"]):
            client = connected(server, token, transports, cert=tuple(map(str, pair)))
            client.eio.http.close()
            threading.Thread(target=client.disconnect, daemon=True).start()
        # Large messages in both directions at once, over the one TLS connection.
        got: list[Any] = []
        client = connected(server, token, ["websocket"], cert=tuple(map(str, pair)))
        client.on("update_info", lambda: got.append(1))
        for n in range(20):
            assert client.call("upload", "x" * 900_000 + str(n))[0] == 400
        client.disconnect()


def test_wrong_certificates_stop_the_start(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", TAPIARY_SERVER_TLS="true", TAPIARY_SERVER_TLS_CERT=__file__)
    with pytest.raises(AssertionError, match=r"server\.tls_cert|cannot use"):
        server.start()
