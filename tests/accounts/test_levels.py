"""Levels: rank rules, names, numbers, and what keeps one from going."""

from __future__ import annotations

from typing import Any

import pytest

from tapiary.accounts import LOCAL, Accounts, Permission
from tapiary.errors import Conflict, Forbidden, InvalidInput, NotFound
from tests.accounts.conftest import Login

BOTH = Permission.MODIFY_AUTHORIZATIONS | Permission.MODIFY_USERS


def test_made_changed_and_deleted(accounts: Accounts) -> None:
    made = accounts.levels.create(LOCAL, level=5, name=" Masters ", permissions=8)
    assert (made.level, made.name, made.permissions) == (5, "Masters", Permission.JOB_MASTER)
    assert accounts.levels.edit(LOCAL, 5, name="Lords", permissions=12).permissions == 12
    assert [view.level for view in accounts.levels.list()] == [1, 5, 10]
    assert accounts.levels.get(5).name == "Lords"
    accounts.levels.delete(LOCAL, 5)
    with pytest.raises(NotFound):
        accounts.levels.get(5)


@pytest.mark.parametrize(
    ("change", "error", "field"),
    [
        ({"level": 0}, InvalidInput, "level"),
        ({"level": 1 << 31}, InvalidInput, "level"),
        ({"name": " "}, InvalidInput, "name"),
        ({"name": "x" * 101}, InvalidInput, "name"),
        ({"permissions": 64}, InvalidInput, "permissions"),
        ({"permissions": -1}, InvalidInput, "permissions"),
        ({"level": 1}, Conflict, "level"),
        ({"name": "Admin"}, Conflict, "name"),
    ],
)
def test_what_a_level_may_not_be(
    accounts: Accounts, change: dict[str, Any], error: type[Exception], field: str
) -> None:
    with pytest.raises(error) as caught:
        accounts.levels.create(LOCAL, **{"level": 7, "name": "Seven", "permissions": 0, **change})
    assert caught.value.field == field  # type: ignore[attr-defined]


def test_nobody_reaches_above_or_gives_what_they_lack(accounts: Accounts, user: Login) -> None:
    clerk = user("clerk", 5, BOTH)
    for number in (4, 1):
        with pytest.raises(Forbidden):
            accounts.levels.create(clerk, level=number, name="x", permissions=0)
    with pytest.raises(Forbidden, match="JOB_MASTER"):
        accounts.levels.create(clerk, level=7, name="x", permissions=int(BOTH) | 8)
    with pytest.raises(Forbidden):
        accounts.levels.edit(clerk, 1, name="x")
    with pytest.raises(Forbidden, match="permissions"):
        accounts.levels.edit(clerk, 5, permissions=63)
    with pytest.raises(Forbidden):
        accounts.levels.delete(clerk, 1)
    accounts.levels.create(clerk, level=5 + 1, name="six", permissions=int(BOTH))
    accounts.levels.create(LOCAL, level=8, name="eight", permissions=8)
    assert accounts.levels.edit(clerk, 8, permissions=9).permissions == 9  # what was there is not given
    with pytest.raises(Forbidden):
        accounts.levels.edit(user("nobody"), 10, name="x")


def test_a_level_in_use_stays(accounts: Accounts, user: Login) -> None:
    user("anna")
    with pytest.raises(Conflict, match="in use by a user"):
        accounts.levels.delete(LOCAL, 10)


def test_the_last_administrators_keep_their_level(accounts: Accounts) -> None:
    with pytest.raises(Conflict, match="last user with ADMIN"):
        accounts.levels.edit(LOCAL, 1, permissions=31)
    assert accounts.levels.get(1).permissions == Permission.ADMIN


@pytest.mark.parametrize("number", [0, -1, 7, 1 << 70])
def test_levels_that_are_not_there(accounts: Accounts, number: int) -> None:
    for act in (accounts.levels.get, lambda n: accounts.levels.edit(LOCAL, n, name="x"),
                lambda n: accounts.levels.delete(LOCAL, n)):
        with pytest.raises(NotFound):
            act(number)
