"""Where TCI tells an error of ours by another status than the rest of the house."""

from __future__ import annotations

from tapiary.errors import Conflict, NotFound, TapiaryError

#: TCI knows no 409: what is there already, or in use, is a bad request.
EVERYWHERE: dict[type[TapiaryError], int] = {Conflict: 400}
#: Routes that tell what is not there as a bad request: in TCI only GET knows 404, with few exceptions.
MISSING_IS_400 = frozenset({
    "user_create", "user_edit", "user_delete", "level_edit", "level_delete", "log_file",
    "script_get", "script_file", "script_delete", "destination_edit", "destination_delete",
})


def status_of(route: str, error: TapiaryError) -> int:
    """The status of an error in the answer of a route."""
    if isinstance(error, NotFound) and route in MISSING_IS_400:
        return 400
    return next((status for kind, status in EVERYWHERE.items() if isinstance(error, kind)), error.status)
