"""`tapiary drone`: what it says without a hive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tapiary.cli import exit_codes

if TYPE_CHECKING:
    from tests.cli.conftest import Run

HIVE = ("--hive", "http://127.0.0.1:9")


@pytest.fixture
def token(tmp_path: Path) -> tuple[str, str]:
    path = tmp_path / "token"
    path.write_text("secret")
    return "--token-file", str(path)


def test_help_has_examples(tapiary: Run) -> None:
    done = tapiary("drone", "--help")
    assert done.code == exit_codes.OK
    assert "--token-file" in done.out
    assert "tapiary drone --check" in done.out


def test_the_unit_names_this_installation(tapiary: Run) -> None:
    text = tapiary("drone", "--systemd-unit").out
    assert "KillMode=process" in text
    assert "@" not in text.split("ExecStart=")[1].splitlines()[0]


def test_a_check_names_what_is_in_the_way(tapiary: Run, token: tuple[str, str], tmp_path: Path) -> None:
    done = tapiary("drone", *HIVE, *token, "--folder", str(tmp_path), "-i", "no-such-if", "--check")
    assert done.code == exit_codes.FAILED
    assert "does not answer" in done.out
    assert "try: start the hive" in done.out
    assert "secret" not in done.out


def test_without_a_hive_or_a_token_it_does_not_start(tapiary: Run, token: tuple[str, str]) -> None:
    assert "hive's address is missing" in tapiary("drone", *token).err
    assert "token is missing" in tapiary("drone", *HIVE).err


def test_nothing_to_stop(tapiary: Run, token: tuple[str, str], tmp_path: Path) -> None:
    done = tapiary("drone", *HIVE, *token, "--folder", str(tmp_path), "--stop-captures")
    assert done.out == "nothing records\n"
