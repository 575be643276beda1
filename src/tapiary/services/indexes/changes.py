"""What of an index may change once it is there.

Documented: fields may be added, and of those that are there, `description` and `displayName` may change. Beside that
an index can be switched on and off, and its retention changed: rows already kept stay readable all the same.
"""

from __future__ import annotations

from tapiary.errors import InvalidInput
from tapiary.services.indexes.definition import Definition


def check_changes(old: Definition, new: Definition) -> None:
    """Raise InvalidInput that names the first key or field that may not change so."""
    if new.name != old.name:
        raise _bad("name", f"of an index cannot be changed; it is {old.name!r}")
    if new.rotation != old.rotation:
        raise _bad("rotation", f"of an index cannot be changed; it is {old.rotation}")
    if new.store_raw != old.store_raw:
        raise _bad("storeRaw", f"of an index cannot be changed; it is {str(old.store_raw).lower()}")
    named = {field.name: field for field in new.fields}
    for field in old.fields:
        now = named.get(field.name)
        if now is None:
            raise _bad("fields", f"{field.name} is missing; fields can be neither removed nor renamed")
        if now.kind != field.kind:
            raise _bad("fields", f"{field.name}: its type cannot be changed; it is {field.kind}")
        if now.sortable != field.sortable:
            raise _bad("fields", f"{field.name}: sortable cannot be changed; it is {str(field.sortable).lower()}")


def _bad(field: str, reason: str) -> InvalidInput:
    return InvalidInput(f"{field}: {reason}", field=field)
