"""The whole way, over a real server: upload, statistics, packets, delete; and what stands around it."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dpkt
import httpx
import pytest

from tests.end_to_end.server import Server, descendants, ten_megabytes, wait_for


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(
        tmp_path_factory.mktemp("server") / "data",
        TAPIARY_REPOSITORY_SETTLE_S="0.2",
        TAPIARY_REPOSITORY_SCAN_INTERVAL_S="0.2",
    ) as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def test_from_upload_to_delete(client: httpx.Client, sample: Path) -> None:
    status = client.post("/api/v1/files/upload?name=whole.pcap", content=sample.read_bytes()).json()["status"]
    assert wait_for(client, status["job_id"])["state"] == "finished"
    base = f"/api/v1/file/{status['job_id']}"
    labels = client.get(f"{base}/statistics").json()[1]["content"]
    details = client.get(f"{base}/details").json()
    assert details["flows_count"] > 0
    flows = client.get(f"{base}/flows/labels", params={"label": labels[0]["label"]}).json()
    assert len(flows) == labels[0]["count"]
    cut = client.get(f"{base}/pcap", params={"label": labels[0]["label"]}).content
    assert 0 < len(list(dpkt.pcap.Reader(io.BytesIO(cut)))) <= len(list(dpkt.pcap.Reader(sample.open("rb"))))
    assert client.get(f"{base}/download").content == sample.read_bytes()
    assert client.delete(base).status_code == 200
    assert client.get(f"{base}/status").status_code == 404 or client.get("/files/list").json() == []


def test_a_file_put_there_by_hand(server: Server, client: httpx.Client, sample: Path) -> None:
    path = server.data / "repository" / "by hand" / "x.pcap"
    path.parent.mkdir(parents=True)
    path.write_bytes(sample.read_bytes())
    end = time.monotonic() + 20
    while time.monotonic() < end:
        found = [f for f in client.get("/files/list").json() if f["name"] == "by hand/x.pcap"]
        if found and found[0]["status"]["state"] == "finished":
            break
        time.sleep(0.05)
    else:
        pytest.fail(f"never finished: {found}")
    client.post("/files/delete", json={"file_name": "by hand/x.pcap"})


def test_first_statistics_come_after_an_upload_unasked(client: httpx.Client) -> None:
    data = ten_megabytes()
    answer = client.post("/files/upload?name=ten.pcap", content=data)
    ended = time.monotonic()
    job = answer.json()["status"]["job_id"]
    while client.get(f"/file/{job}/statistics").status_code != 200:
        assert time.monotonic() - ended < 30
        time.sleep(0.01)
    seconds = time.monotonic() - ended
    print(f"first statistics of {len(data) / 1e6:.1f} MB {seconds:.2f} s after the upload's end")
    assert client.get(f"/file/{job}/details").json()["flows_count"] == 2000
    client.delete(f"/file/{job}")


def test_live_progress(client: httpx.Client) -> None:
    job = client.post("/files/upload?name=live.pcap", content=ten_megabytes()).json()["status"]["job_id"]
    with client.stream("GET", f"/file/{job}/progress", headers={"Accept": "text/event-stream"}) as events:
        text = "".join(events.iter_text())
    assert text.count("event: progress") >= 1
    assert '"state":"finished"' in text.split("event: progress")[-1]
    client.delete(f"/file/{job}")


def test_torn_connections(server: Server, client: httpx.Client, sample: Path) -> None:
    """A connection that breaks in a body: nothing remains of a whole upload, pieces keep what came."""
    data = sample.read_bytes()
    place = client.post("/files/uploads", json={"name": "torn.pcap", "size": len(data)}).headers["location"]
    host, port = server.address.removeprefix("http://").split(":")
    for method, path in (("POST", "/files/upload?name=never.pcap"), ("PATCH", place)):
        with socket.create_connection((host, int(port))) as connection:
            head = (
                f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.token}\r\nUpload-Offset: 0\r\n"
                f"Content-Length: {len(data)}\r\n\r\n"
            )
            connection.sendall(head.encode() + data[:100_000])
            time.sleep(0.3)
    end = time.monotonic() + 10
    while (offset := int(client.head(place).headers["upload-offset"])) < 100_000:
        assert time.monotonic() < end, offset
        time.sleep(0.05)
    assert offset == 100_000
    assert client.patch(place, content=data[offset:], headers={"Upload-Offset": str(offset)}).status_code == 204
    assert (server.data / "repository" / "torn.pcap").read_bytes() == data
    assert not (server.data / "repository" / "never.pcap").exists()
    assert "never.pcap" not in client.get("/files/list").text
    client.post("/files/delete", json={"file_name": "torn.pcap"})


def test_chunked_bodies(client: httpx.Client, sample: Path) -> None:
    data = sample.read_bytes()
    answer = client.post(
        "/files/upload?name=chunked.pcap", content=(data[i : i + 9999] for i in range(0, len(data), 9999))
    )
    assert answer.status_code == 201, answer.text
    assert client.get("/files/download?file_name=chunked.pcap").content == data
    client.post("/files/delete", json={"file_name": "chunked.pcap"})


def test_two_servers_never_share_a_folder(server: Server) -> None:
    environ = {**os.environ, "TAPIARY_DATA_DIR": str(server.data), "TAPIARY_SERVER_PORT": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "tapiary.cli", "serve"], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "another server is running" in done.stderr


def test_a_taken_port_is_told_at_once(server: Server, tmp_path: Path) -> None:
    port = server.address.rpartition(":")[2]
    environ = {**os.environ, "TAPIARY_DATA_DIR": str(tmp_path / "data"), "TAPIARY_SERVER_PORT": port}
    command = [sys.executable, "-m", "tapiary.cli", "serve"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert f"port {port} is in use" in done.stderr
    assert "TOKEN" not in done.stdout
    assert "Retrying" not in done.stderr, "gunicorn was not asked to try"
    done = subprocess.run(
        [*command, "--host", "192.0.2.1", "--port", "0"], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "192.0.2.1" in done.stderr


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_signals_from_the_terminal(tmp_path: Path, sample: Path, signal_number: int) -> None:
    """Ctrl-C reaches every process of the group: all end, and a job under way is taken up at the next start."""
    server = Server(tmp_path / "data").start()
    with server.client() as client:
        job = client.post("/files/upload?name=x.pcap", content=sample.read_bytes()).json()["status"]["job_id"]
    below = descendants(server.pid)
    os.killpg(server.pid, signal_number)
    assert server.wait() == 0
    end = time.monotonic() + 5
    while any(Path(f"/proc/{pid}").exists() for pid in below):
        assert time.monotonic() < end
        time.sleep(0.05)
    with server, server.client() as client:
        assert wait_for(client, job)["state"] == "finished"


def test_start_and_stop(tmp_path: Path, sample: Path) -> None:
    server = Server(tmp_path / "data").start()
    print(f"first answer after {server.seconds_to_start:.2f} s")
    below = descendants(server.pid)
    assert len(below) >= 2
    assert server.stop() == 0
    assert descendants(server.pid) == []
    assert not any(Path(f"/proc/{pid}").exists() for pid in below)
    assert "  password: " in server.greeting
    with server, server.client() as client:
        assert "password: " not in server.greeting, "a second start makes no second password"
        assert client.get("/files/list").status_code == 200


def test_anonymous_is_warned_of(tmp_path: Path) -> None:
    with Server(tmp_path / "data", TAPIARY_SERVER_ANONYMOUS="true") as server:
        assert httpx.get(server.address + "/files/list").status_code == 200
        assert httpx.post(server.address + "/files/upload?name=a.pcap", content=b"").status_code == 201
        assert httpx.get(server.address + "/server/status").status_code == 403
        assert httpx.get(server.address + "/files/list", headers={"Authorization": "Bearer x"}).status_code == 401
        assert "anonymous is on" in server.log()


def test_cancel_stops_soon_and_leaves_nothing(client: httpx.Client) -> None:
    data = ten_megabytes()
    big = data + data[24:] * 39  # seconds of work, where cancelling takes a tenth of one
    job = client.post("/files/upload?name=long.pcap", content=big).json()["status"]["job_id"]
    end = time.monotonic() + 20
    while client.get(f"/file/{job}/progress").json()["state"] == "queued":
        assert time.monotonic() < end
        time.sleep(0.005)
    asked = time.monotonic()
    assert client.post(f"/file/{job}/cancel").status_code == 200
    assert wait_for(client, job)["state"] == "cancelled"
    print(f"cancelled after {time.monotonic() - asked:.2f} s")
    assert client.get(f"/file/{job}/statistics").status_code == 404
    assert client.post(f"/file/{job}/cancel").status_code == 409
    end = time.monotonic() + 20  # rows of files that other tests have deleted go a moment later
    while True:
        rows = client.get("/server/status").json()["tables"]["flows"]["rows"]
        if rows == sum(f.get("flows_count", 0) for f in client.get("/files/list").json()):
            break
        assert time.monotonic() < end, rows
        time.sleep(0.1)
    client.delete(f"/file/{job}")
