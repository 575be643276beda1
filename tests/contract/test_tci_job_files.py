"""TCI's routes of a job's file, row by row of its documented table: scripts, downloads, public links."""

from __future__ import annotations

import io
import threading
import time
import zipfile
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from itsdangerous import TimestampSigner
from msgspec.structs import replace
from werkzeug.test import TestResponse

from tapiary.accounts import Permission
from tapiary.errors import TapiaryError
from tests.contract.house import House, check_error

MAGIC = bytes.fromhex("0a0d0d0a")  # of pcapng
COPY = b'#!/bin/sh\ncp "$1" "$2"\nprintf %s "$3" > "${2}argument"\n'
FAIL = b"#!/bin/sh\necho this is why >&2\nexit 3\n"


def scripted(house: House, contents: bytes = COPY, **members: object) -> int:
    """A finished capture whose script has not run yet; its number."""
    house.services.scripts.create(house.boss.actor, name="mine", level=1, contents=contents, description=None)
    return house.capture(house.boss, script_name="mine", **members)


def run(house: House, path: str) -> TestResponse:
    """PATCH, while another thread does what the queue holds, as a server's workers do."""
    done = threading.Event()

    def work() -> None:
        deadline = time.monotonic() + 60
        while not done.is_set() and time.monotonic() < deadline:
            with suppress(TapiaryError):  # a script's failure, which is the job's to tell
                house.work()
            time.sleep(0.05)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        return house.boss.patch(path)
    finally:
        done.set()
        worker.join()


def test_download_of_a_job_without_script(house: House) -> None:
    job_id = house.capture(house.boss, name="Web / traffic: #1")
    answer = house.boss.get(f"/jobs/{job_id}/file")
    assert answer.status_code == 200
    assert answer.data[:4] == MAGIC
    assert answer.mimetype == "application/x-pcapng"
    assert answer.headers["Content-Disposition"] == "attachment; filename=Web_traffic_1.pcapng"
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["ETag"]
    assert house.boss.request("HEAD", f"/jobs/{job_id}/file").headers["Content-Length"] == str(len(answer.data))


