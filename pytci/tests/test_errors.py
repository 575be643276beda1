"""What a hive refuses, as exceptions that say why."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

import pytci
from hive_stub import Answer, Hive
from pytci import APIError, ConnectionFailed, RateLimited, ServerError, UnexpectedAnswer

HTML = {"Content-Type": "text/html; charset=utf-8"}
WERKZEUG = b"""<!doctype html>
<html lang=en>
<title>400 Bad Request</title>
<h1>Bad Request</h1>
<p>&#39;duration&#39; is a required property</p>
"""


@pytest.mark.parametrize(("answer", "kind", "error", "message"), [
    (Answer(400, {"error": "bad request", "message": "filter: syntax error"}), "BadRequest", "bad request",
     "filter: syntax error"),
    (Answer(401, {"msg": "Token has expired"}), "Unauthorized", "unauthorized", "Token has expired"),
    (Answer(403, {"error": "forbidden", "message": "no"}), "Forbidden", "forbidden", "no"),
    (Answer(404, {"status": 404, "code": 404, "message": "no rows yet"}), "NotFound", "not found", "no rows yet"),
    (Answer(409, {"error": "conflict", "message": "has ended"}), "Conflict", "conflict", "has ended"),
    (Answer(413, {"message": "too much"}), "APIError", "request entity too large", "too much"),
    (Answer(500, {"error": "internal", "message": "reference 1"}), "ServerError", "internal", "reference 1"),
    (Answer(400, WERKZEUG, HTML), "BadRequest", "bad request", "'duration' is a required property"),
    (Answer(404, b"<html><head><title>404 Not Found</title></head><body></body></html>", HTML), "NotFound",
     "not found", "404 Not Found"),
    (Answer(500, b"", HTML), "ServerError", "internal server error", "internal server error"),
    (Answer(400, b"no \x1b[31mway\n", {"Content-Type": "text/plain"}), "BadRequest", "bad request", "no [31mway"),
    (Answer(400, b"{broken", {"Content-Type": "application/json"}), "BadRequest", "bad request", "{broken"),
    (Answer(418, None), "APIError", "i'm a teapot", "i'm a teapot"),
], ids=lambda value: None)
def test_each_shape(tci: Any, hive: Hive, answer: Answer, kind: str, error: str, message: str) -> None:
    hive.script.append(answer)
    with pytest.raises(APIError) as told:
        tci.create_job("n", 1, 1, ["x"])
    assert type(told.value) is getattr(pytci, kind)
    assert told.value.status == answer.status
    assert told.value.message == message
    assert message in str(told.value)
    assert told.value.response.status_code == answer.status
    if answer.status not in (413, 418):  # HTTP's own phrases change with Python
        assert told.value.error == error


def test_errors_travel_between_processes(tci: Any, hive: Hive) -> None:
    hive.script.append(Answer(429, {"error": "too many requests", "message": "m"}, {"Retry-After": "7"}))
    with pytest.raises(RateLimited) as told:
        tci.create_job("n", 1, 1, ["x"])
    again = pickle.loads(pickle.dumps(told.value))
    assert str(again) == str(told.value)
    assert again.retry_after == 7


def test_what_is_no_hive(tci: Any, hive: Hive) -> None:
    hive.script.append(Answer(200, b"<html>Welcome</html>", HTML))
    with pytest.raises(UnexpectedAnswer, match="text/html instead of JSON; is this the address of a hive"):
        tci.get_jobs()
    hive.script.append(Answer(200, {"jobs": []}))
    with pytest.raises(UnexpectedAnswer, match="a list of JobBrief was due"):
        tci.get_jobs()
    hive.script.append(Answer(200, {}))
    with pytest.raises(UnexpectedAnswer, match="no url"):
        tci.generate_job_url(1)


def test_redirections_are_told_and_no_token_follows_them(tci: Any, hive: Hive) -> None:
    hive.script.append(Answer(308, None, {"Location": "https://hive.example/api/v1/jobs"}))
    with pytest.raises(APIError, match=r"on to https://hive\.example/api/v1/jobs"):
        tci.get_jobs()
    assert len(hive.seen) == 1


def test_nobody_there(make: Any, hive: Hive) -> None:
    port = hive.port
    hive.close()
    with pytest.raises(ConnectionFailed, match=f"127.0.0.1:{port}/api/v1/jobs"):
        make("127.0.0.1", port).get_jobs()


def test_no_hive_that_fails_has_its_answer_repeated_for_ever(tci: Any, hive: Hive) -> None:
    hive.script.extend([Answer(503, {"error": "unavailable", "message": "disk full"})] * 9)
    with pytest.raises(ServerError, match="disk full"):
        tci.get_jobs()
    assert len(hive.seen) == 4
