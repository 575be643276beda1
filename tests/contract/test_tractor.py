"""The Tractor API as its document has it: every endpoint's success shape, error shape and right."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest

from tapiary.accounts import LOCAL, SCOPES
from tapiary.api.tractor import RIGHTS, models
from tests.api.conftest import Face

PREFIXES = ("/api/v1", "")

#: Every route of the dialect: function name, method, path, further arguments of the request, status of success.
ROUTES: list[tuple[str, str, str, dict[str, Any], int]] = [
    ("files_list", "GET", "/files/list", {}, 200),
    ("files_process", "POST", "/files/process", {"json": {"file_name": "sample.pcap"}}, 200),
    ("files_upload", "POST", "/files/upload?name=new.pcap", {"data": b"abc"}, 201),
    ("files_download", "GET", "/files/download?file_name=sample.pcap", {}, 200),
    ("files_delete", "POST", "/files/delete", {"json": {"file_name": "sample.pcap"}}, 200),
    ("upload_create", "POST", "/files/uploads", {"json": {"name": "a.pcap", "size": 3}}, 201),
    ("upload_status", "GET", "/files/uploads/{upload}", {}, 200),
    ("upload_status", "HEAD", "/files/uploads/{upload}", {}, 200),
    ("upload_append", "PATCH", "/files/uploads/{upload}", {"data": b"abc", "headers": {"Upload-Offset": "0"}}, 204),
    ("upload_discard", "DELETE", "/files/uploads/{upload}", {}, 204),
    ("file_status", "GET", "/file/{job}/status", {}, 200),
    ("file_details", "GET", "/file/{job}/details", {}, 200),
    ("file_statistics", "GET", "/file/{job}/statistics", {}, 200),
    ("file_statistics_labels", "GET", "/file/{job}/statistics/labels?label=dns", {}, 200),
    ("file_statistics_ip", "GET", "/file/{job}/statistics/ip?ip=0.0.0.0/0", {}, 200),
    ("file_flows_labels", "GET", "/file/{job}/flows/labels?label=dns", {}, 200),
    ("file_flows", "GET", "/file/{job}/flows", {}, 200),
    ("file_progress", "GET", "/file/{job}/progress", {}, 200),
    ("file_download", "GET", "/file/{job}/download", {}, 200),
    ("file_pcap", "GET", "/file/{job}/pcap", {}, 200),
    ("file_export", "GET", "/file/{job}/export?format=csv", {}, 200),
    ("file_cancel", "POST", "/file/{waiting}/cancel", {}, 200),
    ("file_delete", "DELETE", "/file/{job}", {}, 200),
    ("labels_list", "GET", "/labels/list", {}, 200),
    ("server_status", "GET", "/server/status", {}, 200),
]
#: The documented endpoints and the model of their answers.
DOCUMENTED: dict[str, Any] = {
    "/files/list": models.Files,
    "/file/{job}/status": models.FileStatus,
    "/file/{job}/details": models.File,
    "/file/{job}/statistics": models.Statistics,
    "/file/{job}/statistics/labels?label=dns": models.Statistics,
    "/file/{job}/statistics/ip?ip=0.0.0.0/0": models.DetailsIp,
    "/file/{job}/flows/labels?label=dns": models.DetailsLabel,
    "/labels/list": models.Labels,
}


def prepared(face: Face, path: str) -> str:
    """The path with what it speaks of in place: a job that is done, one that waits, an upload that began."""
    if "{upload}" in path:
        path = path.replace("{upload}", face.services.uploads.create("part.pcap", 3).id)
    if "{waiting}" in path:
        face.put("waiting.pcap", b"abc")
        path = path.replace("{waiting}", str(face.services.ingest.submit("waiting.pcap").id))
    return path.replace("{job}", str(face.job_id))


def check_error(answer: Any, status: int) -> str:
    """The documented error body, and nothing else in it; returns the message."""
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/json"
    assert set(answer.json) == {"status", "code", "message"}
    assert answer.json["status"] == answer.json["code"] == status
    assert isinstance(answer.json["message"], str)
    assert answer.json["message"]
    return str(answer.json["message"])


def test_every_route_is_walked(face: Face) -> None:
    assert {name for name, *_ in ROUTES} == set(RIGHTS)
    rules = face.client.application.url_map.iter_rules()
    here = {rule.endpoint.partition(".")[2] for rule in rules if rule.endpoint.startswith("tractor")}
    assert here == set(RIGHTS)


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    ("name", "method", "path", "arguments", "status"), ROUTES, ids=lambda v: v if isinstance(v, str) else ""
)
def test_success(
    face: Face, prefix: str, name: str, method: str, path: str, arguments: dict[str, Any], status: int
) -> None:
    answer = face.request(method, prefix + prepared(face, path), **arguments)
    assert answer.status_code == status, answer.text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(("path", "model"), DOCUMENTED.items())
def test_documented_json(reader: Face, path: str, model: Any) -> None:
    answer = reader.get(prepared(reader, path))
    assert answer.mimetype == "application/json"
    assert answer.json, "the sample shows something everywhere"
    model.model_validate_json(answer.data, strict=True)
    assert "null" not in answer.text


def test_files_list_members(face: Face) -> None:
    face.put("fresh.pcapng", b"\x0a\x0d\x0d\x0a" + b"\0" * 2000)
    face.services.files.scan()
    fresh, done = face.get("/files/list").json
    assert fresh["name"] == "fresh.pcapng"
    assert fresh["extension"] == "pcapng"
    assert fresh["size"] == 3, "2004 bytes are 3 kB, rounded up"
    assert fresh["status"] == {"state": "new"}
    assert set(fresh) == {"name", "extension", "time_start", "time_end", "status", "size"}
    assert set(done) == {"name", "extension", "time_start", "time_end", "status", "size", "flows_count"}
    assert set(done["status"]) == {"state", "started_at", "finished_at", "job_id"}
    assert done["status"]["state"] == "finished"
    assert done["time_start"] <= done["time_end"]
    for member in ("time_start", "time_end", "size", "flows_count"):
        assert type(done[member]) is int


def test_statistics_titles_and_order(reader: Face) -> None:
    found = reader.get(f"/file/{reader.job_id}/statistics?limit=1000").json
    assert [s["title"] for s in found] == [
        "protocols",
        "labels",
        "groups",
        "clients",
        "servers",
        "server_ports",
        "countries",
        "server_names",
        "user_agents",
    ]
    for statistic in found:
        keys = [(-item["count"], item["label"]) for item in statistic["content"]]
        assert keys == sorted(keys)
        assert all(set(item) == {"label", "count"} and type(item["count"]) is int for item in statistic["content"])
    flows = reader.get(f"/file/{reader.job_id}/details").json["flows_count"]
    for title in ("protocols", "labels", "groups"):
        content = next(s["content"] for s in found if s["title"] == title)
        assert sum(item["count"] for item in content) == flows
    assert all(len(s["content"]) <= 1 for s in reader.get(f"/file/{reader.job_id}/statistics?limit=1").json)


def test_flows_by_label_are_paged(reader: Face) -> None:
    group = reader.get(f"/file/{reader.job_id}/statistics").json[2]["content"][0]
    path = f"/file/{reader.job_id}/flows/labels?label={group['label']}"
    whole = reader.get(path)
    assert len(whole.json) == group["count"] == int(whole.headers["X-Total-Count"])
    assert "Link" not in whole.headers
    pages, at = [], path + "&limit=2"
    while at:
        answer = reader.get(at)
        pages += answer.json
        at = answer.headers["Link"].split(";")[0].strip("<>") if "Link" in answer.headers else ""
    assert pages == whole.json
    assert set(pages[0]) == {
        "client_ip",
        "client_port",
        "server_ip",
        "server_port",
        "time_start",
        "time_end",
        "comment",
    }


def test_a_path_never_breaks_a_header(reader: Face) -> None:
    for job in (f"{reader.job_id}%0A", f"{reader.job_id}%20", f"%0D%0A{reader.job_id}"):
        answer = reader.get(f"/file/{job}/flows?limit=1")
        assert answer.status_code in (200, 400), answer.text
        assert "\n" not in answer.headers.get("Link", "")
        assert answer.headers.get("Link", "%").count(" ") <= 1


@pytest.mark.parametrize(
    "path",
    [
        "/file/4711/status",
        "/file/4711/details",
        "/file/4711/statistics",
        "/file/4711/statistics/labels?label=x",
        "/file/4711/statistics/ip?ip=1.1.1.1",
        "/file/4711/flows/labels?label=x",
        "/file/4711/flows",
        "/file/4711/pcap",
        "/file/4711/export",
        "/file/4711/progress",
        "/file/4711/download",
        "/files/download?file_name=none.pcap",
        "/files/uploads/" + "0" * 32,
        "/files/uploads/x",
        "/nothing",
        "/file/1",
        "/file/-1/status",
        "/file/0/status",
    ],
)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_what_is_not_there_is_404(reader: Face, prefix: str, path: str) -> None:
    if path == "/file/1":
        check_error(reader.get(prefix + path), 405)
    else:
        check_error(reader.get(prefix + path), 404)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/file/x/status", "job_id"),
        ("/file/1.5/status", "job_id"),
        ("/file/99999999999999999999/status", "job_id"),
        ("/file/{job}/statistics?limit=x", "limit"),
        ("/file/{job}/statistics?limit=0", "limit"),
        ("/file/{job}/statistics?limit=10001", "limit"),
        ("/file/{job}/statistics/labels", "label"),
        ("/file/{job}/statistics/labels?label=", "label"),
        ("/file/{job}/statistics/ip", "ip"),
        ("/file/{job}/statistics/ip?ip=300.1.1.1", "ip"),
        ("/file/{job}/statistics/ip?ip=10.0.0.0/33", "ip"),
        ("/file/{job}/statistics/ip?ip=", "ip"),
        ("/file/{job}/flows/labels", "label"),
        ("/file/{job}/flows/labels?label=x&offset=-1", "offset"),
        ("/file/{job}/flows?limit=-1", "limit"),
        ("/file/{job}/flows?sort=nothing", "sort"),
        ("/file/{job}/flows?sort=packet_sizes", "sort"),
        ("/file/{job}/flows?server_prot=443", "server_prot"),
        ("/file/{job}/flows?server_port=http", "server_port"),
        ("/file/{job}/flows?client_ip=x", "client_ip"),
        ("/file/{job}/flows?first_seen=yesterday", "first_seen"),
        ("/file/{job}/flows?client_mac=00:11", "client_mac"),
        ("/file/{job}/flows?columns=nothing", "columns"),
        ("/file/{job}/flows?columns=,", "columns"),
        ("/file/{job}/flows?flow=x", "flow"),
        ("/file/{job}/pcap?ip=x", "ip"),
        ("/file/{job}/export?format=xls", "format"),
        ("/files/download", "file_name"),
        ("/files/download?file_name=../../etc/passwd", "file_name"),
        ("/files/download?file_name=/etc/passwd", "file_name"),
    ],
)
def test_wrong_parameters_are_named(reader: Face, path: str, field: str) -> None:
    assert field in check_error(reader.get(prepared(reader, path)), 400)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"data": b"{"},
        {"json": []},
        {"json": "x"},
        {"json": {"file_name": 7}},
        {"json": {"file_name": None}},
        {"json": {}},
        {"json": {"file_name": ""}},
        {"json": {"file_name": "../x"}},
        {"json": {"file_name": "a\0b"}},
        {"json": {"name": "x"}},
        {"data": b"\xff", "content_type": "application/json"},
        {"json": {"file_name": "\ud800"}},
    ],
)
@pytest.mark.parametrize("path", ["/files/process", "/files/delete"])
def test_wrong_bodies_are_told(reader: Face, path: str, body: dict[str, Any]) -> None:
    message = check_error(reader.post(path, **body), 400)
    assert "file_name" in message or "body" in message


def test_file_name_that_is_not_there(reader: Face) -> None:
    for path in ("/files/process", "/files/delete"):
        assert "file_name" in check_error(reader.post(path, json={"file_name": "none.pcap"}), 404)


def test_other_methods_are_refused(reader: Face) -> None:
    answer = reader.post("/files/list")
    check_error(answer, 405)
    assert "GET" in answer.headers["Allow"]


def test_a_bug_shows_nothing_of_itself(face: Face, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    def broken() -> None:
        raise RuntimeError("the secret plans")

    monkeypatch.setattr(face.services.files, "list", broken)
    message = check_error(face.get("/files/list"), 500)
    assert "plans" not in message
    reference = message.split("reference ")[1].split()[0]
    assert reference in caplog.text
    assert "the secret plans" in caplog.text


@pytest.mark.parametrize(
    ("name", "method", "path", "arguments", "status"), ROUTES, ids=lambda v: v if isinstance(v, str) else ""
)
def test_rights(face: Face, name: str, method: str, path: str, arguments: dict[str, Any], status: int) -> None:
    path = prepared(face, path)
    tokens = {scope: face.user("admin", scopes=[scope]) for scope in SCOPES}
    revoked = face.user("admin")
    face.services.accounts.tokens.revoke(LOCAL, int(revoked.split("_")[1]))
    right = RIGHTS[name]
    assert right is not None
    refused = [(None, 401), (revoked, 401), ("tap_1_" + "x" * 43, 401), ("", 401)]
    refused += [(token, 403) for scope, token in tokens.items() if scope not in (right.scope, "admin")]
    for token, refusal in refused:
        face.token = token
        headers = {"Authorization": "Basic eDp5"} if token == "" else {}
        answer = face.request(method, path, **{**arguments, "headers": {**arguments.get("headers", {}), **headers}})
        assert answer.status_code == refusal, (token, answer.text)
        if method != "HEAD":
            check_error(answer, refusal)
    face.token = tokens[right.scope]
    assert face.request(method, path, **arguments).status_code == status


def test_public_pages_need_no_token(face: Face) -> None:
    face.token = None
    for path in ("/", "/health", "/openapi/openapi.json", "/openapi/swagger"):
        assert face.get(path).status_code == 200, path
    assert face.get("/docs").status_code == 302
    assert "/openapi/swagger" in face.get("/").text


def test_pages_load_nothing_from_elsewhere(reader: Face) -> None:
    text = reader.get("/openapi/swagger").text
    assert 'src="http' not in text
    assert 'href="http' not in text
    for part in text.split('src="')[1:]:
        assert reader.get(urljoin("/openapi/swagger", part.split('"')[0])).status_code == 200


def test_failed_files_say_why(face: Face) -> None:
    for name, data in (("empty.pcap", b""), ("text.pcap", b"this is no capture at all, not even nearly")):
        face.put(name, data)
        with pytest.raises(Exception, match=r"capture|empty"):
            face.process(name)
        view = face.services.files.get(name)
        assert view.job is not None
        status = face.get(f"/file/{view.job.id}/status").json
        assert status["state"] == "failed"
        assert "capture" in status["error"] or "empty" in status["error"]
        assert "failed" in check_error(face.get(f"/file/{view.job.id}/statistics"), 404)
        assert face.get(f"/file/{view.job.id}/progress").json["state"] == "failed"


def test_processing_again_keeps_the_rows_until_then(face: Face) -> None:
    first = face.get(f"/file/{face.job_id}/statistics").json
    again = face.post("/files/process", json={"file_name": "sample.pcap"}).json
    assert again["state"] == "in_progress"
    assert again["job_id"] != face.job_id
    assert face.post("/files/process", json={"file_name": "sample.pcap"}).json["job_id"] == again["job_id"]
    assert face.get(f"/file/{face.job_id}/statistics").json == first
    assert "waits" in check_error(face.get(f"/file/{again['job_id']}/statistics"), 404)
    face.services.ingest.cancel(again["job_id"])
    newest = face.process("sample.pcap")
    assert face.get(f"/file/{newest}/statistics").json == first
    assert "later job" in check_error(face.get(f"/file/{face.job_id}/statistics"), 404)
    assert face.services.store.size()["flows"]["rows"] == face.get(f"/file/{newest}/details").json["flows_count"]


def test_delete_takes_everything(face: Face) -> None:
    path = face.services.files.root / "sample.pcap"
    assert face.request("DELETE", f"/file/{face.job_id}").status_code == 200
    assert not path.exists()
    assert face.get("/files/list").json == []
    assert face.services.store.size()["flows"]["rows"] == 0
    check_error(face.get(f"/file/{face.job_id}/statistics"), 404)
    check_error(face.request("DELETE", f"/file/{face.job_id}"), 404)


def test_cancel_of_what_has_ended(reader: Face) -> None:
    assert "ended" in check_error(reader.post(f"/file/{reader.job_id}/cancel"), 409)


def test_progress_as_events(reader: Face) -> None:
    answer = reader.get(f"/file/{reader.job_id}/progress", headers={"Accept": "text/event-stream"}, buffered=True)
    assert answer.mimetype == "text/event-stream"
    assert answer.text.startswith("event: progress\ndata: {")
    assert '"state":"finished"' in answer.text


def test_json_bodies_have_a_limit(reader: Face) -> None:
    check_error(
        reader.post(
            "/files/process",
            data=io.BytesIO(b'{"file_name": "' + b"x" * (1 << 21) + b'"}'),
            content_type="application/json",
        ),
        413,
    )


def test_the_sample_is_there(sample: Path) -> None:
    assert sample.stat().st_size > 1000
