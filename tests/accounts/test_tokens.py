"""Tokens: made once, verified, renewed, revoked; the database never holds a secret."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import pytest
from sqlalchemy import text

from tapiary.accounts import ANYONE, LOCAL, Accounts, Permission, Right, Scope
from tapiary.accounts import cache as cache_module
from tapiary.accounts import tokens as tokens_module
from tapiary.database import Database
from tapiary.errors import Conflict, Forbidden, InvalidInput, NotFound
from tests.accounts.conftest import Login


@pytest.fixture
def make(accounts: Accounts) -> Callable[..., str]:
    """Makes a token of `admin`."""
    return lambda name="ci", **rest: accounts.tokens.create(LOCAL, name, **rest)[1]


def test_a_token_is_its_owner_within_its_scopes(accounts: Accounts, user: Login) -> None:
    anna = user("anna", 5, Permission.VIEW_LOG)
    view, token = accounts.tokens.create(anna, "ci", scopes=["read"])
    assert (view.id, view.name, view.owner, view.scopes, view.expires_at) == (1, "ci", "anna", ("read",), None)
    assert len(token.split("_", 2)[2]) >= 43
    actor = accounts.verify(token, address="192.0.2.9")
    assert actor is not None
    assert (actor.name, actor.user_id, actor.level, actor.means, actor.address) == (
        "anna", anna.user_id, 5, "token:1", "192.0.2.9")
    assert actor.may(Right("read", Permission.VIEW_LOG))
    assert not actor.may(Right("write"))
    assert not actor.may(Right("read", Permission.JOB_MASTER))


def test_what_the_owner_may_now_counts(accounts: Accounts, user: Login) -> None:
    anna = user("anna", 5, Permission.VIEW_LOG)
    _, token = accounts.tokens.create(anna, "ci")
    before = accounts.verify(token)
    accounts.users.edit(LOCAL, "anna", level=10)
    after = accounts.verify(token)
    assert before is not None
    assert after is not None
    assert (before.level, before.permissions) == (5, Permission.VIEW_LOG)
    assert (after.level, after.permissions) == (10, 0)
    accounts.levels.edit(LOCAL, 10, permissions=8)
    again = accounts.verify(token)
    assert again is not None
    assert again.permissions == Permission.JOB_MASTER
    accounts.users.delete(LOCAL, "anna")
    assert accounts.verify(token) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t[:-1] + ("A" if t[-1] != "A" else "B"),
        lambda t: t.replace("tap_1_", "tap_2_"),
        lambda t: t + "x",
        lambda t: t.upper(),
        lambda t: " " + t,
        lambda t: "",
        lambda t: "tap_1_",
        lambda t: "tap_99999999999999999999_" + "a" * 43,
        lambda t: t.replace("tap_1_", "tap_01_"),
        lambda t: t + "\n",
    ],
)
def test_no_other_text_is_a_token(accounts: Accounts, make: Callable[..., str], change: Callable[[str], str]) -> None:
    token = make()
    assert accounts.verify(change(token)) is None
    assert accounts.verify(token) is not None


def test_a_revoked_token_ends_at_once(accounts: Accounts, make: Callable[..., str]) -> None:
    token = make()
    assert accounts.verify(token)
    first = accounts.tokens.revoke(LOCAL, 1)
    assert accounts.verify(token) is None
    assert accounts.tokens.revoke(LOCAL, 1) == first
    assert accounts.tokens.list(LOCAL, everyone=True) == []
    assert accounts.tokens.list(LOCAL, everyone=True, revoked=True) == [first]
    with pytest.raises(NotFound):
        accounts.tokens.revoke(LOCAL, 2)


def test_a_token_revoked_elsewhere_ends_soon(
    accounts: Accounts, database: Database, make: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = make()
    assert accounts.verify(token)
    Accounts(database).tokens.revoke(LOCAL, 1)
    now = time.monotonic()
    monkeypatch.setattr(cache_module.time, "monotonic", lambda: now + cache_module.CACHE_S)
    assert accounts.verify(token) is None


def test_an_answer_from_before_a_change_is_not_remembered() -> None:
    cache = cache_module.MomentCache()

    def look_up() -> None:
        cache.clear()  # the change comes while the database is asked

    assert cache.get("a", look_up) is None
    assert cache.get("a", lambda: LOCAL) is LOCAL


def test_a_renewed_token_has_another_secret(accounts: Accounts, user: Login) -> None:
    anna = user("anna")
    _, old = accounts.tokens.create(anna, "ci")
    assert accounts.verify(old)
    new = accounts.tokens.renew(anna, 1)
    assert accounts.verify(old) is None
    assert accounts.verify(new)
    accounts.tokens.revoke(anna, 1)
    with pytest.raises(Conflict):
        accounts.tokens.renew(anna, 1)


def test_an_expired_token_is_none(
    accounts: Accounts, make: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = make(expires_at=time.time() + 1000)
    assert accounts.verify(token)
    late = time.time() + 1000
    monkeypatch.setattr(tokens_module.time, "time", lambda: late)
    accounts.tokens._cache.clear()
    assert accounts.verify(token) is None


def test_tokens_are_their_owners_alone(accounts: Accounts, user: Login) -> None:
    anna, bert = user("anna"), user("bert")
    admin = user("boss", 1)
    accounts.tokens.create(anna, "hers")
    assert accounts.tokens.list(bert) == []
    for act in (
        lambda: accounts.tokens.renew(bert, 1),
        lambda: accounts.tokens.revoke(bert, 1),
        lambda: accounts.tokens.renew(admin, 1),
        lambda: accounts.tokens.list(bert, everyone=True),
        lambda: accounts.tokens.create(bert, "for her", owner="anna"),
        lambda: accounts.tokens.create(ANYONE, "nobody's"),
    ):
        with pytest.raises(Forbidden):
            act()
    assert [view.owner for view in accounts.tokens.list(admin, everyone=True)] == ["anna"]
    assert accounts.tokens.revoke(admin, 1).revoked_at


def test_the_shell_makes_tokens_for_others(accounts: Accounts, user: Login) -> None:
    user("anna")
    assert accounts.tokens.create(LOCAL, "a", owner="ANNA")[0].owner == "anna"
    assert accounts.tokens.create(LOCAL, "b")[0].owner == "admin"
    with pytest.raises(NotFound):
        accounts.tokens.create(LOCAL, "c", owner="nobody")


def test_the_database_holds_no_secret(accounts: Accounts, database: Database, make: Callable[..., str]) -> None:
    token = make()
    with database.session(write=False) as session:
        stored = str([session.execute(text(f"SELECT * FROM {table}")).fetchall() for table in ("token", "audit")])
    assert token.split("_", 2)[2] not in stored


def test_use_is_noted_but_not_at_every_request(accounts: Accounts, make: Callable[..., str]) -> None:
    token = make()

    def used() -> float | None:
        return accounts.tokens.list(LOCAL, everyone=True)[0].last_used_at

    assert used() is None
    accounts.verify(token)
    first = used()
    accounts.verify(token)
    assert first is not None
    assert used() == first


@pytest.mark.parametrize(
    ("name", "scopes", "expires_at", "field"),
    [
        ("", {"read"}, None, "name"),
        (" ", {"read"}, None, "name"),
        ("x" * 201, {"read"}, None, "name"),
        ("a", set(), None, "scopes"),
        ("a", {"root"}, None, "scopes"),
        ("a", {"read"}, 1.0, "expires_at"),
        ("a", {"read"}, float("inf"), "expires_at"),
        ("a", {"read"}, float("nan"), "expires_at"),
    ],
)
def test_wrong_input_names_the_field(
    accounts: Accounts, name: str, scopes: Iterable[Scope], expires_at: float | None, field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        accounts.tokens.create(LOCAL, name, scopes=scopes, expires_at=expires_at)
    assert caught.value.field == field


def test_nobody_ends_the_tokens_of_their_betters(accounts: Accounts, user: Login) -> None:
    boss, second = user("boss", 1), user("second", 2, 63)
    accounts.tokens.create(boss, "his")
    with pytest.raises(Forbidden, match="higher rank"):
        accounts.tokens.revoke(second, 1)
