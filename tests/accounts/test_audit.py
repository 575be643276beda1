"""The audit log: what is in it, what never is, and that it cannot be made to fill the disk."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import func, select

from tapiary.accounts import LOCAL, Accounts, Actor
from tapiary.accounts import audit as audit_module
from tapiary.config import AccountsConfig
from tapiary.database import Audit, Database
from tapiary.errors import Conflict, TooManyRequests, Unauthenticated
from tests.accounts.conftest import PASSWORD, Login


def test_every_change_is_in_it(accounts: Accounts, user: Login) -> None:
    anna = user("anna", 5, 63)
    login = accounts.logins.begin(anna, "jwt", lifetime_s=60, address="192.0.2.7")
    actor = accounts.logins.actor(login.id, address="192.0.2.8")
    assert actor is not None
    accounts.users.create(actor, username="bert", email="b@b", password=PASSWORD, level=10)
    accounts.users.edit(actor, "bert", email="c@c", password="another one")
    accounts.users.edit(actor, "bert", email="c@c")  # no change, no row
    accounts.levels.edit(actor, 10, name="People")
    accounts.tokens.create(actor, "ci")
    accounts.tokens.renew(actor, 1)
    accounts.tokens.revoke(actor, 1)
    accounts.users.delete(actor, "bert")
    accounts.logins.end(login.id)
    rows = accounts.audit.list(user="anna")
    assert [(row.action, row.object) for row in reversed(rows)] == [
        ("login", "anna"), ("user.create", "bert"), ("user.edit", "bert"), ("level.edit", "10"),
        ("token.create", "1"), ("token.renew", "1"), ("token.revoke", "1"), ("user.delete", "bert"),
        ("login.end", "anna"),
    ]
    edit = next(row for row in rows if row.action == "user.edit")
    assert edit.details == {"fields": ["email", "password"]}
    assert (edit.user_id, edit.user_name, edit.address, edit.means) == (
        anna.user_id, "anna", "192.0.2.8", f"login:{login.id[:8]}")
    assert time.time() - 60 < edit.at <= time.time()


def test_no_secret_is_in_it(accounts: Accounts, user: Login) -> None:
    anna = user("anna", 5, 63)
    accounts.users.edit(anna, "anna", password="hunter22222")
    login = accounts.logins.begin(anna, "jwt", lifetime_s=60)
    login = accounts.logins.rotate(login.id, login.refresh_id, lifetime_s=60)
    _, token = accounts.tokens.create(anna, "ci")
    with pytest.raises(Unauthenticated):
        accounts.logins.check_password("hunter22222", "anna", address="")  # the fields mixed up
    text = str(accounts.audit.list(limit=1000))
    for secret in (PASSWORD, "hunter22222", login.id, login.refresh_id, token.split("_", 2)[2]):
        assert secret not in text


def test_a_change_that_fails_leaves_no_row(accounts: Accounts) -> None:
    before = accounts.audit.list()
    with pytest.raises(Conflict):
        accounts.users.delete(LOCAL, "admin")
    assert accounts.audit.list() == before


def test_pages_and_filters(accounts: Accounts) -> None:
    for number in range(5):
        accounts.audit.write(Actor(f"user {number % 2}"), "thing.do", str(number))
    newest = accounts.audit.list(limit=2, action="thing.do")
    assert [row.object for row in newest] == ["4", "3"]
    assert [row.object for row in accounts.audit.list(before=newest[-1].id, action="thing.do")] == ["2", "1", "0"]
    assert [row.object for row in accounts.audit.list(user="user 1")] == ["3", "1"]
    assert [row.object for row in accounts.audit.list(action="thing.")] == ["4", "3", "2", "1", "0"]
    assert accounts.audit.list(action="thing") == []


def test_failed_logins_are_in_it_with_the_names_of_users_alone(accounts: Accounts, user: Login) -> None:
    anna = user("anna")
    for name in ("Anna", "no such user", "Anna", "Anna"):
        with pytest.raises(Unauthenticated):
            accounts.logins.check_password(name, "wrong", address=f"192.0.2.{len(name)}")
    with pytest.raises(TooManyRequests):
        accounts.logins.check_password("anna", PASSWORD, address="192.0.2.99")
    rows = accounts.audit.list(action="login.")
    assert [(row.action, row.user_name, row.user_id, row.address) for row in reversed(rows)] == [
        ("login.failed", "anna", anna.user_id, "192.0.2.4"),
        ("login.failed", "", None, "192.0.2.12"),
        ("login.failed", "anna", anna.user_id, "192.0.2.4"),
        ("login.failed", "anna", anna.user_id, "192.0.2.4"),
        ("login.limited", "anna", anna.user_id, "192.0.2.99"),
    ]


def test_an_attack_does_not_fill_the_disk(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 6000.0
    monkeypatch.setattr(audit_module.time, "monotonic", lambda: now)
    for _ in range(1000):
        accounts.audit.failed_login("login.failed", "", "192.0.2.1")
    assert len(accounts.audit.list(action="login.failed", limit=1000)) == audit_module.FAILURES_A_MINUTE
    now += 60
    accounts.audit.failed_login("login.failed", "", "192.0.2.1")
    assert accounts.audit.list()[0].details == {"more_not_recorded": 1000 - audit_module.FAILURES_A_MINUTE}


def test_old_rows_go_when_they_are_to(accounts: Accounts, database: Database) -> None:
    old = Audit(at=time.time() - 3 * 86_400, action="old")

    def count() -> int:
        with database.session(write=False) as session:
            return session.scalar(select(func.count()).where(Audit.action == "old")) or 0

    with database.session() as session:
        session.add(old)
    assert accounts.audit.prune() == 0  # 0 days: for ever
    Accounts(database, AccountsConfig(audit_days=4)).audit.write(LOCAL, "new")
    assert count() == 1
    Accounts(database, AccountsConfig(audit_days=2)).audit.write(LOCAL, "new")
    assert count() == 0
    assert Accounts(database, AccountsConfig(audit_days=2)).audit.prune() == 0
