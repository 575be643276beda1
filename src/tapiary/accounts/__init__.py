"""Who may do what: users, levels, tokens, logins, the audit log, and the question "may this actor do that?".

The room's door is `Accounts`; `Actor` and `Right` need no database and are loaded without one.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tapiary.accounts.actor import (
        ADMINISTER,
        ANYONE,
        LOCAL,
        NONE,
        READ,
        SCOPES,
        WRITE,
        Actor,
        Permission,
        Right,
        Scope,
    )
    from tapiary.accounts.cache import MomentCache
    from tapiary.accounts.room import Accounts
    from tapiary.accounts.views import AuditView, LevelView, LoginView, TokenView, UserView

__all__ = [
    "ADMINISTER", "ANYONE", "LOCAL", "NONE", "READ", "SCOPES", "WRITE", "Accounts", "Actor", "AuditView", "LevelView",
    "LoginView", "MomentCache", "Permission", "Right", "Scope", "TokenView", "UserView",
]

_HOMES = {"Accounts": "room", "MomentCache": "cache"}
_HOMES |= {name: "views" for name in __all__ if name.endswith("View")}
_HOMES |= {name: "actor" for name in __all__ if name not in _HOMES}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
