"""Logging in and out as Sycope's clients do: one cookie, for the paths below /npm alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from msgspec.structs import replace
from sqlalchemy import update
from werkzeug.test import TestResponse

from tapiary.api import create_app
from tapiary.config import AccountsConfig, Config
from tapiary.database import Login, User
from tapiary.services import Services
from tests.api.conftest import PASSWORD, Face, make_face

LOGIN = "/npm/api/v1/login"
LOGOUT = "/npm/api/v1/logout"
#: A route that every user may ask.
ASK = "/npm/api/v1/config-elements"


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Face]:
    made = make_face(tmp_path_factory.mktemp("sycope") / "data")
    made.user("alice")
    yield made
    made.services.close()


def client(face: Face) -> FlaskClient:
    return face.client.application.test_client()


def with_cookie(face: Face, path: str, cookie: str) -> TestResponse:
    """A request with this Cookie header; a client that keeps cookies would send its own."""
    return face.client.application.test_client(use_cookies=False).get(path, headers={"Cookie": cookie})


def log_in(client: FlaskClient, name: str = "alice", password: str = PASSWORD, **headers: str) -> TestResponse:
    return client.post(LOGIN, json={"username": name, "password": password}, headers=headers)


def check_error(answer: TestResponse, status: int, *words: str) -> str:
    """The status in the head and in the body, and these words in the message; returns the message."""
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/json"
    assert answer.json["status"] == status
    for word in words:
        assert word in answer.json["message"], answer.json
    return str(answer.json["message"])


def test_login_answers_as_documented_with_one_cookie(face: Face) -> None:
    answer = log_in(client(face))
    assert answer.json == {"status": 200, "code": "OK"}
    (header,) = answer.headers.getlist("Set-Cookie")
    cookie = SimpleCookie(header)["sycope"]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/npm", True, "Strict")
    assert not cookie["secure"]


def test_the_first_cookie_up_to_its_semicolon_is_enough(face: Face) -> None:
    pair = log_in(client(face)).headers["Set-Cookie"].split(";")[0]
    assert with_cookie(face, ASK, pair).status_code == 200


def test_under_tls_the_cookie_is_for_tls_alone(tmp_path: Path) -> None:
    config = Config(data_dir=str(tmp_path / "data"))
    services = Services(replace(config, server=replace(config.server, tls=True)))
    password = services.accounts.users.first()
    assert password is not None
    with services.database.session() as session:
        session.execute(update(User).values(one_time_password=False))
    answer = log_in(create_app(services).test_client(), "admin", password)
    assert SimpleCookie(answer.headers["Set-Cookie"])["sycope"]["secure"]
    services.close()


def test_two_sessions_of_one_user_go_on_side_by_side(face: Face) -> None:
    first, second = client(face), client(face)
    log_in(first)
    log_in(second)
    assert second.get(LOGOUT).json == {"status": 200, "code": "OK"}
    assert first.get(ASK).status_code == 200
    check_error(second.get(ASK), 401)


def test_logging_in_anew_ends_the_login_before(face: Face) -> None:
    mine = client(face)
    before = log_in(mine).headers["Set-Cookie"].split(";")[0]
    log_in(mine)
    assert mine.get(ASK).status_code == 200
    check_error(with_cookie(face, ASK, before), 401)


def test_logout_ends_the_login_whoever_kept_the_cookie(face: Face) -> None:
    mine = client(face)
    pair = log_in(mine).headers["Set-Cookie"].split(";")[0]
    answer = mine.get(LOGOUT)
    assert answer.json == {"status": 200, "code": "OK"}
    assert mine.get_cookie("sycope", path="/npm") is None
    check_error(with_cookie(face, ASK, pair), 401)
    assert mine.get(LOGOUT).json == {"status": 200, "code": "OK"}


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({"username": "alice", "password": "wrong"}, 401, "wrong"),
        ({"username": "nobody", "password": PASSWORD}, 401, "wrong"),
        ({"username": "alice"}, 400, "password"),
        ({"username": 7, "password": PASSWORD}, 400, "username"),
        ([], 400, "JSON object"),
    ],
)
def test_bad_logins(face: Face, body: Any, status: int, word: str) -> None:
    answer = client(face).post(LOGIN, json=body)
    check_error(answer, status, word)
    assert "Set-Cookie" not in answer.headers
    assert PASSWORD not in answer.text


def test_logins_are_limited(tmp_path: Path) -> None:
    services = Services(Config(data_dir=str(tmp_path / "data"), accounts=AccountsConfig(login_attempts=2)))
    mine = create_app(services).test_client()
    for _ in range(2):
        check_error(log_in(mine, "someone", "wrong"), 401)
    answer = log_in(mine, "someone", "wrong")
    check_error(answer, 429, "too many")
    assert int(answer.headers["Retry-After"]) > 0
    services.close()


def test_a_one_time_password_is_changed_first(face: Face) -> None:
    face.user("newcomer")
    with face.services.database.session() as session:
        session.execute(update(User).where(User.name_key == "newcomer").values(one_time_password=True))
    answer = log_in(client(face), "newcomer")
    check_error(answer, 403, "one-time", "/account")
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("column", ["used_at", "expires_at"])
def test_logins_end_when_idle_and_in_any_case(face: Face, column: str) -> None:
    mine = client(face)
    log_in(mine)
    with face.services.database.session() as session:
        session.execute(update(Login).where(Login.kind == "npm").values(**{column: time.time() - 10 * 86_400}))
    face.services.accounts.logins.end_all(0)  # forgets what was remembered of the login
    check_error(mine.get(ASK), 401)


def test_a_cookie_that_was_not_made_here_is_none(face: Face) -> None:
    pair = log_in(client(face)).headers["Set-Cookie"].split(";")[0]
    login = pair.split("=")[1].split(".")[0]
    for value in (login, f"{login}.", f"{login}.AAAA", pair.split("=")[1][:-1] + "_", "ä", "."):
        check_error(with_cookie(face, ASK, f"sycope={value}"), 401)


def test_the_cookie_is_good_for_these_paths_alone(face: Face) -> None:
    pair = log_in(client(face)).headers["Set-Cookie"].split(";")[0]
    assert with_cookie(face, "/api/v1/users", pair).status_code == 401


def test_tokens_are_good_here_as_well_and_count_before_the_cookie(face: Face) -> None:
    mine = client(face)
    log_in(mine)
    assert face.get(ASK).status_code == 200
    check_error(mine.get(ASK, headers={"Authorization": "Bearer tap_1_wrong"}), 401)


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Origin": "http://localhost"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, False),
    ],
)
@pytest.mark.parametrize("path", [LOGIN, LOGOUT, "/npm/api/v1/pipeline/run"])
def test_pages_of_other_sites_are_refused(face: Face, path: str, headers: dict[str, str], ours: bool) -> None:
    mine = client(face)
    log_in(mine)
    body = None if path == LOGOUT else {"username": "alice", "password": PASSWORD, "nql": 'src stream="testdata"'}
    answer = mine.open(path, method="GET" if path == LOGOUT else "POST", json=body, headers=headers)
    if ours:
        assert answer.status_code == 200, answer.text
    else:
        check_error(answer, 403, "other sites")
        assert mine.get(ASK).status_code == 200  # nobody was logged out, or is somebody else now


def test_what_is_not_there_has_the_shape_of_these_routes(face: Face) -> None:
    answer = client(face).get("/npm/api/v1/nothing")
    assert answer.json == {"status": 404, "code": "NOT_FOUND", "message": "Not found"}
    answer = client(face).delete(LOGIN)
    assert (answer.status_code, answer.json["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert set(answer.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}


def test_the_audit_log_names_session_and_login(face: Face) -> None:
    mine = client(face)
    log_in(mine)
    mine.get(LOGOUT)
    begun, ended = list(face.services.accounts.audit.list(limit=2))[::-1]
    assert (begun.action, begun.user_name, (begun.details or {})["kind"]) == ("login", "alice", "npm")
    assert (ended.action, ended.means.partition(":")[0]) == ("login.end", "npm")
