"""Logins: begun, used, rotated, ended; passwords tried too often."""

from __future__ import annotations

import time

import pytest
from argon2 import PasswordHasher

from tapiary.accounts import ANYONE, LOCAL, Accounts, Actor
from tapiary.accounts import cache as cache_module
from tapiary.accounts import logins as logins_module
from tapiary.accounts.naming import name_key
from tapiary.config import AccountsConfig
from tapiary.database import Database, User
from tapiary.database import Login as LoginRow
from tapiary.errors import Forbidden, TooManyRequests, Unauthenticated
from tests.accounts.conftest import PASSWORD, Login


class Clock:
    """The time as the room sees it; moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.offset = 0.0
        real, steady = time.time, time.monotonic
        monkeypatch.setattr(logins_module.time, "time", lambda: real() + self.offset)
        monkeypatch.setattr(cache_module.time, "monotonic", lambda: steady() + self.offset)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def anna(user: Login) -> Actor:
    return user("anna")


def test_name_and_password(accounts: Accounts, anna: Actor) -> None:
    actor = accounts.logins.check_password("ANNA", PASSWORD, address="192.0.2.1")
    assert actor == anna
    assert actor.scopes == LOCAL.scopes
    for name, password in (("anna", "wrong"), ("anna", ""), ("nobody", PASSWORD), ("admin", ""), ("", ""),
                           ("System", PASSWORD), ("x" * 5000, PASSWORD)):
        with pytest.raises(Unauthenticated, match="the username or the password is wrong"):
            accounts.logins.check_password(name, password, address="")


def test_a_name_is_blocked_for_a_while(accounts: Accounts, anna: Actor) -> None:
    for number in range(3):
        with pytest.raises(Unauthenticated):
            accounts.logins.check_password("Anna", "wrong", address=f"192.0.2.{number}")
    with pytest.raises(TooManyRequests) as caught:
        accounts.logins.check_password("anna", PASSWORD, address="192.0.2.9")
    assert 0 < caught.value.retry_after_s <= 60
    assert caught.value.status == 429


def test_an_address_is_blocked_whatever_the_name(accounts: Accounts, anna: Actor) -> None:
    for number in range(3):
        with pytest.raises(Unauthenticated):
            accounts.logins.check_password(f"guess {number}", "wrong", address="2001:db8::1")
    with pytest.raises(TooManyRequests):
        accounts.logins.check_password("anna", PASSWORD, address="2001:db8::2")
    accounts.logins.check_password("anna", PASSWORD, address="192.0.2.9")


def test_success_forgives_the_name_and_not_the_address(accounts: Accounts, anna: Actor) -> None:
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            accounts.logins.check_password("anna", "wrong", address="192.0.2.1")
    for _ in range(5):  # success itself counts for neither
        accounts.logins.check_password("anna", PASSWORD, address="192.0.2.1")
    with pytest.raises(Unauthenticated):
        accounts.logins.check_password("anna", "wrong", address="192.0.2.1")
    with pytest.raises(TooManyRequests):
        accounts.logins.check_password("anna", PASSWORD, address="192.0.2.1")
    for _ in range(2):  # one failure counts for the name, these are the second and the third
        with pytest.raises(Unauthenticated):
            accounts.logins.check_password("anna", "wrong", address="192.0.2.2")


def test_an_old_hash_is_renewed_at_login(accounts: Accounts, database: Database, anna: Actor) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
    with database.session() as session:
        session.get_one(User, anna.user_id).password_hash = old
    with pytest.raises(Unauthenticated):
        accounts.logins.check_password("anna", "wrong", address="")
    accounts.logins.check_password("anna", PASSWORD, address="")
    with database.session(write=False) as session:
        stored = session.get_one(User, anna.user_id).password_hash
    assert stored is not None
    assert "m=65536,t=3,p=4" in stored
    accounts.logins.check_password("anna", PASSWORD, address="")


def test_a_login_is_its_user(accounts: Accounts, anna: Actor) -> None:
    login = accounts.logins.begin(anna, "jwt", lifetime_s=60, address="192.0.2.1", agent="curl")
    assert len(login.id) == 32
    assert int(login.id, 16) >= 0
    actor = accounts.logins.actor(login.id, address="192.0.2.2")
    assert actor is not None
    assert (actor.user_id, actor.means, actor.login_id, actor.address, actor.scopes) == (
        anna.user_id, f"login:{login.id[:8]}", login.id, "192.0.2.2", LOCAL.scopes)
    page = accounts.logins.begin(anna, "page", lifetime_s=60)
    assert (accounts.logins.actor(page.id) or LOCAL).means == f"page:{page.id[:8]}"
    assert accounts.users.get("anna").last_login_at is not None
    assert accounts.logins.actor("0" * 32) is None
    accounts.logins.end(login.id)
    accounts.logins.end(login.id)
    assert accounts.logins.actor(login.id) is None
    assert accounts.logins.actor(page.id) is not None


def test_only_users_log_in(accounts: Accounts, anna: Actor) -> None:
    for nobody in (LOCAL, ANYONE):
        with pytest.raises(Forbidden):
            accounts.logins.begin(nobody, "jwt", lifetime_s=60)
    accounts.users.delete(LOCAL, "anna")
    with pytest.raises(Unauthenticated):
        accounts.logins.begin(anna, "jwt", lifetime_s=60)


def test_a_refresh_identifier_is_good_once(accounts: Accounts, anna: Actor) -> None:
    first = accounts.logins.begin(anna, "jwt", lifetime_s=60)
    second = accounts.logins.rotate(first.id, first.refresh_id, lifetime_s=600)
    assert second.id == first.id
    assert second.refresh_id != first.refresh_id
    assert second.expires_at > first.expires_at + 500
    third = accounts.logins.rotate(first.id, second.refresh_id, lifetime_s=60)
    assert accounts.logins.actor(first.id) is not None
    with pytest.raises(Unauthenticated, match="used before"):
        accounts.logins.rotate(first.id, second.refresh_id, lifetime_s=60)
    assert accounts.logins.actor(first.id) is None
    with pytest.raises(Unauthenticated, match="has ended"):
        accounts.logins.rotate(first.id, third.refresh_id, lifetime_s=60)
    assert [row.action for row in accounts.audit.list(action="login.reuse")] == ["login.reuse"]


def test_a_page_has_no_refresh_identifier(accounts: Accounts, anna: Actor) -> None:
    page = accounts.logins.begin(anna, "page", lifetime_s=60)
    with pytest.raises(Unauthenticated):
        accounts.logins.rotate(page.id, page.refresh_id, lifetime_s=60)
    with pytest.raises(Unauthenticated):
        accounts.logins.rotate("0" * 32, "ž", lifetime_s=60)


def test_logins_expire(accounts: Accounts, anna: Actor, clock: Clock) -> None:
    login = accounts.logins.begin(anna, "jwt", lifetime_s=60)
    clock.offset = 59
    assert accounts.logins.actor(login.id) is not None
    clock.offset = 61
    assert accounts.logins.actor(login.id) is None
    with pytest.raises(Unauthenticated):
        accounts.logins.rotate(login.id, login.refresh_id, lifetime_s=60)


def test_a_page_left_alone_ends_and_one_in_use_does_not(
    database: Database, accounts: Accounts, anna: Actor, clock: Clock
) -> None:
    accounts = Accounts(database, AccountsConfig(session_idle_s=100))
    used = accounts.logins.begin(anna, "page", lifetime_s=10_000)
    left = accounts.logins.begin(anna, "page", lifetime_s=10_000)
    jwt = accounts.logins.begin(anna, "jwt", lifetime_s=10_000)
    for clock.offset in (40, 80, 120, 160):
        assert accounts.logins.actor(used.id) is not None
    assert accounts.logins.actor(left.id) is None
    assert accounts.logins.actor(jwt.id) is not None


def test_use_is_written_once_a_minute(accounts: Accounts, database: Database, anna: Actor, clock: Clock) -> None:
    login = accounts.logins.begin(anna, "jwt", lifetime_s=1000)
    seen = set()
    for clock.offset in range(0, 130, 10):
        accounts.logins.actor(login.id)
        with database.session(write=False) as session:
            seen.add(session.get_one(LoginRow, login.id).used_at)
    assert len(seen) == 3


def test_a_new_password_ends_the_other_logins(accounts: Accounts, anna: Actor) -> None:
    logins = [accounts.logins.begin(anna, kind, lifetime_s=60) for kind in ("jwt", "page", "page")]
    here = accounts.logins.actor(logins[2].id)
    assert here is not None
    accounts.users.edit(here, "anna", email="a@b")
    assert all(accounts.logins.actor(login.id) for login in logins)
    accounts.users.edit(here, "anna", password="another one")
    assert [accounts.logins.actor(login.id) is not None for login in logins] == [False, False, True]
    accounts.users.edit(LOCAL, "anna", password="a third one")
    assert accounts.logins.actor(logins[2].id) is None


def test_all_logins_of_one_user_end(accounts: Accounts, anna: Actor, user: Login) -> None:
    bert = user("bert")
    one, two = (accounts.logins.begin(anna, "jwt", lifetime_s=60) for _ in range(2))
    other = accounts.logins.begin(bert, "jwt", lifetime_s=60)
    assert anna.user_id is not None
    accounts.logins.end_all(anna.user_id, but=two.id)
    assert accounts.logins.actor(one.id) is None
    assert accounts.logins.actor(two.id) is not None
    accounts.logins.end_all(anna.user_id)
    assert accounts.logins.actor(two.id) is None
    assert accounts.logins.actor(other.id) is not None


def test_what_a_user_may_now_counts(accounts: Accounts, anna: Actor) -> None:
    login = accounts.logins.begin(anna, "jwt", lifetime_s=60)
    assert (accounts.logins.actor(login.id) or LOCAL).permissions == 0
    accounts.users.edit(LOCAL, "anna", level=1)
    assert (accounts.logins.actor(login.id) or ANYONE).permissions == 63
    accounts.levels.edit(LOCAL, 10, permissions=8)
    accounts.users.edit(LOCAL, "admin", password=PASSWORD)
    accounts.users.edit(LOCAL, "anna", level=10)
    assert (accounts.logins.actor(login.id) or ANYONE).permissions == 8
    accounts.users.delete(LOCAL, "anna")
    assert accounts.logins.actor(login.id) is None


def test_rows_that_are_over_go(accounts: Accounts, database: Database, anna: Actor, clock: Clock) -> None:
    old = accounts.logins.begin(anna, "jwt", lifetime_s=60)
    clock.offset = 2 * 86_400
    new = accounts.logins.begin(anna, "jwt", lifetime_s=60)
    with database.session(write=False) as session:
        assert session.get(LoginRow, old.id) is None
        assert session.get(LoginRow, new.id) is not None


@pytest.mark.parametrize(("one", "other"), [("Anna", "aNNA"), ("ŽOFIE", "žofie"), ("Ｘ", "x"), ("Straße", "STRASSE")])
def test_names_that_are_one(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)
