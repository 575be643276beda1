"""`kill -9` at random moments of upload and processing: nothing is lost, nothing is there twice.

Each round uploads a capture in pieces while another one is processed again, and kills the server or a worker at a
random moment. TAPIARY_KILL_ROUNDS sets how many rounds (20 for the full test), TAPIARY_KILL_SEED which moments.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from tapiary.config import Config
from tapiary.services import Services
from tests.end_to_end.server import Server, descendants, ten_megabytes, wait_for

ROUNDS = int(os.environ.get("TAPIARY_KILL_ROUNDS", "3"))
SEED = int(os.environ.get("TAPIARY_KILL_SEED", "1"))
FLOWS, PACKETS = 2000, 20_000
PIECE = 256 * 1024
#: The longest wait before a kill, by turns: while the upload runs, and while the workers do.
LATEST_S = (0.3, 1.5)


class Uploading(threading.Thread):
    """Uploads in pieces, and goes on where the server says it ends, whatever happens to the server."""

    def __init__(self, server: Server, name: str, data: bytes) -> None:
        super().__init__()
        self.server, self.name_, self.data = server, name, data
        self.stop = threading.Event()
        self.place: str | None = None
        self.acknowledged = 0
        self.resumed = 0

    def run(self) -> None:
        while not self.stop.is_set():
            try:
                with self.server.client() as client:
                    if self._go_on(client):
                        return
            except httpx.TransportError:
                self.resumed += 1
                time.sleep(0.05)

    def _go_on(self, client: httpx.Client) -> bool:
        if self.place is None:
            answer = client.post("/files/uploads", json={"name": self.name_, "size": len(self.data)})
            assert answer.status_code == 201, answer.text
            self.place = answer.headers["location"]
        offset = int(client.head(self.place).raise_for_status().headers["upload-offset"])
        assert offset >= self.acknowledged, "bytes that were acknowledged are gone"
        while offset < len(self.data) or not client.get(self.place).json()["complete"]:
            piece = self.data[offset : offset + PIECE]
            answer = client.patch(self.place, content=piece, headers={"Upload-Offset": str(offset)})
            assert answer.status_code == 204, answer.text
            self.acknowledged = offset = int(answer.headers["upload-offset"])
        return True


def kill_something(server: Server, rng: random.Random) -> str:
    """Kill the server or one of its workers; the server then is running again."""
    workers = [
        pid for pid in descendants(server.pid) if b"tapiary.jobs.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    if workers and rng.random() < 0.3:
        os.kill(rng.choice(workers), signal.SIGKILL)
        return "worker"
    server.kill()
    server.start()
    return "server"


@pytest.mark.slow
@pytest.mark.timeout(60 + 30 * ROUNDS)
def test_kill_at_random_moments(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    data = ten_megabytes()
    server = Server(tmp_path / "data").start()
    with server.client() as client:
        job = client.post("/files/upload?name=base.pcap", content=data).json()["status"]["job_id"]
        assert wait_for(client, job)["state"] == "finished"
    for number in range(ROUNDS):
        with server.client() as client:
            job = client.post("/files/process", json={"file_name": "base.pcap"}).json()["job_id"]
        uploading = Uploading(server, f"{number}.pcap", data)
        uploading.start()
        moment = rng.uniform(0.0, LATEST_S[number % 2])
        time.sleep(moment)
        try:
            what = kill_something(server, rng)
            uploading.join(timeout=60)
        finally:
            uploading.stop.set()
        assert not uploading.is_alive()
        print(f"round {number}: {what} killed after {moment:.3f} s, upload resumed {uploading.resumed} times")
        with server.client() as client:
            assert wait_for(client, job)["state"] == "finished"
            check(client, data, number)
    assert server.stop() == 0
    check_tables(tmp_path / "data", ROUNDS + 1)


def check(client: httpx.Client, data: bytes, number: int) -> None:
    """Every file is there once, whole, finished by itself, with all of its flows."""
    files = {f["name"]: f for f in client.get("/files/list").json()}
    assert set(files) == {"base.pcap", *(f"{n}.pcap" for n in range(number + 1))}
    for name, file in files.items():
        status = wait_for(client, file["status"]["job_id"])
        assert status["state"] == "finished", (name, status)
        base = f"/file/{status['job_id']}"
        assert client.get(f"{base}/details").json()["flows_count"] == FLOWS
        assert client.get(f"{base}/statistics").json()[0]["content"] == [{"label": "udp", "count": FLOWS}]
        assert client.get(f"{base}/progress").json()["packets"] == PACKETS, (name, status)
    assert client.get(f"/files/download?file_name={number}.pcap").content == data


def check_tables(folder: Path, files: int) -> None:
    """The tables hold each file's rows once, and nothing else; nothing remains of uploads or interrupted runs."""
    config = Config(data_dir=str(folder))
    services = Services(replace(config, repository=replace(config.repository, settle_s=0.0)))
    services.upkeep.sweep()
    assert services.store.size()["flows"]["rows"] == files * FLOWS
    counted = services.store.query(
        "SELECT run_id, count(*), count(DISTINCT flow_id), sum(client_packets) FROM flows GROUP BY 1"
    )
    found = sorted(counted.fetchall())
    assert [row[1:] for row in found] == [(FLOWS, FLOWS, PACKETS)] * files
    assert [row[0] for row in found] == sorted(view.run_id or 0 for view in services.files.list())
    assert services.files.scan() == type(services.files.scan())()
    assert not list((folder / "repository" / ".uploads").glob("*.part"))
    assert services.ingest.count_by_state() == {"finished": sum(services.ingest.count_by_state().values())}
    services.close()
