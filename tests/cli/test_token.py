"""`tapiary token`: made, listed, revoked."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Run


def test_a_tokens_life(tapiary: Run) -> None:
    made = tapiary("token", "create", "laptop", "--scope", "read")
    assert made.code == 0
    token = made.out.strip()
    assert token.startswith("tap_1_")
    assert "of admin may read;" in made.err
    assert "not shown again" in made.err
    (view,) = tapiary("token", "list", "--json").objects()
    assert (view["id"], view["name"], view["owner"], view["scopes"], view["expires_at"]) == (
        1, "laptop", "admin", ["read"], None)
    assert view["rights"] == view["scopes"]
    assert token.split("_")[2] not in tapiary("token", "list").out
    assert tapiary("token", "revoke", "laptop").code == 0
    assert tapiary("token", "list").out == ""
    assert "laptop" in tapiary("token", "list", "--all").out


def test_scopes(tapiary: Run) -> None:
    for options, scopes in (
        ([], ["read", "write"]),
        (["--scope", "admin", "--scope", "read"], ["read", "admin"]),
        (["--right", "read"], ["read"]),  # its name before there were users
    ):
        assert tapiary("token", "create", "x", *options).code == 0
        assert tapiary("token", "list", "--json").objects()[-1]["scopes"] == scopes
    assert "--right" not in tapiary("token", "create", "--help").out


def test_a_token_belongs_to_a_user(tapiary: Run) -> None:
    assert tapiary("user", "create", "anna", "--level", "1", "--password-stdin", stdin=b"correct horse").code == 0
    assert tapiary("token", "create", "mine", "--user", "ANNA").code == 0
    assert tapiary("token", "create", "yours").code == 0
    assert tapiary("token", "create", "x", "--user", "nobody").code == 3
    assert [view["owner"] for view in tapiary("token", "list", "--json").objects()] == ["anna", "admin"]
    assert [view["name"] for view in tapiary("token", "list", "--user", "anna", "--json").objects()] == ["mine"]


@pytest.mark.parametrize(("text", "seconds"), [("90m", 5400), ("12h", 43_200), ("30d", 2_592_000), ("2w", 1_209_600)])
def test_a_token_expires(tapiary: Run, text: str, seconds: int) -> None:
    before = time.time()
    assert tapiary("token", "create", "x", "--expires", text).code == 0
    (view,) = tapiary("token", "list", "--json").objects()
    assert before + seconds <= view["expires_at"] <= time.time() + seconds


@pytest.mark.parametrize("text", ["", "30", "d", "0d", "-1d", "1y", "1.5h"])
def test_no_length_of_time(tapiary: Run, text: str) -> None:
    result = tapiary("token", "create", "x", "--expires", text)
    assert result.code == 2
    assert "as 30d" in result.err


def test_a_token_is_named_by_number_name_or_text(tapiary: Run) -> None:
    tokens = [tapiary("token", "create", name).out.strip() for name in ("a", "b", "b")]
    assert tapiary("token", "revoke", "1").code == 0
    several = tapiary("token", "revoke", "b")
    assert several.code == 2
    assert "[2, 3]" in several.err
    assert tapiary("token", "revoke", tokens[2]).code == 0
    assert tapiary("token", "revoke", "b").code == 0
    assert tapiary("token", "revoke", "b").code == 3
    assert tapiary("token", "revoke", "99").code == 3


def test_wrong_input(tapiary: Run) -> None:
    assert tapiary("token", "create", "x", "--scope", "fly").code == 2
    assert tapiary("token", "create", " ").code == 2
