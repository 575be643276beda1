"""`tapiary token`: made, listed, revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import Run


def test_a_tokens_life(tapiary: Run) -> None:
    made = tapiary("token", "create", "laptop", "--right", "read")
    assert made.code == 0
    token = made.out.strip()
    assert token.startswith("tap_1_")
    assert "not shown again" in made.err
    (view,) = tapiary("token", "list", "--json").objects()
    assert (view["id"], view["name"], view["rights"]) == (1, "laptop", ["read"])
    assert token.split("_")[2] not in tapiary("token", "list").out
    assert tapiary("token", "revoke", "laptop").code == 0
    assert tapiary("token", "list").out == ""
    assert "laptop" in tapiary("token", "list", "--all").out


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


def test_wrong_rights(tapiary: Run) -> None:
    assert tapiary("token", "create", "x", "--right", "fly").code == 2
    assert tapiary("token", "create", " ").code == 2
