"""Tokens: made once, verified, revoked; the database never holds a secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from tapiary.accounts import ANYONE, Accounts, Actor
from tapiary.accounts import tokens as tokens_module
from tapiary.database import Database
from tapiary.errors import InvalidInput, NotFound


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(f"sqlite:///{tmp_path / 'test.db'}")
    database.upgrade()
    return database


@pytest.fixture
def accounts(database: Database) -> Accounts:
    return Accounts(database)


def test_a_token_is_its_bearer(accounts: Accounts) -> None:
    token = accounts.create_token("ci", {"read"})
    actor = accounts.verify(token)
    assert actor == Actor("ci", frozenset({"read"}), 1)
    assert actor.may("read")
    assert not actor.may("write")
    assert not actor.may("admin")


def test_admin_may_everything_and_anyone_may_not() -> None:
    admin = Actor("root", frozenset({"admin"}))
    assert all(admin.may(right) for right in ("read", "write", "admin"))
    assert [ANYONE.may(right) for right in ("read", "write", "admin")] == [True, True, False]


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
def test_no_other_text_is_a_token(accounts: Accounts, change) -> None:  # type: ignore[no-untyped-def]
    token = accounts.create_token("ci")
    assert accounts.verify(change(token)) is None
    assert accounts.verify(token) is not None


def test_a_revoked_token_ends_at_once(accounts: Accounts) -> None:
    token = accounts.create_token("ci")
    assert accounts.verify(token)
    first = accounts.revoke(1)
    assert accounts.verify(token) is None
    assert accounts.revoke(1) == first
    assert accounts.list(revoked=False) == []
    with pytest.raises(NotFound):
        accounts.revoke(2)


def test_a_token_revoked_elsewhere_ends_soon(
    accounts: Accounts, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = accounts.create_token("ci")
    assert accounts.verify(token)
    Accounts(database).revoke(1)
    now = tokens_module.time.monotonic()
    monkeypatch.setattr(tokens_module.time, "monotonic", lambda: now + tokens_module.CACHE_S)
    assert accounts.verify(token) is None


def test_the_database_holds_no_secret(accounts: Accounts, database: Database) -> None:
    token = accounts.create_token("ci")
    with database.session(write=False) as session:
        stored = str(session.execute(text("SELECT * FROM token")).fetchall())
    assert token.split("_", 2)[2] not in stored


def test_use_is_noted_but_not_at_every_request(accounts: Accounts) -> None:
    token = accounts.create_token("ci")
    assert accounts.list()[0].last_used_at is None
    accounts.verify(token)
    first = accounts.list()[0].last_used_at
    accounts.verify(token)
    assert first is not None
    assert accounts.list()[0].last_used_at == first


@pytest.mark.parametrize(
    ("name", "rights"), [("", {"read"}), (" ", {"read"}), ("x" * 201, {"read"}), ("a", set()), ("a", {"root"})]
)
def test_wrong_input_names_the_field(accounts: Accounts, name: str, rights: set[str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        accounts.create_token(name, rights)  # type: ignore[arg-type]
    assert caught.value.field in ("name", "rights")
