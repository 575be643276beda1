"""/token: logging in, renewing, logging out; and what an access token is good for."""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from flask_jwt_extended import create_access_token, create_refresh_token
from werkzeug.test import TestResponse

from tapiary.api.jwts import derived_key
from tests.api.conftest import PASSWORD, Face, make_face

TOKEN = "/api/v1/token"


@pytest.fixture
def anna(tmp_path: Path) -> Iterator[Face]:
    """A face that sends nothing by itself; there is a user Anna of level 10."""
    face = make_face(tmp_path / "data")
    face.user("Anna", permissions=8)
    face.token = None
    yield face
    face.services.close()


def log_in(face: Face, name: str = "Anna", password: str = PASSWORD) -> TestResponse:
    return face.client.get(TOKEN, auth=(name, password))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def refresh(face: Face, token: str) -> TestResponse:
    return face.post(TOKEN, headers=bearer(token))


def works(face: Face, token: str) -> bool:
    """Whether a token is good for a route like any other, after what is remembered of it is over."""
    status = face.get("/api/v1/users", headers=bearer(token)).status_code
    assert status in (200, 401)
    return status == 200


def test_the_answer_is_the_documented_one(anna: Face) -> None:
    for answer in (log_in(anna), refresh(anna, log_in(anna).json["refresh_token"])):
        assert answer.status_code == 200
        assert set(answer.json) == {
            "access_token", "access_token_expires_in", "refresh_token", "refresh_token_expires_in", "identity",
        }  # fmt: skip
        assert answer.json["identity"] == {
            "username": "Anna", "email": "Anna@example.org", "authorization_level": 10,
        }  # fmt: skip
        assert (answer.json["access_token_expires_in"], answer.json["refresh_token_expires_in"]) == (3600, 604_800)
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in answer.headers
        for line in answer.text.splitlines():
            assert line.count('": ') <= 1, "one member a line"
        claims = jwt.decode(answer.json["access_token"], options={"verify_signature": False})
        assert (claims["sub"], claims["type"]) == ("Anna", "access")
        assert claims["exp"] - claims["iat"] == 3600
        assert jwt.get_unverified_header(answer.json["access_token"])["alg"] == "HS256"
        assert works(anna, answer.json["access_token"])
        assert not works(anna, answer.json["refresh_token"])


def test_names_compare_in_any_case(anna: Face) -> None:
    assert log_in(anna, "ANNA").json["identity"]["username"] == "Anna"


def test_what_is_no_login_is_401(anna: Face) -> None:
    for header in (
        None,
        "Basic",
        "Basic !",
        "Basic " + base64.b64encode(b"Anna").decode(),
        "Basic " + base64.b64encode(b"Anna:").decode(),
        "Basic " + base64.b64encode(f":{PASSWORD}".encode()).decode(),
        "Basic " + base64.b64encode(b"Anna:wrong password").decode(),
        "Basic " + base64.b64encode(f"nobody:{PASSWORD}".encode()).decode(),
        "Basic " + base64.b64encode(f"System:{PASSWORD}".encode()).decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(),
        "Digest username=Anna",
        "Bearer x",
    ):
        answer = anna.get(TOKEN, headers={"Authorization": header} if header else {})
        assert answer.status_code == 401, (header, answer.text)
        assert answer.json["error"] == "unauthorized"
        assert set(answer.json) == {"error", "message"}
        assert answer.headers["WWW-Authenticate"] == 'Basic realm="tapiary"'


def test_too_many_failures_are_told_when_to_come_back(anna: Face) -> None:
    limit = anna.services.config.accounts.login_attempts
    statuses = [log_in(anna, password="wrong password").status_code for _ in range(limit + 1)]
    assert statuses == [401] * limit + [429]
    answer = log_in(anna)
    assert answer.status_code == 429
    assert answer.json["error"] == "too many requests"
    assert 1 <= int(answer.headers["Retry-After"]) <= anna.services.config.accounts.login_window_s


def test_a_refresh_token_is_good_once(anna: Face) -> None:
    first = log_in(anna).json
    second = refresh(anna, first["refresh_token"]).json
    assert works(anna, first["access_token"])
    third = refresh(anna, second["refresh_token"]).json
    assert len({each["refresh_token"] for each in (first, second, third)}) == 3
    again = refresh(anna, first["refresh_token"])
    assert again.status_code == 401
    assert set(again.json) == {"msg"}
    # Whoever has the latest tokens may be the thief: they end as well.
    assert refresh(anna, third["refresh_token"]).status_code == 401
    for each in (first, second, third):
        assert not works(anna, each["access_token"])
    assert works(anna, log_in(anna).json["access_token"]), "another login is no part of that"


def test_refusals_of_refreshing(anna: Face) -> None:
    tokens = log_in(anna).json
    application = anna.user("Anna")
    refusals: list[tuple[dict[str, str], int]] = [
        ({}, 401),
        ({"Authorization": "Basic eDp5"}, 401),
        (bearer("rubbish"), 422),
        (bearer("a.b.c"), 422),
        (bearer(application), 422),
        (bearer(tokens["access_token"]), 422),
        (bearer(tokens["refresh_token"] + "x"), 422),
    ]
    for headers, status in refusals:
        answer = anna.post(TOKEN, headers=headers)
        assert answer.status_code == status, (headers, answer.text)
        assert set(answer.json) == {"msg"}
    assert refresh(anna, tokens["refresh_token"]).status_code == 200, "none of these cost the login"


