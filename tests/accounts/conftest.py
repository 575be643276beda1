"""A database with levels and users of all kinds, and the accounts over it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import pytest

from tapiary.accounts import LOCAL, Accounts, Actor
from tapiary.config import AccountsConfig
from tapiary.database import Database

PASSWORD = "correct horse"


class Login(Protocol):
    """Makes a user at a level (made too, with these permissions) and returns who acts as that user."""

    def __call__(self, name: str, level: int = 10, permissions: int = 0) -> Actor: ...


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(f"sqlite:///{tmp_path / 'test.db'}")
    database.upgrade()
    return database


@pytest.fixture
def accounts(database: Database) -> Accounts:
    """Level 1 with the user `admin`, who has no password, and level 10 without any permission."""
    accounts = Accounts(database, AccountsConfig(login_attempts=3, login_window_s=60.0))
    accounts.users.first(password=False)
    accounts.levels.create(LOCAL, level=10, name="Users", permissions=0)
    return accounts


@pytest.fixture
def user(accounts: Accounts) -> Login:
    """Users as they are needed."""

    def make(name: str, level: int = 10, permissions: int = 0) -> Actor:
        if all(view.level != level for view in accounts.levels.list()):
            accounts.levels.create(LOCAL, level=level, name=f"Level {level}", permissions=permissions)
        view = accounts.users.create(LOCAL, username=name, email="", password=PASSWORD, level=level)
        held = accounts.levels.get(level).permissions
        return Actor(view.name, view.id, level, held, LOCAL.scopes, "password", "192.0.2.1")

    return make
