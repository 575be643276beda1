"""What an actor may do with a configured thing.

Its owner, whoever outranks the owner and who has JOB_MASTER may do everything (`Actor.may_access`, TCI's rule for
jobs). Everybody else may do what the thing's permissions name for one of these:

| sid | whom it stands for |
|---|---|
| `ROLE_USER` | everybody |
| `ROLE_ADMIN` | who has ADMIN |
| `LEVEL_<n>` | the users of authorization level n |
| a user's name | that user; a later user of the same name is another one |
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from tapiary.errors import Forbidden, InvalidInput, NotFound

if TYPE_CHECKING:
    from tapiary.accounts import Accounts, Actor

#: Look and query; change (and add); add rows; delete; start; give away; say who may what.
PERMISSIONS: Final = ("VIEW", "EDIT", "ADD", "DELETE", "EXECUTE", "MODIFY_OWNERSHIP", "GRANT_PERMISSIONS")
#: Names that an element's permissions may hold: more of them are a mistake.
MOST_SIDS: Final = 1000

_LEVEL = re.compile(r"LEVEL_([0-9]{1,10})")


def granted(actor: Actor, owner_id: int | None, owner_level: int | None, permissions: Sequence[Any]) -> frozenset[str]:
    """All that the actor may do; `owner_level` is None when the owner is gone, which only JOB_MASTER outranks."""
    if actor.may_access(owner_id, owner_level if owner_level is not None else 0):
        return frozenset(PERMISSIONS)
    names = {name for item in permissions if _is_meant(actor, item) for name in item["perms"]}
    return frozenset(names | {"ADD"} if "EDIT" in names else names)


def check(actor: Actor, owner_id: int | None, owner_level: int | None, permissions: Sequence[Any], need: str,
          what: str, field: str = "id") -> None:
    """Raise NotFound when the actor may not even know of the thing, and Forbidden when only `need` is lacking."""
    may = granted(actor, owner_id, owner_level, permissions)
    if not may:
        raise NotFound(f"{field}: there is no {what}", field=field)
    if need not in may:
        raise Forbidden(f"{field}: {what} is another user's, who has not given you the permission {need}", field=field)


def checked(accounts: Accounts, permissions: object) -> list[dict[str, Any]]:
    """Permissions as they are kept: with the number of each user that they name. Raises InvalidInput."""
    if not isinstance(permissions, list):
        raise _bad('must be a list, as [{"sid": "ROLE_USER", "perms": ["VIEW"]}]')
    if len(permissions) > MOST_SIDS:
        raise _bad(f"has more than {MOST_SIDS} entries; share with a level instead")
    kept = [_checked(accounts, item) for item in permissions]
    sids = [item["sid"] for item in kept]
    twice = next((sid for sid in sids if sids.count(sid) > 1), None) if len(set(sids)) < len(sids) else None
    if twice is not None:
        raise _bad(f"names {twice} twice")
    return kept


def shown(permissions: Sequence[Any]) -> tuple[dict[str, Any], ...]:
    """Permissions as they were given."""
    return tuple({"sid": item["sid"], "perms": list(item["perms"])} for item in permissions)


def _checked(accounts: Accounts, item: object) -> dict[str, Any]:
    if not isinstance(item, dict) or set(item) != {"sid", "perms"} or not isinstance(item["sid"], str):
        raise _bad("each entry must have sid, a text, and perms, a list, and nothing else")
    sid, names = item["sid"], item["perms"]
    if not isinstance(names, list) or not names:
        raise _bad(f"perms of {sid} must be a list of at least one of {', '.join(PERMISSIONS)}")
    unknown = next((name for name in names if name not in PERMISSIONS), None)
    if unknown is not None:
        raise _bad(f"perms of {sid}: there is no permission {unknown!r}; there are {', '.join(PERMISSIONS)}")
    if sid in ("ROLE_USER", "ROLE_ADMIN") or _LEVEL.fullmatch(sid):
        return {"sid": sid, "perms": names}
    try:
        if not sid.isprintable():  # NUL, or half of a surrogate pair: databases do not even take the question
            raise NotFound(sid)
        user = accounts.users.get(sid)
    except NotFound:
        raise _bad(f"sid: {sid!r} is no user's name, and neither ROLE_USER, ROLE_ADMIN nor LEVEL_<number>") from None
    return {"sid": sid, "perms": names, "user_id": user.id}


def _is_meant(actor: Actor, item: dict[str, Any]) -> bool:
    from tapiary.accounts import Permission

    if "user_id" in item:
        return actor.user_id is not None and item["user_id"] == actor.user_id
    if item["sid"] == "ROLE_USER":
        return True
    if item["sid"] == "ROLE_ADMIN":
        return actor.has(Permission.ADMIN)
    level = _LEVEL.fullmatch(item["sid"])
    return level is not None and actor.user_id is not None and int(level[1]) == actor.level


def _bad(reason: str) -> InvalidInput:
    return InvalidInput(f"permissions: {reason}", field="permissions")
