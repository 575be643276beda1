"""`tapiary user`: users and levels from the server's own machine."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tapiary.config import Config
from tapiary.errors import Unauthenticated
from tapiary.services import Services

if TYPE_CHECKING:
    from tests.cli.conftest import Run

PASSWORD = b"correct horse\n"


@pytest.fixture
def services(tmp_path: Path) -> Services:
    """The services over the data folder of `tapiary`."""
    return Services(Config(data_dir=str(tmp_path / "data")))


def test_a_users_life(tapiary: Run, services: Services) -> None:
    assert "no users yet" in tapiary("user", "list").err
    made = tapiary("user", "levels", "--add", "10", "--name", "Watchers", "-p", "view_log", "-p", "JOB_MASTER")
    assert made.code == 0
    made = tapiary("user", "create", "Anna", "-l", "10", "-e", "a@b", "--password-stdin", stdin=PASSWORD)
    assert made.code == 0
    assert "made the user Anna at level 10" in made.err
    actor = services.accounts.logins.check_password("anna", "correct horse", address="")
    assert (actor.level, actor.permissions) == (10, 12)
    views = {view["name"]: view for view in tapiary("user", "list", "--json").objects()}
    assert (views["Anna"]["email"], views["Anna"]["level"], views["Anna"]["ldap"]) == ("a@b", 10, False)
    table = tapiary("user", "list").out.splitlines()
    assert table[1].split()[:4] == ["admin", "1", "-", "none"]
    assert table[2].split()[:4] == ["Anna", "10", "a@b", "own"]
    assert "level 1 and no e-mail address" in tapiary("user", "edit", "anna", "--level", "1", "--email", "").err
    assert tapiary("user", "password", "anna", "--password-stdin", stdin=b"another one\r\n").code == 0
    assert services.accounts.logins.check_password("anna", "another one", address="").level == 1
    with pytest.raises(Unauthenticated):
        services.accounts.logins.check_password("anna", "correct horse", address="")
    last = tapiary("user", "delete", "anna", "--yes")
    assert last.code == 1
    assert "last user with ADMIN" in last.err
    assert tapiary("user", "password", "admin", "--password-stdin", stdin=PASSWORD).code == 0
    assert "deleted the user Anna" in tapiary("user", "delete", "anna", "--yes").err
    assert tapiary("user", "delete", "anna", "--yes").code == 3


def test_the_audit_log_says_that_it_was_the_shell(tapiary: Run, services: Services) -> None:
    tapiary("user", "create", "anna", "-l", "1", "--password-stdin", stdin=PASSWORD)
    row = services.accounts.audit.list()[0]
    assert (row.action, row.object, row.means) == ("user.create", "anna", "local")
    assert row.user_name.startswith("local:")


def test_levels(tapiary: Run) -> None:
    assert tapiary("user", "levels", "--add", "5").code == 0
    assert tapiary("user", "levels", "--json").objects() == [
        {"level": 1, "name": "Admin", "permissions": 63}, {"level": 5, "name": "Level 5", "permissions": 0},
    ]
    assert "ADMIN" in tapiary("user", "levels").out
    assert tapiary("user", "levels", "--remove", "5").code == 0
    assert tapiary("user", "levels", "--remove", "5").code == 3
    assert tapiary("user", "levels", "--remove", "1").code == 1
    assert tapiary("user", "levels", "--name", "x").code == 2
    assert tapiary("user", "levels", "--add", "7", "-p", "fly").code == 2


@pytest.mark.parametrize(
    ("arguments", "stdin", "words"),
    [
        (["create", "anna", "-l", "1", "--password-stdin"], b"short\n", "password: must have 8"),
        (["create", "anna", "-l", "9", "--password-stdin"], PASSWORD, "there is no level 9"),
        (["create", "@me", "-l", "1", "--password-stdin"], PASSWORD, "@me is reserved"),
        (["create", "anna", "-l", "1"], PASSWORD, "nobody to ask for the password"),
        (["create", "anna", "--password-stdin"], PASSWORD, "--level"),
        (["edit", "admin"], b"", "nothing to change"),
        (["delete", "admin"], b"", "nobody to ask"),
    ],
)
def test_wrong_input(tapiary: Run, arguments: list[str], stdin: bytes, words: str) -> None:
    tapiary("user", "levels")  # makes the first user
    result = tapiary("user", *arguments, stdin=stdin)
    assert result.code == 2
    assert words in result.err


def test_no_option_takes_a_password(tapiary: Run) -> None:
    for command in ("create", "password"):
        assert tapiary("user", command, "x", "--password", "correct horse").code == 2


def test_a_person_is_asked_twice_and_shown_nothing(services: Services, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    environ = {**os.environ, "TAPIARY_DATA_DIR": str(tmp_path / "data")}
    process = subprocess.Popen(
        [sys.executable, "-m", "tapiary.cli", "user", "create", "anna", "--level", "1"],
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, env=environ,
        preexec_fn=lambda: _take_terminal(0),  # so that the prompt is there, not on the tests' terminal
    )
    os.close(theirs)
    shown = b""
    for prompt in (b"Password:", b"Once more:"):
        deadline = time.monotonic() + 60
        while not shown.rstrip().endswith(prompt) and time.monotonic() < deadline:
            shown += os.read(ours, 1000)
        os.write(ours, PASSWORD)
    assert process.wait(60) == 0
    assert b"correct horse" not in shown
    assert services.accounts.logins.check_password("anna", "correct horse", address="").level == 1
    os.close(ours)


def _take_terminal(stream: int) -> None:
    import fcntl
    import termios

    fcntl.ioctl(stream, termios.TIOCSCTTY, 0)
