"""The accounts on a real PostgreSQL, where two who write do so at the same time."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tapiary.accounts import LOCAL, Accounts, Actor, Permission
from tapiary.database import Database
from tapiary.errors import Conflict, NotFound, TapiaryError, Unauthenticated
from tests.accounts.conftest import PASSWORD
from tests.database.postgresql import cluster


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    # A socket's path may have 107 bytes at most: pytest's own folders are too deep.
    with tempfile.TemporaryDirectory(prefix="tapiary-pg-") as folder, cluster(Path(folder)) as found:
        yield found


@pytest.fixture
def accounts(url: str) -> Iterator[Accounts]:
    database = Database(url)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    database.upgrade()
    yield Accounts(database)
    database.close()


def _at_once(*acts: Callable[[], object]) -> list[TapiaryError | None]:
    """What became of each of the acts, begun at the same moment."""
    start = threading.Barrier(len(acts))
    outcomes: list[TapiaryError | None] = [None] * len(acts)

    def run(number: int) -> None:
        start.wait()
        try:
            acts[number]()
        except TapiaryError as error:
            outcomes[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return outcomes


def test_a_life(accounts: Accounts) -> None:
    password = accounts.users.first()
    assert password is not None
    admin = accounts.logins.check_password("admin", password, address="127.0.0.1")
    accounts.levels.create(admin, level=10, name="Users", permissions=4)
    accounts.users.create(admin, username="anna", email="a@b", password=PASSWORD, level=10)
    anna = accounts.logins.check_password("ANNA", PASSWORD, address="127.0.0.1")
    login = accounts.logins.begin(anna, "jwt", lifetime_s=60)
    _, token = accounts.tokens.create(anna, "ci")
    for actor in (accounts.logins.actor(login.id), accounts.verify(token)):
        assert actor is not None
        assert (actor.name, actor.permissions) == ("anna", Permission.VIEW_LOG)
    accounts.users.delete(admin, "anna")
    assert accounts.logins.actor(login.id) is None
    assert accounts.verify(token) is None
    with pytest.raises(Conflict, match="last user with ADMIN"):
        accounts.levels.edit(admin, 1, permissions=0)
    assert accounts.audit.list(action="user.")[0].action == "user.delete"


def test_the_last_two_administrators_do_not_take_each_other_away(accounts: Accounts) -> None:
    accounts.users.first()
    accounts.levels.create(LOCAL, level=2, name="Below", permissions=0)
    for round_ in range(5):
        names = [f"{side} {round_}" for side in ("left", "right")]
        for name in names:
            accounts.users.create(LOCAL, username=name, email="", password=PASSWORD, level=1)
        for view in accounts.users.list():
            if view.level == 1 and view.name not in names:
                accounts.users.edit(LOCAL, view.name, level=2)
        left, right = (_actor(accounts, name) for name in names)
        outcomes = _at_once(
            lambda left=left, right=right: accounts.users.delete(left, right.name),
            lambda left=left, right=right: accounts.users.edit(right, left.name, level=2),
        )
        failed = [outcome for outcome in outcomes if outcome is not None]
        assert len(failed) == 1
        assert isinstance(failed[0], Conflict | NotFound)
        assert sum(view.level == 1 for view in accounts.users.list()) == 1


def test_one_name_is_one_user(accounts: Accounts) -> None:
    accounts.users.first(password=False)
    outcomes = _at_once(*[
        lambda name=name: accounts.users.create(LOCAL, username=name, email="", password=PASSWORD, level=1)
        for name in ("anna", "Anna", "ANNA", "aNNa")
    ])
    assert outcomes.count(None) == 1
    assert all(isinstance(outcome, Conflict) for outcome in outcomes if outcome is not None)


def test_a_refresh_identifier_is_good_once_even_at_the_same_moment(accounts: Accounts) -> None:
    accounts.users.first()
    login = accounts.logins.begin(_actor(accounts, "admin"), "jwt", lifetime_s=60)
    outcomes = _at_once(*[
        lambda: accounts.logins.rotate(login.id, login.refresh_id, lifetime_s=60) for _ in range(4)
    ])
    assert outcomes.count(None) == 1
    assert all(isinstance(outcome, Unauthenticated) for outcome in outcomes if outcome is not None)
    assert accounts.logins.actor(login.id) is None


def test_two_first_starts_are_one(accounts: Accounts) -> None:
    made: list[str | None] = []
    outcomes = _at_once(*[lambda: made.append(accounts.users.first()) for _ in range(3)])
    assert outcomes == [None, None, None]
    assert [view.name for view in accounts.users.list()] == ["admin"]
    passwords = [password for password in made if password]
    assert len(passwords) == 1
    accounts.logins.check_password("admin", passwords[0], address="")


def _actor(accounts: Accounts, name: str) -> Actor:
    view = accounts.users.get(name)
    return Actor(view.name, view.id, view.level, Permission.ADMIN, LOCAL.scopes, "password")