def test_a_download_can_be_resumed(house: House) -> None:
    path = f"/jobs/{house.capture(house.boss)}/file"
    whole = house.boss.get(path)
    tag = {"If-Range": whole.headers["ETag"]}
    rest = house.boss.get(path, headers={"Range": "bytes=100-", **tag})
    assert rest.status_code == 206
    assert rest.data == whole.data[100:]
    assert rest.headers["Content-Range"] == f"bytes 100-{len(whole.data) - 1}/{len(whole.data)}"
    assert house.boss.get(path, headers={"Range": "bytes=100-", "If-Range": '"another"'}).status_code == 200
    answer = house.boss.get(path, headers={"Range": f"bytes={len(whole.data)}-"})
    assert (answer.status_code, set(answer.json)) == (416, {"error", "message"})
    assert house.boss.get(path, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize("name", ["...", "中文", "///"])
def test_a_name_that_no_file_can_have(house: House, name: str) -> None:
    job_id = house.capture(house.boss, name=name)
    answer = house.boss.get(f"/jobs/{job_id}/file")
    assert answer.headers["Content-Disposition"] == f"attachment; filename=job-{job_id}.pcapng"


def test_a_job_that_has_no_file_yet(house: House) -> None:
    job_id = house.boss.order().json["id"]
    check_error(house.boss.get(f"/jobs/{job_id}/file"), 404, "no capture file")
    check_error(house.boss.patch(f"/jobs/{job_id}"), 400, "no capture file")
    check_error(house.boss.delete(f"/jobs/{job_id}/script"), 400, "no script")


def test_link(house: House) -> None:
    job_id = house.capture(house.boss)
    answer = house.boss.get(f"/jobs/{job_id}/url", base_url="https://hive.example:8443/")
    assert answer.status_code == 200
    assert set(answer.json) == {"url"}
    url = urlsplit(answer.json["url"])
    assert (url.scheme, url.netloc) == ("https", "hive.example:8443")
    assert url.path.startswith("/api/v1/jobs/file/")
    stranger = house.app.test_client()
    found = stranger.get(url.path)
    assert (found.status_code, found.data) == (200, house.boss.get(f"/jobs/{job_id}/file").data)
    assert found.headers["Content-Disposition"] == "attachment; filename=web_traffic.pcapng"
    assert stranger.get(url.path, headers={"Range": "bytes=0-3"}).data == MAGIC
    check_error(stranger.get(url.path[:-1]), 400, "token")
    check_error(stranger.get("/api/v1/jobs/file/x"), 400, "token")
    house.boss.delete(f"/jobs/{job_id}")
    check_error(stranger.get(url.path), 404)


def test_links_lead_where_users_reach_the_server(house: House) -> None:
    job_id = house.capture(house.boss)
    config = house.services.config
    house.services.config = replace(config, server=replace(config.server, url="https://hive.example/"))
    url = house.boss.get(f"/jobs/{job_id}/url", base_url="http://127.0.0.1:8080/").json["url"]
    assert url.startswith("https://hive.example/api/v1/jobs/file/")


def test_a_link_is_good_for_a_day(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = house.capture(house.boss)
    for age_s, status in ((86_340, 200), (86_460, 400)):
        with monkeypatch.context() as patch:
            patch.setattr(TimestampSigner, "get_timestamp", lambda _, age_s=age_s: int(time.time()) - age_s)
            path = urlsplit(house.boss.get(f"/jobs/{job_id}/url").json["url"]).path
        answer = house.app.test_client().get(path)
        assert answer.status_code == status
    check_error(answer, 400, "too old")


def test_run_a_script(house: House) -> None:
    job_id = scripted(house, script_args="two words")
    assert house.boss.get(f"/jobs/{job_id}").json["status"] == "To process"
    raw = house.boss.get(f"/jobs/{job_id}/file")
    assert raw.data[:4] == MAGIC, "before the script has run there is the capture alone"
    answer = run(house, f"/jobs/{job_id}")
    assert (answer.status_code, answer.data) == (200, b"")
    job = house.boss.get(f"/jobs/{job_id}").json
    assert (job["status"], job["script_name"], job["script_args"]) == ("Done", "mine", "two words")
    answer = house.boss.get(f"/jobs/{job_id}/file")
    assert answer.mimetype == "application/zip"
    assert answer.headers["Content-Disposition"] == "attachment; filename=web_traffic.zip"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as found:
        assert found.read("argument") == b"two"


def test_a_script_that_fails(house: House) -> None:
    job_id = scripted(house, FAIL)
    check_error(run(house, f"/jobs/{job_id}"), 400, "3")
    assert house.boss.get(f"/jobs/{job_id}").json["status"] == "Failed"
    assert house.boss.get(f"/jobs/{job_id}/file").data[:4] == MAGIC, "the capture is still there"


def test_not_waiting_and_cancelling(house: House) -> None:
    job_id = scripted(house)
    answer = house.boss.patch(f"/jobs/{job_id}?wait=0")
    assert (answer.status_code, answer.data) == (200, b"")
    assert house.boss.get(f"/jobs/{job_id}").json["status"] == "Processing"
    check_error(house.boss.patch(f"/jobs/{job_id}"), 400, "Processing")
    answer = house.boss.delete(f"/jobs/{job_id}/script")
    assert (answer.status_code, answer.data) == (204, b"")
    assert house.boss.get(f"/jobs/{job_id}").json["status"] == "To process"
    check_error(house.boss.delete(f"/jobs/{job_id}/script"), 400, "no script")
    for wrong in ("-1", "x", "86401"):
        check_error(house.boss.patch(f"/jobs/{job_id}?wait={wrong}"), 400, "wait")


def test_a_job_without_script_needs_none_to_run(house: House) -> None:
    answer = house.boss.patch(f"/jobs/{house.capture(house.boss)}")
    assert (answer.status_code, answer.data) == (200, b"")


def test_files_go_to_the_destination(house: House) -> None:
    destination = house.boss.post("/destinations", json={"name": "d", "path": str(house.destinations)}).json["id"]
    job = house.boss.get(f"/jobs/{house.capture(house.boss, destination_id=destination)}").json
    assert (job["status"], job["destination_id"]) == ("Done - Files moved", destination)
    assert job["moved_to"] == str(house.destinations / "1-web_traffic.pcapng")
    check_error(house.boss.delete(f"/destinations/{destination}"), 400, "destination")
    other = house.user("other", 5, Permission.SCRIPT_MASTER)
    check_error(other.order(destination_id=destination), 400, "destination_id")
