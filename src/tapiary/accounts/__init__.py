"""Who may do what: application tokens, their rights, and the question "may this actor do that?"."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tapiary.accounts.actor import ANYONE, RIGHTS, Actor, Right
    from tapiary.accounts.tokens import Accounts, TokenView

__all__ = ["ANYONE", "RIGHTS", "Accounts", "Actor", "Right", "TokenView"]

_HOMES = {
    "ANYONE": "actor",
    "RIGHTS": "actor",
    "Actor": "actor",
    "Right": "actor",
    "Accounts": "tokens",
    "TokenView": "tokens",
}


def __getattr__(name: str) -> Any:
    # tokens needs the database, actor does not: each is loaded when it is asked for.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