def test_an_expired_refresh_token(anna: Face) -> None:
    login = anna.services.accounts.logins.check_password("Anna", PASSWORD, address="")
    view = anna.services.accounts.logins.begin(login, "jwt", lifetime_s=60)
    with anna.client.application.app_context():
        from datetime import timedelta

        token = create_refresh_token(
            "Anna", timedelta(seconds=-1), additional_claims={"login": view.id, "renewal": view.refresh_id}
        )
    answer = refresh(anna, token)
    assert (answer.status_code, answer.json) == (401, {"msg": "Token has expired"})


def test_logging_out_ends_every_token_of_the_login(anna: Face) -> None:
    other, tokens = log_in(anna).json, log_in(anna).json
    newer = refresh(anna, tokens["refresh_token"]).json
    answer = anna.request("DELETE", TOKEN, headers=bearer(tokens["access_token"]))
    assert (answer.status_code, answer.data) == (204, b"")
    assert not works(anna, tokens["access_token"])
    assert not works(anna, newer["access_token"])
    assert refresh(anna, newer["refresh_token"]).status_code == 401
    assert works(anna, other["access_token"])
    answer = anna.request("DELETE", TOKEN, headers=bearer(anna.user("Anna")))
    assert answer.status_code == 400
    assert "applications" in answer.json["message"]


def test_a_new_password_ends_other_logins(anna: Face) -> None:
    other, tokens, application = log_in(anna).json, log_in(anna).json, anna.user("Anna")
    headers = bearer(tokens["access_token"])
    answer = anna.request("PUT", "/api/v1/users/@me", json={"password": "quite another"}, headers=headers)
    assert answer.status_code == 200
    assert works(anna, tokens["access_token"])
    assert not works(anna, other["access_token"])
    assert refresh(anna, other["refresh_token"]).status_code == 401
    assert works(anna, application)
    assert log_in(anna).status_code == 401


def test_tokens_of_a_deleted_user_are_401(anna: Face) -> None:
    tokens, application = log_in(anna).json, anna.user("Anna")
    admin = bearer(anna.user("admin"))
    assert anna.request("DELETE", "/api/v1/users/Anna", headers=admin).status_code == 204
    for token in (tokens["access_token"], application):
        answer = anna.get("/api/v1/jobs", headers=bearer(token))
        assert (answer.status_code, answer.json["error"]) == (401, "unauthorized")
    assert refresh(anna, tokens["refresh_token"]).status_code == 401


def test_what_a_login_may_changes_with_its_user(anna: Face) -> None:
    headers = bearer(log_in(anna).json["access_token"])
    admin = bearer(anna.user("admin"))
    assert anna.get("/api/v1/logs/x/file", headers=headers).status_code == 403
    change = {"permissions": 4 + 8}
    assert anna.request("PUT", "/api/v1/authorizations/10", json=change, headers=admin).status_code == 200
    assert anna.get("/api/v1/logs/x/file", headers=headers).status_code == 400


def test_forged_tokens(anna: Face) -> None:
    good = jwt.decode(log_in(anna).json["access_token"], options={"verify_signature": False})

    def forged(key: str, **claims: Any) -> str:
        """A token like a good one, but for what is given here."""
        return jwt.encode({**good, **claims}, key, "HS256")

    secret = anna.services.secret_key
    key = derived_key(secret, "jwt")
    now = time.time()
    assert works(anna, forged(key)), "the forger would need the key"
    bad = [
        forged(derived_key(secret, "session")),
        forged(secret.hex()),
        forged("x" * 64),
        forged(key, login="0" * 32),
        forged(key, login=None),
        forged(key, login=["x"]),
        forged(key, type="refresh"),
        forged(key, exp=now - 1),
        forged(key, nbf=now + 60),
    ]
    unsigned = jwt.encode(good, None, "none")
    head, body, _ = unsigned.split(".")
    bad += [unsigned, f"{head}.{body}.", f"{head}.{body}.x"]
    # Other algorithms: HS512 with the same key, and the key as if it were a public one.
    bad.append(jwt.encode(good, key, "HS512"))
    for name in ("RS256", "ES256", "none", "None", "hs256"):
        other = base64.urlsafe_b64encode(json.dumps({"alg": name, "typ": "JWT"}).encode()).rstrip(b"=").decode()
        bad.append(f"{other}.{forged(key).split('.', 1)[1]}")
    for token in bad:
        assert not works(anna, token), token


def test_no_token_and_no_password_is_logged(anna: Face, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = [PASSWORD, "wrong password"]
    log_in(anna, password="wrong password")
    tokens = log_in(anna).json
    newer = refresh(anna, tokens["refresh_token"]).json
    refresh(anna, tokens["refresh_token"])
    application = anna.user("Anna")
    works(anna, application)
    secrets += [each[kind] for each in (tokens, newer) for kind in ("access_token", "refresh_token")] + [application]
    with anna.client.application.app_context():
        secrets.append(create_access_token("Anna"))
        works(anna, secrets[-1])
    written = caplog.text + json.dumps(
        [str(view) for view in anna.services.accounts.audit.list(limit=1000)]
    )
    for secret in secrets:
        assert secret not in written


def test_a_link_is_not_in_the_log_of_a_failure(
    anna: Face, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(anna.services.captures, "by_link", broken)
    assert anna.get("/api/v1/jobs/file/abcdefgh").status_code == 500
    assert "abcdefgh" not in caplog.text
    assert "broken" in caplog.text
