"""Files that came of captures, for their owners and for others."""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tapiary.database import Capture
from tests.api.conftest import Face, make_face

#: Who asks, with level and permissions, and whether the capture of `owner` is theirs to see.
PEOPLE = {
    "owner": (10, 0, True),
    "equal": (10, 0, False),
    "lower": (20, 0, False),
    "scripter": (15, 31 - 8, False),
    "higher": (5, 0, True),
    "master": (30, 8, True),
    "admin": (1, 63, True),
}
#: Tokens by face and name.
tokens: dict[int, dict[str, str]] = {}


@pytest.fixture
def captured(processed: Path, tmp_path: Path) -> Iterator[Face]:
    """A face whose sample came of a capture, beside a file that did not."""
    shutil.copytree(processed, tmp_path / "data")
    face = make_face(tmp_path / "data")
    face.put("shared.pcap", b"something else")
    face.services.files.scan()
    face.user("owner", level=10)
    add_capture(face, "owner")
    tokens.clear()
    yield face
    face.services.close()


def add_capture(face: Face, owner: str) -> None:
    with face.services.database.session() as session:
        session.add(
            Capture(
                owner_id=face.services.accounts.users.get(owner).id,
                name="x",
                duration_s=1,
                max_bytes=1,
                created_at=time.time(),
                file_id=face.services.files.get("sample.pcap").id,
            )
        )


def ask(face: Face, who: str, method: str, path: str, **arguments: Any) -> TestResponse:
    headers = {"Authorization": f"Bearer {token_of(face, who)}"}
    return face.request(method, path, headers=headers, **arguments)


def token_of(face: Face, who: str) -> str:
    level, permissions, _ = PEOPLE[who]
    known = tokens.setdefault(id(face), {})
    if who not in known:
        known[who] = face.user(who, level=level, permissions=permissions)
    return known[who]


def check_refused(answer: TestResponse, what: object) -> None:
    assert answer.status_code == 403, (what, answer.text)
    if answer.text:
        assert "another user" in answer.json["message"], what


@pytest.mark.parametrize("who", PEOPLE)
def test_what_names_the_job_of_a_file(captured: Face, who: str) -> None:
    rules = [rule for rule in captured.client.application.url_map.iter_rules()
             if "<job_id>" in rule.rule and not rule.rule.startswith("/npm/")]
    assert len(rules) >= 2 * 12
    may = PEOPLE[who][2]
    last = sorted(rules, key=lambda rule: "DELETE" in (rule.methods or ()))
    for rule in last:
        for method in sorted((rule.methods or set()) - {"OPTIONS"}):
            for number in (str(captured.job_id), f"0{captured.job_id}", f"+{captured.job_id}", f" {captured.job_id} "):
                # Where the routes really answer, once is enough.
                if may and (number != f"{captured.job_id}" or method in ("DELETE", "HEAD") or "bare" in rule.endpoint):
                    continue
                answer = ask(captured, who, method, rule.rule.replace("<job_id>", number))
                if may:
                    assert answer.status_code != 403, (rule, answer.text)
                elif answer.status_code != 400:  # a number that the routes do not take for one
                    check_refused(answer, (rule, number))
    assert captured.services.files.get("sample.pcap").run_id is not None


@pytest.mark.parametrize("who", PEOPLE)
def test_the_list_of_files(captured: Face, who: str) -> None:
    names = {file["name"] for file in ask(captured, who, "GET", "/files/list").json}
    assert names == {"shared.pcap", "sample.pcap"} if PEOPLE[who][2] else {"shared.pcap"}


@pytest.mark.parametrize("who", PEOPLE)
def test_what_names_a_file(captured: Face, who: str) -> None:
    name, new = {"file_name": "sample.pcap"}, {"name": "sample.pcap", "size": 3, "overwrite": True}
    form = {"file": (io.BytesIO(b"abc"), "sample.pcap")}
    requests: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", "/files/download?file_name=sample.pcap", {}),
        ("POST", "/files/process", {"json": name}),
        ("POST", "/files/uploads", {"json": new}),
        ("POST", "/files/upload?name=sample.pcap&overwrite=true", {"data": b"abc"}),
        ("POST", "/files/upload?overwrite=true", {"data": form}),
        ("POST", "/files/delete", {"json": name}),
    ]
    size = captured.services.files.get("sample.pcap").size
    for method, path, arguments in requests:
        answer = ask(captured, who, method, path, **arguments)
        if PEOPLE[who][2]:
            assert answer.status_code < 400, (path, answer.text)
        else:
            check_refused(answer, path)
            assert captured.services.files.get("sample.pcap").size == size


def test_files_without_a_capture_are_for_all(captured: Face) -> None:
    for who in ("equal", "lower"):
        assert ask(captured, who, "GET", "/files/download?file_name=shared.pcap").status_code == 200
        assert ask(captured, who, "GET", "/files/download?file_name=none.pcap").status_code == 404


def test_a_file_of_two_captures_is_for_both_owners(captured: Face) -> None:
    path = f"/file/{captured.job_id}/status"
    assert ask(captured, "equal", "GET", path).status_code == 403
    add_capture(captured, "equal")
    assert ask(captured, "equal", "GET", path).status_code == 200
    assert ask(captured, "owner", "GET", path).status_code == 200
    assert ask(captured, "lower", "GET", path).status_code == 403
