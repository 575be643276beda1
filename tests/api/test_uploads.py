"""Uploads over HTTP: whole, as a form, in pieces; torn, resumed, wrong, hostile."""

from __future__ import annotations

import base64
import hashlib
import io
from pathlib import Path

import pytest

from tests.api.conftest import Face

SHA = hashlib.sha256(b"abc").hexdigest()
#: Names as nasty as they come, all of which must be refused with nothing written anywhere.
HOSTILE = [
    "../evil.pcap",
    "a/../../evil.pcap",
    "/etc/evil.pcap",
    "..",
    ".",
    "",
    ".hidden.pcap",
    "a/.hidden/b.pcap",
    "a//b.pcap",
    "a/",
    "/",
    "a\0b.pcap",
    "a\nb.pcap",
    "a\\..\\b.pcap",
    "x" * 256,
    "x/" * 600 + "y",
    " a.pcap",
    "a.pcap ",
    "~root/../a",
    "\u2028.pcap",
    ".uploads/x.part",
    "a/./b.pcap",
]
#: Names that are odd and must work.
ODD = [
    "ünï çødé.pcap",
    "日本語/キャプチャ.pcapng",
    "a b'c\"d.pcap",
    "%2e%2e%2f.pcap",
    "-rf.pcap",
    "x;rm -rf.pcap",
    "🦈.pcap",
    "noending",
    "a" * 250 + ".pcap",
    "CON.pcap",
    "a<b>&c.pcap",
    "..a.pcap"[1:].replace(".a", "a."),
]


def everything(root: Path) -> set[str]:
    return {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file() and ".uploads" not in p.parts}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_write_nothing(face: Face, name: str) -> None:
    root = face.services.files.root
    before, outside = everything(root), everything(root.parent) - everything(root)
    whole = face.post("/files/upload", query_string={"name": name}, data=b"abc")
    form = face.post(
        "/files/upload", query_string={"name": name} if name else {}, data={"file": (io.BytesIO(b"abc"), name)}
    )
    pieces = face.post("/files/uploads", json={"name": name, "size": 3})
    assert whole.status_code == pieces.status_code == 400
    assert "name" in whole.json["message"]
    assert form.status_code == 400
    assert everything(root) == before
    assert {n for n in everything(root.parent) - everything(root) if ".db" not in n} == {
        n for n in outside if ".db" not in n
    }


@pytest.mark.parametrize("name", ODD)
def test_odd_names_work_everywhere(face: Face, name: str) -> None:
    answer = face.post("/files/upload", query_string={"name": name}, data=b"abc")
    assert answer.status_code == 201, answer.text
    assert answer.json["name"] == name
    assert (face.services.files.root / name).read_bytes() == b"abc"
    assert name in [f["name"] for f in face.get("/files/list").json]
    got = face.get("/files/download", query_string={"file_name": name})
    assert got.data == b"abc"
    job_id = face.post("/files/process", json={"file_name": name}).json["job_id"]
    assert face.get(f"/file/{job_id}/details").json["name"] == name
    assert face.post("/files/delete", json={"file_name": name}).status_code == 200
    assert not (face.services.files.root / name).exists()


def test_a_whole_file_is_queued_at_once(face: Face, sample: Path) -> None:
    answer = face.post("/files/upload?name=a/b.pcap", data=sample.read_bytes())
    assert answer.json["status"]["state"] == "in_progress"
    assert face.services.queue.get(answer.json["status"]["job_id"]).state == "queued"


def test_a_form_is_taken(face: Face) -> None:
    answer = face.post("/files/upload", data={"file": (io.BytesIO(b"abc"), "form.pcap")})
    assert answer.status_code == 201
    assert answer.json["name"] == "form.pcap"
    named = face.post("/files/upload?name=other.pcap", data={"file": (io.BytesIO(b"abc"), "C:\\fakepath\\form.pcap")})
    assert named.json["name"] == "other.pcap"
    two = face.post("/files/upload", data={"a": (io.BytesIO(b"abc"), "1.pcap"), "b": (io.BytesIO(b"abc"), "2.pcap")})
    assert two.status_code == 400
    assert "file" in two.json["message"]


@pytest.mark.parametrize(
    "send",
    [
        {"query_string": {"name": "c.pcap", "sha256": SHA}},
        {"query_string": {"name": "c.pcap", "sha256": SHA.upper()}},
        {
            "query_string": {"name": "c.pcap"},
            "headers": {"Repr-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(SHA)).decode()}:"},
        },
        {
            "query_string": {"name": "c.pcap"},
            "headers": {"Content-Digest": f"sha-512=:AAAA:, sha-256=:{base64.b64encode(bytes.fromhex(SHA)).decode()}:"},
        },
    ],
)
def test_checksums_are_compared(face: Face, send: dict[str, object]) -> None:
    wrong = face.post("/files/upload", data=b"abd", **send)
    assert wrong.status_code == 400
    assert "sha256" in wrong.json["message"]
    assert not (face.services.files.root / "c.pcap").exists()
    assert face.post("/files/upload", data=b"abc", **send).status_code == 201


