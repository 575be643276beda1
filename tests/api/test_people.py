"""TCI's routes of users, levels, applications and logs, and the audit log: shapes, statuses, and who may what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.api.conftest import PASSWORD, Face, make_face

API = "/api/v1"


class People:
    """A face with some users: admin (1), chief (5, users and levels), peer (5), clerk (10)."""

    def __init__(self, face: Face) -> None:
        self.face = face
        self.tokens = {
            "admin": face.user("admin"),
            "chief": face.user("chief", level=5, permissions=1 + 2 + 4),
            "peer": face.user("peer", level=5),
            "clerk": face.user("clerk", level=10),
        }

    def ask(self, who: str, method: str, path: str, body: Any = None, **kwargs: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.tokens[who]}"}
        if body is not None:
            kwargs["json"] = body
        return self.face.client.open(API + path, method=method, headers=headers, **kwargs)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    face = make_face(tmp_path_factory.mktemp("people") / "data")
    yield People(face)
    face.services.close()


def refused(answer: TestResponse, status: int, field: str = "") -> None:
    words = {400: "bad request", 401: "unauthorized", 403: "forbidden", 404: "not found"}
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/json"
    assert set(answer.json) == {"error", "message"}
    assert answer.json["error"] == words[status]
    assert field in answer.json["message"]


def new(name: str, **members: Any) -> dict[str, Any]:
    return {
        "username": name, "email": f"{name}@example.com", "password": PASSWORD, "authorization_level": 10, **members,
    }  # fmt: skip


def test_users(people: People) -> None:
    answer = people.ask("clerk", "GET", "/users")
    assert answer.status_code == 200
    assert answer.json[0] == {"username": "admin", "email": "", "authorization_level": 1}
    assert [user["username"] for user in answer.json] == sorted(user["username"] for user in answer.json)
    made = people.ask("chief", "POST", "/users", {**new("eve"), "unknown": 1})
    assert (made.status_code, made.json) == (
        200, {"username": "eve", "email": "eve@example.com", "authorization_level": 10},
    )  # fmt: skip
    assert people.ask("clerk", "GET", "/users/EVE").json == made.json
    changed = people.ask("chief", "PUT", "/users/eve", {"email": "e@example.com", "authorization_level": 5})
    assert changed.json == {"username": "eve", "email": "e@example.com", "authorization_level": 5}
    same = people.ask("chief", "PUT", "/users/eve", {"email": "e@example.com"})
    assert same.status_code == 200, "one's own unchanged address is not taken"
    gone = people.ask("chief", "DELETE", "/users/eve")
    assert (gone.status_code, gone.data) == (204, b"")
    refused(people.ask("chief", "GET", "/users/eve"), 404)
    refused(people.ask("chief", "PUT", "/users/eve", {"email": "x@example.com"}), 400)
    refused(people.ask("chief", "DELETE", "/users/eve"), 400)


def test_users_themselves(people: People) -> None:
    assert people.ask("clerk", "GET", "/users/@me").json["username"] == "clerk"
    assert people.ask("clerk", "PUT", "/users/@me", {"email": "c@example.com"}).json["email"] == "c@example.com"
    assert people.ask("clerk", "PUT", "/users/Clerk", {"email": "clerk@example.com"}).status_code == 200
    refused(people.ask("clerk", "PUT", "/users/@me", {"authorization_level": 1}), 403)
    refused(people.ask("chief", "PUT", "/users/@me", {"authorization_level": 1}), 403)
    refused(people.ask("clerk", "PUT", "/users/peer", {"email": "x@example.com"}), 403)
    refused(people.ask("admin", "DELETE", "/users/@me"), 400)


def test_ranks(people: People) -> None:
    refused(people.ask("clerk", "GET", "/users/chief"), 403)
    assert people.ask("chief", "GET", "/users/peer").status_code == 200
    refused(people.ask("chief", "GET", "/users/admin"), 403)
    refused(people.ask("chief", "PUT", "/users/admin", {"password": PASSWORD}), 403)
    refused(people.ask("chief", "DELETE", "/users/admin"), 403)
    refused(people.ask("chief", "POST", "/users", new("boss", authorization_level=1)), 403)
    refused(people.ask("chief", "PUT", "/users/clerk", {"authorization_level": 1}), 403)
    for name in ("boss",):
        refused(people.ask("admin", "GET", f"/users/{name}"), 404)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (None, "body"),
        ([], "body"),
        ("x", "body"),
        ({}, "username"),
        (new("x" * 21), "username"),
        (new(""), "username"),
        (new("@me"), "username"),
        (new("CLERK"), "username"),
        (new("a\x00b"), "username"),
        (new("a\ud800b"), "username"),
        (new("y", email="x" * 71), "email"),
        (new("y", email="no address"), "email"),
        (new("y", email="CLERK@example.com"), "email"),
        (new("y", email=None), "email"),
        (new("y", password="short"), "password"),
        (new("y", password="x" * 501), "password"),
        (new("y", password=12345678), "password"),
        (new("y", authorization_level=0), "authorization_level"),
        (new("y", authorization_level=77), "level"),
        (new("y", authorization_level=2**40), "authorization_level"),
        (new("y", authorization_level="5"), "authorization_level"),
        (new("y", authorization_level=True), "authorization_level"),
        ({key: value for key, value in new("y").items() if key != "authorization_level"}, "authorization_level"),
    ],
)
def test_users_that_cannot_be(people: People, body: Any, field: str) -> None:
    refused(people.ask("admin", "POST", "/users", body), 400, field)


def test_levels(people: People) -> None:
    answer = people.ask("clerk", "GET", "/authorizations")
    assert answer.json[0] == {"name": "Admin", "level": 1, "permissions": 63}
    assert [level["level"] for level in answer.json] == sorted(level["level"] for level in answer.json)
    assert people.ask("clerk", "GET", "/authorizations/5").json["permissions"] == 7
    refused(people.ask("clerk", "GET", "/authorizations/4711"), 404)
    refused(people.ask("clerk", "GET", "/authorizations/99999999999999999999"), 400)
    assert people.ask("clerk", "GET", "/authorizations/permissions").json == [
        {"name": "MODIFY_USERS", "value": 1},
        {"name": "MODIFY_AUTHORIZATIONS", "value": 2},
        {"name": "VIEW_LOG", "value": 4},
        {"name": "JOB_MASTER", "value": 8},
        {"name": "SCRIPT_MASTER", "value": 16},
    ]
    level = {"level": 30, "name": "thirty", "permissions": 4}
    made = people.ask("chief", "POST", "/authorizations", level)
    assert (made.status_code, made.json) == (200, level)
    for wrong in (level, {**level, "level": 31}):  # the number, or the name, is taken
        refused(people.ask("chief", "POST", "/authorizations", wrong), 400)
    changed = people.ask("chief", "PUT", "/authorizations/30", {"name": "XXX", "permissions": 0})
    assert changed.json == {"level": 30, "name": "XXX", "permissions": 0}
    refused(people.ask("chief", "PUT", "/authorizations/30", {"level": 31}), 400, "level")
    refused(people.ask("chief", "PUT", "/authorizations/30", {"permissions": 8}), 403)
    refused(people.ask("chief", "PUT", "/authorizations/1", {"name": "x"}), 403)
    refused(people.ask("chief", "PUT", "/authorizations/31", {"name": "x"}), 400)
    refused(people.ask("chief", "POST", "/authorizations", {"level": 2, "name": "two", "permissions": 0}), 403)
    refused(people.ask("chief", "POST", "/authorizations", {"level": 40, "name": "forty", "permissions": 8}), 403)
    refused(people.ask("admin", "DELETE", "/authorizations/10"), 400)  # in use
    gone = people.ask("chief", "DELETE", "/authorizations/30")
    assert (gone.status_code, gone.data) == (204, b"")
    refused(people.ask("chief", "DELETE", "/authorizations/30"), 400)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "level"),
        ({"level": 50, "name": "x"}, "permissions"),
        ({"level": 0, "name": "x", "permissions": 0}, "level"),
        ({"level": 50, "name": "", "permissions": 0}, "name"),
        ({"level": 50, "name": "x" * 101, "permissions": 0}, "name"),
        ({"level": 50, "name": "x", "permissions": 64}, "permissions"),
        ({"level": 50, "name": "x", "permissions": -1}, "permissions"),
        ({"level": 50.5, "name": "x", "permissions": 0}, "level"),
    ],
)
def test_levels_that_cannot_be(people: People, body: dict[str, Any], field: str) -> None:
    refused(people.ask("admin", "POST", "/authorizations", body), 400, field)


def test_applications(people: People) -> None:
    made = people.ask("peer", "POST", "/applications", {"name": "my program"})
    assert set(made.json) == {"id", "name", "owner", "token"}
    assert (made.json["name"], made.json["owner"]) == ("my program", "peer")
    assert made.headers["Cache-Control"] == "no-store"
    # The start script of TCI's drone looks for the token by lines.
    line = next(line for line in made.text.splitlines() if '"token"' in line)
    assert line.strip().rstrip(",") == f'"token": "{made.json["token"]}"'
    one = f"/applications/{made.json['id']}"
    listed = people.ask("peer", "GET", "/applications").json
    assert [set(each) for each in listed] == [
        {"id", "name", "owner", "scopes", "created_at", "expires_at", "last_used_at"}
    ] * 2
    assert made.json["token"] not in str(listed)
    assert (listed[-1]["scopes"], listed[-1]["last_used_at"]) == (["read", "write", "admin"], None)
    for method in ("PUT", "DELETE"):
        refused(people.ask("clerk", method, one), 403)
        refused(people.ask("clerk", method, "/applications/4711"), 404)
    assert people.face.get(f"{API}/users/@me", headers={"Authorization": f"Bearer {made.json['token']}"}).json[
        "username"
    ] == "peer"
    assert people.ask("peer", "GET", "/applications").json[-1]["last_used_at"] is not None
    renewed = people.ask("peer", "PUT", one)
    assert set(renewed.json) == {"token"}
    for token, status in ((made.json["token"], 401), (renewed.json["token"], 200)):
        assert people.face.get(f"{API}/users", headers={"Authorization": f"Bearer {token}"}).status_code == status
    gone = people.ask("peer", "DELETE", one)
    assert (gone.status_code, gone.data) == (204, b"")
    assert len(people.ask("peer", "GET", "/applications").json) == 1
    headers = {"Authorization": f"Bearer {renewed.json['token']}"}
    assert people.face.get(f"{API}/users", headers=headers).status_code == 401
    refused(people.ask("peer", "PUT", one), 404)
    refused(people.ask("peer", "DELETE", one), 404)


def test_applications_with_limits(people: People) -> None:
    body = {"name": "limited", "scopes": ["read"], "expires_at": "2099-01-01T00:00:00+01:00"}
    made = people.ask("peer", "POST", "/applications", body)
    listed = people.ask("peer", "GET", "/applications").json[-1]
    assert (listed["scopes"], listed["expires_at"]) == (["read"], "2098-12-31T23:00:00Z")
    # What is limited does not get at what is not.
    people.tokens["limited"] = made.json["token"]
    for method, path, sent in (
        ("POST", "/applications", {"name": "all"}),
        ("PUT", f"/applications/{made.json['id']}", None),
        ("PUT", "/users/@me", {"password": "mine from now on"}),
    ):
        refused(people.ask("limited", method, path, sent), 403, "scope")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 31}, "name"),
        ({"name": "   "}, "name"),
        ({"name": "a\x00"}, "name"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": ["root"]}, "scopes"),
        ({"name": "x", "scopes": "read"}, "scopes"),
        ({"name": "x", "expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
        ({"name": "x", "expires_at": "2099-01-01T00:00:00"}, "expires_at"),
        ({"name": "x", "expires_at": "9999-12-31T23:59:59-12:00"}, "expires_at"),
        ({"name": "x", "expires_at": "never"}, "expires_at"),
        ({"name": "x", "expires_at": 1e30}, "expires_at"),
    ],
)
def test_applications_that_cannot_be(people: People, body: dict[str, Any], field: str) -> None:
    refused(people.ask("peer", "POST", "/applications", body), 400, field)


def test_logs(people: People, tmp_path: Path) -> None:
    config = people.face.services.config
    assert people.ask("clerk", "GET", "/logs").json == []
    folder = config.logs_path
    folder.mkdir(parents=True)
    name = config.log.name
    (folder / name).write_text("now\n")
    (folder / f"{name}.1").write_text("before\n")
    (folder / "other.txt").write_text("secret")
    (folder / f"{name}.folder").mkdir()
    (tmp_path / "outside").write_text("secret")
    (folder / f"{name}.link").symlink_to(tmp_path / "outside")
    assert people.ask("clerk", "GET", "/logs").json == [{"name": name}, {"name": f"{name}.1"}]
    answer = people.ask("chief", "GET", f"/logs/{name}.1/file")
    assert (answer.status_code, answer.data) == (200, b"before\n")
    assert answer.headers["Content-Disposition"] == f"attachment; filename={name}.1"
    refused(people.ask("clerk", "GET", f"/logs/{name}/file"), 403, "VIEW_LOG")
    for wrong in ("other.txt", f"{name}.link", f"{name}.folder", f"{name}.2", "..%2Fsecret.key", ".."):
        answer = people.ask("chief", "GET", f"/logs/{wrong}/file")
        assert answer.status_code in (400, 404), wrong
        assert b"secret" not in answer.data


def test_audit(people: People) -> None:
    people.ask("chief", "POST", "/users", new("fritz"))
    headers = {"Authorization": f"Bearer {people.tokens['chief']}"}
    people.face.client.delete(f"{API}/users/fritz", headers=headers, environ_base={"REMOTE_ADDR": "192.0.2.7"})
    latest, before = people.ask("admin", "GET", "/audit?action=user.&limit=2").json
    number = people.tokens["chief"].split("_")[1]
    assert (latest["action"], latest["object"], latest["user"]) == ("user.delete", "fritz", "chief")
    assert (latest["address"], latest["means"]) == ("192.0.2.7", f"token:{number}")
    assert before["action"] == "user.create"
    assert before["address"] == "127.0.0.1"
    assert before["at"].endswith("Z")
    assert PASSWORD not in people.ask("admin", "GET", "/audit?limit=1000").text
    page = people.ask("admin", "GET", f"/audit?before={latest['id']}&limit=1").json
    assert page == [before]
    assert {entry["user"] for entry in people.ask("admin", "GET", "/audit?user=chief").json} == {"chief"}
    refused(people.ask("chief", "GET", "/audit"), 403, "ADMIN")
    refused(people.ask("admin", "GET", "/audit?limit=0"), 400, "limit")


def test_errors_have_the_shape_of_their_dialect(people: People) -> None:
    for path, status, word in (
        ("/users/x/y", 404, "not found"),
        ("/authorizations/x", 404, "not found"),
        ("/jobs/x/y/z", 404, "not found"),
    ):
        answer = people.ask("admin", "GET", path)
        assert (answer.status_code, answer.json) == (status, {"error": word, "message": "Not found"})
    answer = people.ask("admin", "PATCH", "/users")
    assert (answer.status_code, answer.json["error"]) == (405, "method not allowed")
    assert "GET" in answer.headers["Allow"]
    big = people.ask("admin", "POST", "/users", data=b"{" + b" " * (1 << 21), content_type="application/json")
    assert (big.status_code, set(big.json)) == (413, {"error", "message"})
    for path in ("/nothing", "/files/nothing", "/file/1/nothing"):
        answer = people.ask("admin", "GET", path)
        assert (answer.status_code, set(answer.json)) == (404, {"status", "code", "message"})


def test_a_bug_has_the_shape_of_its_dialect(people: People, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    def broken() -> None:
        raise RuntimeError("the secret plans")

    monkeypatch.setattr(people.face.services.accounts.users, "list", broken)
    answer = people.ask("admin", "GET", "/users")
    assert (answer.status_code, answer.json["error"]) == (500, "internal")
    assert "plans" not in answer.text
    assert "the secret plans" in caplog.text
