"""Whatever somebody does to accounts, in whatever order: nobody gains what they had no right to.

The oracle knows nothing of how the rules are written: it looks at who had what before and after a step.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapiary.accounts import LOCAL, Accounts, Actor, Permission
from tapiary.accounts import passwords as passwords_module
from tapiary.database import Database, User
from tapiary.errors import TapiaryError

BITS = [0, 1, 2, 3, 9, 31, 63]
LEVELS = {1: 63, 2: 9, 3: 3, 4: 1, 5: 0}
HOMES = {"admin": 1, "ann": 2, "bob": 3, "cyd": 4, "dan": 5}
NAMES = tuple(HOMES)
Step = tuple[str, str | int, int]
STEPS: list[Step] = [
    *(("user.level", name, level) for name in NAMES for level in (*LEVELS, 6)),
    *((action, name, 0) for name in NAMES for action in ("user.password", "user.email", "user.delete")),
    *(("user.create", "new", level) for level in (*LEVELS, 6)),
    *(("level.edit", level, bits) for level in LEVELS for bits in BITS),
    *(("level.create", level, bits) for level in (0, 1, 2, 3, 4, 6) for bits in BITS),
    *(("level.delete", level, 0) for level in (*LEVELS, 6)),
]


@pytest.fixture(scope="module", autouse=True)
def _plain_passwords() -> Iterator[None]:
    """A hash costs a tenth of a second and is not what is tried here: passwords are their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords_module, "hash_of", lambda password: password)
        yield


class State:
    """Who has what: user → (level, permissions, password), level → permissions."""

    def __init__(self, accounts: Accounts, database: Database) -> None:
        self.levels = {view.level: int(view.permissions) for view in accounts.levels.list()}
        with database.session(write=False) as session:
            users = session.query(User).all()
        self.users = {user.name: (user.level, self.levels[user.level], user.password_hash) for user in users}
        self.emails = {user.name: user.email for user in users}
        self.ids = {user.name: user.id for user in users}


def _actor(state: State, name: str) -> Actor:
    level, permissions, _ = state.users[name]
    return Actor(name, state.ids[name], level, Permission(permissions), LOCAL.scopes, "password")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, _plain_passwords: None) -> Path:
    """A database with a user at each level, and nothing beside."""
    path = tmp_path_factory.mktemp("rank") / "made.db"
    database = Database(f"sqlite:///{path}")
    database.upgrade()
    accounts = Accounts(database)
    accounts.users.first()
    for level, bits in itertools.islice(LEVELS.items(), 1, None):
        accounts.levels.create(LOCAL, level=level, name=f"Level {level}", permissions=bits)
    for name, level in itertools.islice(HOMES.items(), 1, None):
        accounts.users.create(LOCAL, username=name, email="", password="password", level=level)
    database.close()
    return path


@pytest.mark.parametrize("who", NAMES)
def test_every_single_step(made: Path, who: str) -> None:
    outcomes = [_run(made, [(who, step)]) for step in STEPS]
    # The rules forbid a lot, but not all: who may more, can do more.
    assert sum(itertools.chain(*outcomes)) >= {"admin": 60, "bob": 20, "cyd": 5}.get(who, 1)


@settings(max_examples=25)
@given(steps=st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(STEPS)), min_size=2, max_size=12))
def test_any_steps_in_any_order(made: Path, steps: list[tuple[str, Step]]) -> None:
    _run(made, steps)


def _run(made: Path, steps: list[tuple[str, Step]]) -> list[bool]:
    """Take the steps in a copy of the database, look at each, and return which of them were allowed."""
    allowed = []
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{shutil.copy(made, folder)}")
        accounts = Accounts(database)
        before = State(accounts, database)
        for number, (who, step) in enumerate(steps):
            if who not in before.users:
                continue
            actor = _actor(before, who)
            try:
                _do(accounts, actor, step, number)
                allowed.append(True)
            except TapiaryError:
                allowed.append(False)
            after = State(accounts, database)
            if not allowed[-1]:
                assert vars(after) == vars(before)
            _check(actor, before, after)
            before = after
        database.close()
    return allowed


def _do(accounts: Accounts, actor: Actor, step: Step, number: int) -> None:
    match step:
        case "user.level", str(name), level:
            accounts.users.edit(actor, name, level=level)
        case "user.password", str(name), _:
            accounts.users.edit(actor, name, password=f"password {number}")
        case "user.email", str(name), _:
            accounts.users.edit(actor, name, email=f"{number}@example.org")
        case "user.delete", str(name), _:
            accounts.users.delete(actor, name)
        case "user.create", str(name), level:
            accounts.users.create(actor, username=f"{name} {number}", email="", password="password", level=level)
        case "level.edit", int(level), bits:
            accounts.levels.edit(actor, level, permissions=bits)
        case "level.create", int(level), bits:
            accounts.levels.create(actor, level=level, name=f"{level} {number}", permissions=bits)
        case "level.delete", int(level), _:
            accounts.levels.delete(actor, level)


def _check(actor: Actor, before: State, after: State) -> None:
    own = int(actor.permissions)
    for name, (level, bits, password) in after.users.items():
        was = before.users.get(name)
        gained = bits & ~(was[1] if was else 0)
        assert not gained & ~own, "a permission out of nothing"
        if was != after.users[name] or before.emails.get(name) != after.emails[name]:
            assert level >= actor.level or name == actor.name, "somebody of a higher rank was changed, or made"
            assert name == actor.name or own & 3, "somebody was changed without any permission"
        if was is not None and password != was[2] and name != actor.name:
            assert not was[1] & ~own, "a password that opens more than the actor has"
        if was is not None and level < was[0]:
            assert level >= actor.level, "somebody was lifted above the actor"
            assert name != actor.name, "somebody promoted themselves"
    for name, (level, _bits, _password) in before.users.items():
        if name not in after.users:
            assert level >= actor.level, "somebody of a higher rank was deleted"
            assert own & 1, "somebody was deleted without the permission to"
            assert name != actor.name, "somebody deleted themselves"
    for level in before.levels.keys() | after.levels.keys():
        if before.levels.get(level) != after.levels.get(level):
            assert own & 2, "a level was changed without the permission to"
            assert level >= actor.level, "a level of a higher rank was changed"
    assert any(bits == 63 and password for _, bits, password in after.users.values()), "nobody is left with ADMIN"
