"""Logging in, renewal of tokens, logging out."""

from __future__ import annotations

import threading
from typing import Any

import anyio
import pytest

from hive_stub import PASSWORD, TOKEN, Answer, Hive, refusal
from pytci import AsyncPyTCI, Forbidden, PyTCI, PyTCIError, RateLimited, Unauthorized


@pytest.fixture
def fresh(make: Any, hive: Hive) -> Any:
    """A client without a token."""
    return make("127.0.0.1", hive.port)


def test_login_is_basic_and_its_token_is_used(fresh: Any, hive: Hive) -> None:
    identity = fresh.login("Jiří", PASSWORD)
    assert identity.identity.username == "Jiří"
    assert identity.access_token_expires_in == 3600
    assert fresh.get_jobs() == []
    assert hive.seen[-1].headers["authorization"] == f"Bearer {identity.access_token}"


def test_a_wrong_password(fresh: Any, hive: Hive) -> None:
    with pytest.raises(Unauthorized, match="wrong name or password"):
        fresh.login("Jiří", "guess")
    assert len(hive.seen) == 1


def test_too_many_guesses_are_told_at_once(fresh: Any, hive: Hive) -> None:
    hive.script.append(Answer(429, {"error": "too many requests", "message": "wait"}, {"Retry-After": "30"}))
    with pytest.raises(RateLimited) as told:
        fresh.login("Jiří", "guess")
    assert told.value.retry_after == 30
    assert len(hive.seen) == 1


def test_an_expired_token_is_renewed_once(fresh: Any, hive: Hive) -> None:
    fresh.login("Jiří", PASSWORD)
    hive.access = "another, as if the former had expired"
    assert fresh.get_jobs() == []
    assert [f"{seen.method} {seen.path}" for seen in hive.seen[1:]] == [
        "GET /api/v1/jobs", "POST /api/v1/token", "GET /api/v1/jobs"]
    assert hive.seen[2].body == b""
    hive.access = "again"
    fresh.create_job("n", 1, 1, ["x"])
    assert hive.renewals == 2, "tokens rotate: the new refresh token is used"
    assert len(hive.jobs) == 1, "what was refused was not done"


def test_a_401_that_renewal_does_not_mend(fresh: Any, hive: Hive) -> None:
    fresh.login("Jiří", PASSWORD)
    hive.script.extend([refusal(401, "not you"), lambda seen: None, refusal(401, "still not you")])
    with pytest.raises(Unauthorized, match="still not you"):
        fresh.get_jobs()
    assert hive.renewals == 1


@pytest.mark.parametrize("status", [401, 422])
def test_when_the_refresh_token_has_expired_too(fresh: Any, hive: Hive, status: int) -> None:
    fresh.login("Jiří", PASSWORD)
    hive.script.extend([refusal(401, "expired"), Answer(status, {"msg": "Token has expired"})])
    with pytest.raises(Unauthorized, match="expired"):
        fresh.get_jobs()
    with pytest.raises(PyTCIError, match="no refresh token"):
        fresh.refresh_token()


def test_renewal_by_hand(fresh: Any, hive: Hive) -> None:
    with pytest.raises(PyTCIError, match="log in by login"):
        fresh.refresh_token()
    first = fresh.login("Jiří", PASSWORD)
    second = fresh.refresh_token()
    assert second.access_token != first.access_token
    hive.refresh = ""
    with pytest.raises(Unauthorized, match="Token has expired"):
        fresh.refresh_token()
    assert hive.seen[-1].headers["authorization"] == f"Bearer {second.refresh_token}"


def test_application_tokens_are_not_renewed(fresh: Any, hive: Hive) -> None:
    fresh.set_access_token("unknown")
    with pytest.raises(Unauthorized):
        fresh.get_jobs()
    assert len(hive.seen) == 1
    fresh.set_access_token(None)
    with pytest.raises(Unauthorized):
        fresh.get_jobs()
    assert "authorization" not in hive.seen[-1].headers


def test_logout(fresh: Any, hive: Hive) -> None:
    hive.on("DELETE /token", Answer(204))
    fresh.login("Jiří", PASSWORD)
    fresh.logout()
    assert hive.seen[-1].method == "DELETE"
    with pytest.raises(Unauthorized):
        fresh.get_jobs()
    fresh.set_access_token(TOKEN)
    asked = len(hive.seen)
    fresh.logout()
    assert len(hive.seen) == asked, "an application token stays valid"


def test_threads_that_meet_an_expired_token_renew_it_once(hive: Hive) -> None:
    with PyTCI("127.0.0.1", hive.port) as tci:
        tci.login("Jiří", PASSWORD)
        hive.access = "expired"
        problems: list[BaseException] = []

        def ask() -> None:
            try:
                assert tci.get_jobs() == []
            except BaseException as error:  # noqa: BLE001
                problems.append(error)

        threads = [threading.Thread(target=ask) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert problems == []
    assert hive.renewals == 1


def test_tasks_that_meet_an_expired_token_renew_it_once(hive: Hive) -> None:
    async def main() -> None:
        async with AsyncPyTCI("127.0.0.1", hive.port) as tci:
            await tci.login("Jiří", PASSWORD)
            hive.access = "expired"
            async with anyio.create_task_group() as group:
                for _ in range(16):
                    group.start_soon(tci.get_jobs)

    anyio.run(main)
    assert hive.renewals == 1


def test_the_lock_is_free_after_a_failure(fresh: Any, hive: Hive) -> None:
    fresh.login("Jiří", PASSWORD)
    hive.script.extend([refusal(401, "expired"), refusal(403, "change the password first")])
    with pytest.raises(Forbidden, match="password first"):
        fresh.get_jobs()
    assert fresh.get_jobs() == []
