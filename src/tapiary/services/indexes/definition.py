"""What a client says of an index: its configuration, checked.

| key | meaning |
|---|---|
| `name` | the stream's name in queries, and `indexName` of injections |
| `active` | false: injections are refused, and queries do not find the stream; its rows stay |
| `rotation` | `daily`, `weekly` or `monthly`: the stretch of time of a partition |
| `storeRaw` | false: rows are kept as one-minute aggregates only (`totals`) |
| `retentionDays`, `retentionBytes` | ours: when rows go, 0 for never; without them, as the settings say |
| `fields` | `name`, `type`, `sortable`, `description`, `displayName` of each |
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from tapiary.errors import InvalidInput
from tapiary.services.elements.elements import checked_name
from tapiary.services.indexes.kinds import KINDS
from tapiary.services.indexes.views import Field

Rotation = Literal["daily", "weekly", "monthly"]
ROTATIONS: Final[dict[str, Rotation]] = {"daily": "daily", "weekly": "weekly", "monthly": "monthly"}
#: Longest name and longest description of a field, in characters.
FIELD_LENGTH, DESCRIPTION_LENGTH = 128, 4096
TIMESTAMP: Final = "timestamp"
#: In an index without raw rows: how many rows of one minute are in this one.
COUNT: Final = Field("_count", "long", True, "Rows of this minute that are one here", "Rows")

#: Streams that are there anyway, in lower case: whoever reads a query must know which is meant.
BUILT_IN: Final = frozenset({
    "netflow", "netflowraw", "alerts", "auditmessages", "assetdevices", "assetnetflowaggr", "metrics", "notifications",
    "metricsmaster", "notificationsmaster", "tenantstatushistory", "testdata", "files", "jobs",
})
_AGGREGATE = re.compile(r"(netflow|nbox)\w*aggr", re.IGNORECASE | re.ASCII)

_KEYS = ("name", "active", "rotation", "storeRaw", "fields", "retentionDays", "retentionBytes")
_FIELD_KEYS = ("name", "type", "sortable", "description", "displayName")
_FIELD_NAME = re.compile(r"[A-Za-z_][\w.]*", re.ASCII)
#: What queries add to raw rows, what tables have of their own, and what aggregated indexes have.
_TAKEN = frozenset({"_stream", "_part", COUNT.name})


@dataclass(frozen=True, slots=True)
class Definition:
    """An index as it is to be."""

    name: str
    active: bool
    rotation: Rotation
    store_raw: bool
    fields: tuple[Field, ...]
    retention_days: int | None
    retention_bytes: int | None



def is_built_in(name: str) -> bool:
    """Whether a stream of that name is there without anybody having made it."""
    return name.lower() in BUILT_IN or _AGGREGATE.fullmatch(name) is not None


def definition(config: object, *, most_fields: int) -> Definition:
    """The index that a configuration describes. Raises InvalidInput that names the key."""
    if not isinstance(config, Mapping):
        raise _bad("config", "must be an object with name and fields")
    _check_keys(config, _KEYS, "config")
    name = checked_name(config.get("name"))
    if is_built_in(name):
        raise _bad("name", f"{name} is a built-in stream; choose another one")
    rotation = config.get("rotation", "daily")
    if not isinstance(rotation, str) or rotation.lower() not in ROTATIONS:
        raise _bad("rotation", f"must be one of {', '.join(ROTATIONS)}")
    given = config.get("fields")
    if not isinstance(given, list) or not given:
        raise _bad("fields", f"must be a list of fields; {TIMESTAMP}, of type long, is always among them")
    if len(given) > most_fields:
        raise _bad("fields", f"may be at most {most_fields} (setting indexes.max_fields)")
    fields = tuple(_field(item, place) for place, item in enumerate(given))
    _check_names(fields)
    return Definition(
        name, _switch(config, "active", True), ROTATIONS[rotation.lower()], _switch(config, "storeRaw", True), fields,
        _limit(config, "retentionDays"), _limit(config, "retentionBytes"),
    )


def _field(item: object, place: int) -> Field:
    where = f"fields[{place}]"
    if not isinstance(item, Mapping):
        raise _bad(where, "must be an object with name and type")
    _check_keys(item, _FIELD_KEYS, where)
    name, kind = item.get("name"), item.get("type")
    if not isinstance(name, str) or not _FIELD_NAME.fullmatch(name) or len(name) > FIELD_LENGTH:
        raise _bad(f"{where}.name", f"must be a letter or _ and then letters, digits, _ and ., {FIELD_LENGTH} at most")
    if name.lower() in _TAKEN:
        raise _bad(f"{where}.name", f"{name} is reserved")
    if not isinstance(kind, str) or kind.lower() not in KINDS:
        raise _bad(f"{where}.type", f"of {name} must be one of {', '.join(KINDS)}")
    kind = kind.lower()
    if name == TIMESTAMP and kind != "long":
        raise _bad(f"{where}.type", f"of {TIMESTAMP} must be long: it holds milliseconds")
    sortable = _switch(item, "sortable", False, f"{where}.")
    if sortable and not KINDS[kind].numeric:
        numeric = ", ".join(known.name for known in KINDS.values() if known.numeric)
        raise _bad(f"{where}.sortable", f"of {name} can be true only for {numeric}")
    return Field(name, kind, sortable, _words(item, "description", where), _words(item, "displayName", where))


def _check_names(fields: tuple[Field, ...]) -> None:
    seen: set[str] = set()
    for field in fields:
        if field.name.lower() in seen:  # tables know no two columns whose names differ in case alone
            raise _bad("fields", f"{field.name} is there twice; case makes no difference")
        seen.add(field.name.lower())
    if TIMESTAMP not in {field.name for field in fields}:
        raise _bad("fields", f"{TIMESTAMP}, of type long, is mandatory: the row's time in milliseconds")


def _check_keys(given: Mapping[Any, Any], known: tuple[str, ...], where: str) -> None:
    unknown = next((key for key in given if key not in known), None)
    if unknown is not None:
        raise _bad(where, f"has no key {str(unknown)[:FIELD_LENGTH]!r}; there are {', '.join(known)}")


def _switch(given: Mapping[Any, Any], key: str, default: bool, where: str = "") -> bool:
    value = given.get(key, default)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise _bad(where + key, "must be true or false")
    return value


def _limit(given: Mapping[Any, Any], key: str) -> int | None:
    value = given.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 53):
        raise _bad(key, "must be a whole number from 0, which stands for no limit")
    return value


def _words(given: Mapping[Any, Any], key: str, where: str) -> str:
    value = given.get(key)
    if value is not None and (not isinstance(value, str) or len(value) > DESCRIPTION_LENGTH):
        raise _bad(f"{where}.{key}", f"must be a text of at most {DESCRIPTION_LENGTH} characters")
    return value or ""


def _bad(field: str, reason: str) -> InvalidInput:
    return InvalidInput(f"{field}: {reason}", field=field)
