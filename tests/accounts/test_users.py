"""Users: what a name may be, who may change whom, and the first start."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from tapiary.accounts import LOCAL, Accounts, Actor, Permission
from tapiary.database import Capture, Database, Destination, Token
from tapiary.errors import Conflict, Forbidden, InvalidInput, NotFound, TapiaryError, Unauthenticated
from tests.accounts.conftest import PASSWORD, Login

USERS = Permission.MODIFY_USERS


def test_made_found_and_deleted(accounts: Accounts) -> None:
    made = accounts.users.create(LOCAL, username="Anna", email="anna@example.org", password=PASSWORD, level=10)
    assert (made.name, made.email, made.level, made.ldap, made.last_login_at) == (
        "Anna", "anna@example.org", 10, False, None)
    assert accounts.users.get("ANNA") == made
    assert [view.name for view in accounts.users.list()] == ["admin", "Anna"]
    accounts.users.delete(LOCAL, "anna")
    with pytest.raises(NotFound) as caught:
        accounts.users.get("anna")
    assert caught.value.field == "username"


@pytest.mark.parametrize(
    ("change", "error", "field"),
    [
        ({"username": ""}, InvalidInput, "username"),
        ({"username": "x" * 21}, InvalidInput, "username"),
        ({"username": "@me"}, InvalidInput, "username"),
        ({"username": "@ME"}, InvalidInput, "username"),
        ({"username": "SYSTEM"}, InvalidInput, "username"),
        ({"username": " anna"}, InvalidInput, "username"),
        ({"username": "a:b"}, InvalidInput, "username"),
        ({"username": "a/b"}, InvalidInput, "username"),
        ({"username": ".."}, InvalidInput, "username"),
        ({"username": "a\nb"}, InvalidInput, "username"),
        ({"username": "a\u202eb"}, InvalidInput, "username"),
        ({"username": "ADMIN"}, Conflict, "username"),
        ({"username": "ＡＤＭＩＮ"}, Conflict, "username"),
        ({"email": "no address"}, InvalidInput, "email"),
        ({"email": "a@" + "b" * 69}, InvalidInput, "email"),
        ({"email": "Taken@example.org"}, Conflict, "email"),
        ({"password": "short"}, InvalidInput, "password"),
        ({"level": 11}, InvalidInput, "level"),
        ({"level": -1}, InvalidInput, "level"),
        ({"level": 1 << 70}, InvalidInput, "level"),
    ],
)
def test_what_a_user_may_not_be(accounts: Accounts, change: dict[str, Any], error: type[Exception], field: str) -> None:
    accounts.users.edit(LOCAL, "admin", email="taken@EXAMPLE.org")
    given = {"username": "anna", "email": "anna@example.org", "password": PASSWORD, "level": 10, **change}
    with pytest.raises(error) as caught:
        accounts.users.create(LOCAL, **given)
    assert isinstance(caught.value, TapiaryError)
    assert caught.value.field == field
    assert field in caught.value.message


def test_everybody_may_change_the_own_password_and_address(accounts: Accounts, user: Login) -> None:
    anna = user("anna")
    assert accounts.users.edit(anna, "anna", email="a@b").email == "a@b"
    assert accounts.users.edit(anna, "Anna", email="a@b", level=10).email == "a@b"  # as it was
    assert accounts.users.edit(anna, "anna", email="").email == ""
    accounts.users.edit(anna, "anna", password="another one")
    assert accounts.logins.check_password("anna", "another one", address="").user_id == anna.user_id
    with pytest.raises(Unauthenticated):
        accounts.logins.check_password("anna", PASSWORD, address="")


def test_who_has_no_permission_changes_nobody(accounts: Accounts, user: Login) -> None:
    anna, _ = user("anna"), user("bert")
    for act in (
        lambda: accounts.users.edit(anna, "bert", email="x@y"),
        lambda: accounts.users.edit(anna, "bert", password="12345678"),
        lambda: accounts.users.delete(anna, "bert"),
        lambda: accounts.users.create(anna, username="c", email="", password=PASSWORD, level=10),
        lambda: accounts.users.edit(anna, "anna", level=1),
        lambda: accounts.users.get("admin", actor=anna),
    ):
        with pytest.raises(Forbidden):
            act()


def test_nobody_promotes_themselves_or_touches_their_betters(accounts: Accounts, user: Login) -> None:
    clerk = user("clerk", 5, USERS)
    accounts.levels.create(LOCAL, level=7, name="Masters", permissions=int(USERS) | 8)
    for act in (
        lambda: accounts.users.edit(clerk, "clerk", level=1),
        lambda: accounts.users.edit(clerk, "clerk", level=7),  # lower, but with a permission that the clerk lacks
        lambda: accounts.users.edit(clerk, "admin", email="x@y"),
        lambda: accounts.users.edit(clerk, "admin", password="12345678"),
        lambda: accounts.users.delete(clerk, "admin"),
        lambda: accounts.users.create(clerk, username="c", email="", password=PASSWORD, level=1),
        lambda: accounts.users.create(clerk, username="c", email="", password=PASSWORD, level=7),
    ):
        with pytest.raises(Forbidden):
            act()
    master = user("master", 7)
    with pytest.raises(Forbidden, match="JOB_MASTER"):  # logging in as the master would give what the clerk lacks
        accounts.users.edit(clerk, "master", password="12345678")
    assert accounts.users.edit(clerk, "master", level=10).level == 10
    accounts.users.edit(clerk, "master", password="12345678")
    accounts.users.delete(clerk, "master")
    assert master.user_id not in [view.id for view in accounts.users.list()]


def test_a_limited_token_changes_no_accounts(accounts: Accounts, user: Login) -> None:
    anna = replace(user("anna"), scopes=frozenset({"read", "write"}))
    local = replace(LOCAL, scopes=frozenset({"read", "write"}))
    for act in (
        lambda: accounts.users.edit(anna, "anna", password="12345678"),
        lambda: accounts.users.create(local, username="b", email="", password=PASSWORD, level=10),
        lambda: accounts.levels.create(local, level=20, name="x", permissions=0),
        lambda: accounts.tokens.create(anna, "more"),
    ):
        with pytest.raises(Forbidden, match="scope admin"):
            act()


def test_the_last_administrator_stays(accounts: Accounts, user: Login) -> None:
    boss = user("boss", 1)
    accounts.users.delete(boss, "admin")
    for act in (
        lambda: accounts.users.delete(LOCAL, "boss"),
        lambda: accounts.users.edit(LOCAL, "boss", level=10),
        lambda: accounts.users.edit(boss, "boss", level=10),
    ):
        with pytest.raises(Conflict, match="last user with ADMIN"):
            act()
    with pytest.raises(InvalidInput):
        accounts.users.delete(boss, "boss")
    user("second", 1)
    assert accounts.users.edit(boss, "boss", level=10).level == 10


def test_an_administrator_who_cannot_log_in_is_no_help(accounts: Accounts, user: Login) -> None:
    user("boss", 1)  # `admin` has no password
    with pytest.raises(Conflict, match="last user with ADMIN"):
        accounts.users.delete(LOCAL, "boss")


def test_an_owner_stays(accounts: Accounts, database: Database, user: Login) -> None:
    anna = user("anna")
    assert anna.user_id is not None
    capture = Capture(owner_id=anna.user_id, name="c", duration_s=1, max_bytes=1, created_at=time.time())
    destination = Destination(owner_id=anna.user_id, name="d", path="/d")
    with database.session() as session:
        session.add_all([capture, destination])
    with pytest.raises(Conflict, match="owns 1 capture;"):
        accounts.users.delete(LOCAL, "anna")
    with database.session() as session:
        session.delete(capture)
    with pytest.raises(Conflict, match="owns 1 destination;"):
        accounts.users.delete(LOCAL, "anna")


def test_the_first_start(database: Database) -> None:
    accounts = Accounts(database)
    password = accounts.users.first()
    assert password is not None
    assert accounts.users.first() is None  # shown this once
    actor = accounts.logins.check_password("Admin", password, address="127.0.0.1")
    assert (actor.name, actor.level, actor.permissions, actor.must_change_password) == (
        "admin", 1, Permission.ADMIN, True)
    accounts.users.edit(actor, "admin", password="an own one")
    actor = accounts.logins.check_password("admin", "an own one", address="127.0.0.1")
    assert not actor.must_change_password
    assert accounts.users.first() is None


def test_a_first_start_after_the_shell_made_tokens(accounts: Accounts) -> None:
    password = accounts.users.first()
    assert password is not None
    assert accounts.logins.check_password("admin", password, address="").must_change_password


def test_no_password_is_made_where_somebody_can_log_in(accounts: Accounts, user: Login) -> None:
    user("anna")
    assert accounts.users.first() is None
    assert not accounts.users.get("admin").has_password


def test_tokens_from_before_there_were_users_become_the_admins(database: Database) -> None:
    accounts = Accounts(database)
    accounts.users.first(password=False)
    _, text = accounts.tokens.create(LOCAL, "old", scopes=["read"])
    with database.session() as session:
        session.get_one(Token, 1).user_id = None
    accounts = Accounts(database)
    before = accounts.verify(text)
    assert before == Actor("old", None, 0, Permission.ADMIN, frozenset({"read"}), "token:1")
    assert [view.owner for view in accounts.tokens.list(LOCAL, everyone=True)] == [None]
    accounts.users.first()
    after = accounts.verify(text)
    assert after is not None
    assert (after.name, after.level, after.scopes, after.must_change_password) == ("admin", 1, {"read"}, False)
