"""Jobs over HTTP: asked for by many at once, watched by many at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec.structs import replace

from tapiary.api import create_app
from tapiary.services import Services
from tests.api.conftest import Face


def test_many_ask_for_the_same_file_at_once(face: Face) -> None:
    def ask(_: int) -> int:
        client = face.client.application.test_client()
        answer = client.post(
            "/files/process", json={"file_name": "sample.pcap"}, headers={"Authorization": f"Bearer {face.token}"}
        )
        assert answer.status_code == 200, answer.text
        return int(answer.json["job_id"])

    with ThreadPoolExecutor(8) as pool:
        jobs = set(pool.map(ask, range(24)))
    assert len(jobs) == 1
    assert jobs != {face.job_id}
    assert len(face.services.queue.list()) == 2


def test_many_upload_the_same_name_at_once(face: Face) -> None:
    def put(number: int) -> int:
        client = face.client.application.test_client()
        data = bytes([number]) * 100_000
        answer = client.post("/files/upload?name=x.pcap", data=data, headers={"Authorization": f"Bearer {face.token}"})
        return answer.status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(put, range(16)))
    assert statuses == [201] + [409] * 15
    data = (face.services.files.root / "x.pcap").read_bytes()
    assert len(data) == 100_000
    assert len(set(data)) == 1
    assert list((face.services.files.root / ".uploads").iterdir()) == []


def test_watchers_leave_threads_for_others(face: Face) -> None:
    config = face.services.config
    services = Services(replace(config, server=replace(config.server, threads=4)))
    client = create_app(services).test_client()
    headers = {"Authorization": f"Bearer {face.token}", "Accept": "text/event-stream"}
    path = f"/file/{face.job_id}/progress"
    watching = [client.get(path, headers=headers, buffered=False) for _ in range(2)]
    assert [answer.status_code for answer in watching] == [200, 200]
    assert client.get(path, headers=headers).status_code == 503
    watching.pop().close()
    again = client.get(path, headers=headers)
    assert again.status_code == 200
    for answer in watching:
        answer.close()
    services.close()


@pytest.mark.parametrize("state", ["queued", "cancelled"])
def test_states_as_shown(face: Face, state: str) -> None:
    job = face.services.ingest.submit("sample.pcap")
    if state == "cancelled":
        face.services.ingest.cancel(job.id)
    status = face.get(f"/file/{job.id}/status").json
    assert status["state"] == {"queued": "in_progress", "cancelled": "cancelled"}[state]
    assert type(status["started_at"]) is int
    assert ("finished_at" in status) == (state == "cancelled")
    assert face.get(f"/file/{job.id}/progress").json["state"] == state
    assert face.get("/files/list").json[0]["status"] == status
