"""What is repeated, what never is, and after how long."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from email.utils import formatdate
from typing import Any

import httpx
import pytest

from hive_stub import TOKEN, Answer, Hive, job
from pytci import ConnectionFailed, NotFound, RateLimited, ServerError, Timeout, _retry

BUSY = {"error": "service unavailable", "message": "busy"}
LOST = Answer(cut=-1)


@pytest.mark.parametrize("fault", [Answer(502), Answer(503, BUSY), Answer(504), Answer(429, BUSY), LOST],
                         ids=["502", "503", "504", "429", "lost"])
def test_what_asks_for_nothing_is_repeated(tci: Any, hive: Hive, fault: Answer) -> None:
    hive.script.extend([fault, fault])
    assert tci.get_jobs() == []
    assert len(hive.seen) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 500])
def test_what_will_not_change_is_not_repeated(tci: Any, hive: Hive, status: int) -> None:
    hive.script.append(Answer(status, BUSY))
    with pytest.raises(Exception, match="busy"):
        tci.get_jobs()
    assert len(hive.seen) == 1


@pytest.mark.parametrize("method", ["create_job", "stop_job", "process_job", "create_user"])
def test_what_changes_something_is_never_repeated(tci: Any, hive: Hive, method: str) -> None:
    args = {"create_job": ("n", 1, 1, ["x"]), "create_user": ("u", "e", "p" * 8, 1)}.get(method, (1,))
    hive.script.append(Answer(503, BUSY))
    with pytest.raises(ServerError, match="busy"):
        getattr(tci, method)(*args)
    hive.script.append(LOST)
    with pytest.raises(ConnectionFailed):
        getattr(tci, method)(*args)
    assert len(hive.seen) == 2


def test_but_when_nothing_of_it_was_sent(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hive that is started again: the connection is refused, then the job is made, once."""
    monkeypatch.setattr(_retry, "FIRST_S", 0.2)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    made: list[Hive] = []
    starter = threading.Timer(0.3, lambda: made.append(Hive(port)))
    starter.start()
    try:
        tci = make("127.0.0.1", port, retries=6)
        tci.set_access_token(TOKEN)
        tci.create_job("n", 1, 1, ["x"])
        assert len(made[0].jobs) == 1
    finally:
        starter.join()
        made[0].close()


def test_deleting_twice_is_no_error_when_the_first_answer_was_lost(tci: Any, hive: Hive) -> None:
    hive.script.append(LOST)
    tci.delete_job(1)
    assert [seen.method for seen in hive.seen] == ["DELETE", "DELETE"]
    with pytest.raises(NotFound):
        tci.delete_job(1)


def test_none_is_none(make: Any, hive: Hive) -> None:
    tci = make("127.0.0.1", hive.port, retries=0)
    tci.set_access_token(TOKEN)
    hive.script.append(Answer(503, BUSY))
    with pytest.raises(ServerError):
        tci.get_jobs()
    assert len(hive.seen) == 1


def test_retry_after_is_heeded(tci: Any, hive: Hive) -> None:
    hive.script.append(Answer(429, BUSY, {"Retry-After": "1"}))
    began = time.monotonic()
    assert tci.get_jobs() == []
    assert time.monotonic() - began >= 1
    hive.script.append(Answer(429, BUSY, {"Retry-After": "3600"}))
    with pytest.raises(RateLimited) as told:
        tci.get_jobs()
    assert told.value.retry_after == 3600, "an hour is the caller's to wait"


def test_retry_after_as_a_date() -> None:
    def told(text: str) -> float | None:
        return _retry.retry_after(httpx.Response(429, headers={"Retry-After": text}))

    later = told(formatdate(time.time() + 100, usegmt=True))
    assert later is not None
    assert 97 < later <= 100
    assert told(formatdate(0, usegmt=True)) == 0
    assert told("soon") is None
    assert _retry.retry_after(httpx.Response(429)) is None


def test_pauses_grow_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    for attempt, longest in enumerate([0.3, 0.6, 1.2, 2.4, 4.8, 8.0, 8.0]):
        pauses = [_retry.pause(attempt) for _ in range(50)]
        assert longest / 2 <= min(pauses) < max(pauses) <= longest


def test_a_certificate_does_not_get_better() -> None:
    error = httpx.ConnectError("no")
    error.__cause__ = ssl.SSLCertVerificationError("self-signed")
    assert _retry.is_lasting(error)
    assert not _retry.is_lasting(httpx.ConnectError("refused"))


def test_a_hive_that_says_nothing(make: Any, hive: Hive) -> None:
    release = threading.Event()

    def hang(_: Any) -> Answer:
        release.wait(20)
        return Answer(200, job())

    tci = make("127.0.0.1", hive.port, timeout=0.2, retries=1)
    tci.set_access_token(TOKEN)
    hive.script.extend([hang, hang, hang])
    try:
        with pytest.raises(Timeout, match="no answer in time"):
            tci.get_job(1)
        assert len(hive.seen) == 2
        with pytest.raises(Timeout):
            tci.create_job("n", 1, 1, ["x"])
        assert len(hive.seen) == 3, "whether the job was made is not known: it is not ordered twice"
    finally:
        release.set()