def test_a_taken_name_is_a_conflict_unless_overwritten(face: Face) -> None:
    old = (face.services.files.root / "sample.pcap").read_bytes()
    answer = face.post("/files/upload?name=sample.pcap", data=b"abc")
    assert answer.status_code == 409
    assert face.post("/files/uploads", json={"name": "sample.pcap", "size": 3}).status_code == 409
    assert (face.services.files.root / "sample.pcap").read_bytes() == old
    assert face.post("/files/upload?name=sample.pcap&overwrite=true", data=b"abc").status_code == 201
    assert (face.services.files.root / "sample.pcap").read_bytes() == b"abc"
    assert face.get(f"/file/{face.job_id}/statistics").status_code == 200, (
        "the old rows stay until the new ones are there"
    )
    assert face.post("/files/upload?name=sample.pcap/x.pcap", data=b"abc").status_code == 409


def test_in_pieces(face: Face, sample: Path) -> None:
    data = sample.read_bytes()
    begun = face.post(
        "/files/uploads", json={"name": "p.pcap", "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    )
    assert begun.status_code == 201
    place = begun.headers["Location"]
    for start in range(0, len(data), 100_000):
        assert "p.pcap" not in [f["name"] for f in face.get("/files/list").json]
        answer = face.request("PATCH", place, data=data[start : start + 100_000], headers={"Upload-Offset": str(start)})
        assert answer.status_code == 204
        assert answer.headers["Upload-Offset"] == str(min(start + 100_000, len(data)))
    assert face.get(place).json["complete"]
    assert (face.services.files.root / "p.pcap").read_bytes() == data
    last = face.request("PATCH", place, data=b"", headers={"Upload-Offset": str(len(data))})
    assert last.status_code == 204, "an answer that got lost can be asked for again"
    assert [f["status"]["state"] for f in face.get("/files/list").json if f["name"] == "p.pcap"] == ["in_progress"]


def test_tus_headers(face: Face) -> None:
    def b64(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    begun = face.post(
        "/files/uploads",
        headers={
            "Tus-Resumable": "1.0.0",
            "Upload-Length": "3",
            "Upload-Metadata": f"filename {b64('tüs.pcap')},is_final,sha256 {b64(SHA)}",
        },
    )
    assert begun.status_code == 201, begun.text
    head = face.request("HEAD", begun.headers["Location"])
    assert head.headers["Upload-Offset"] == "0"
    assert head.headers["Upload-Length"] == "3"
    assert head.headers["Tus-Resumable"] == "1.0.0"
    assert head.headers["Cache-Control"] == "no-store"
    face.request("PATCH", begun.headers["Location"], data=b"abc", headers={"Upload-Offset": "0"})
    assert (face.services.files.root / "tüs.pcap").read_bytes() == b"abc"
    for bad in (
        {"Upload-Length": "x"},
        {"Upload-Length": "-1"},
        {"Upload-Length": "3"},
        {"Upload-Length": "3", "Upload-Metadata": "filename !!"},
    ):
        assert face.post("/files/uploads", headers=bad).status_code == 400


@pytest.mark.parametrize(("offset", "status"), [("1", 409), ("", 400), ("x", 400), ("-1", 400), ("²", 400)])
def test_wrong_offsets(face: Face, offset: str, status: int) -> None:
    place = face.post("/files/uploads", json={"name": "p.pcap", "size": 3}).headers["Location"]
    answer = face.request("PATCH", place, data=b"abc", headers={"Upload-Offset": offset.encode().decode("latin-1")})
    assert answer.status_code == status
    assert "Upload-Offset" in answer.json["message"]
    assert face.get(place).json["offset"] == 0


def test_too_many_bytes(face: Face) -> None:
    place = face.post("/files/uploads", json={"name": "p.pcap", "size": 3}).headers["Location"]
    assert face.request("PATCH", place, data=b"abcd", headers={"Upload-Offset": "0"}).status_code == 400
    assert not (face.services.files.root / "p.pcap").exists()


def test_nothing_is_a_file_too(face: Face) -> None:
    assert face.post("/files/upload?name=empty.pcap", data=b"").status_code == 201
    begun = face.post("/files/uploads", json={"name": "empty2.pcap", "size": 0})
    assert begun.json["complete"]
    assert sorted(f["name"] for f in face.get("/files/list").json if f["size"] == 0) == ["empty.pcap", "empty2.pcap"]


def test_size_limit(face: Face, tmp_path: Path) -> None:
    from msgspec.structs import replace

    from tapiary.api import create_app
    from tapiary.services import Services

    config = face.services.config
    config = replace(config, repository=replace(config.repository, max_upload_bytes=10))
    services = Services(config)
    client = create_app(services).test_client()
    headers = {"Authorization": f"Bearer {face.token}"}
    assert client.post("/files/upload?name=a.pcap", data=b"x" * 10, headers=headers).status_code == 201
    assert client.post("/files/upload?name=b.pcap", data=b"x" * 11, headers=headers).status_code == 413
    assert client.post("/files/uploads", json={"name": "b.pcap", "size": 11}, headers=headers).status_code == 413
    form = client.post("/files/upload", data={"f": (io.BytesIO(b"x" * 11), "b.pcap")}, headers=headers)
    assert form.status_code == 413
    assert "max_upload_bytes" in form.json["message"]
    assert not (services.files.root / "b.pcap").exists()
    services.close()


def test_discarded(face: Face) -> None:
    place = face.post("/files/uploads", json={"name": "p.pcap", "size": 3}).headers["Location"]
    assert face.request("DELETE", place).status_code == 204
    assert face.get(place).status_code == 404
    assert list((face.services.files.root / ".uploads").iterdir()) == []
