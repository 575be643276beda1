"""What an index may be called and be made of, and what of it may change."""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapiary.errors import InvalidInput
from tapiary.services.indexes.changes import check_changes
from tapiary.services.indexes.definition import Definition, definition, is_built_in
from tapiary.services.indexes.kinds import KINDS
from tapiary.services.queries.catalog import STREAMS

CONFIG: dict[str, Any] = {
    "name": "Custom_Test_Index", "active": True, "rotation": "daily", "storeRaw": True, "fields": [
        {"name": "timestamp", "type": "long", "sortable": True, "description": "Time", "displayName": "Time Field"},
        {"name": "test_ip4", "type": "ip4", "description": "Test ipv4 field", "displayName": "IP4 test"},
        {"name": "port", "type": "INT", "sortable": True},
    ],
}


def read(config: object, most_fields: int = 500) -> Definition:
    """The definition of a configuration."""
    return definition(config, most_fields=most_fields)


def changed(path: str, value: Any) -> dict[str, Any]:
    """The configuration with another value at `fields.1.type`; `...` removes what is there."""
    config = deepcopy(CONFIG)
    at: Any = config
    *way, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    for key in way:
        at = at[key]
    if value is ...:
        del at[last]
    elif last == "+":
        at.append(value)
    else:
        at[last] = value
    return config


def test_a_whole_one() -> None:
    found = read(CONFIG)
    assert (found.name, found.active, found.rotation, found.store_raw) == ("Custom_Test_Index", True, "daily", True)
    assert [(f.name, f.kind, f.sortable, f.display_name) for f in found.fields] == [
        ("timestamp", "long", True, "Time Field"), ("test_ip4", "ip4", False, "IP4 test"), ("port", "int", True, "")]
    assert (found.retention_days, found.retention_bytes) == (None, None)


def test_what_may_be_left_out() -> None:
    found = read({"name": "x", "fields": [{"name": "timestamp", "type": "LONG"}]})
    assert (found.active, found.rotation, found.store_raw) == (True, "daily", True)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_all_types_in_any_case_and_which_are_sortable(kind: str) -> None:
    for text in (kind, kind.upper(), kind.title()):
        assert read(changed("fields.1.type", text)).fields[1].kind == kind
    config = changed("fields.1.type", kind)
    config["fields"][1]["sortable"] = True
    if kind in ("byte", "short", "int", "long", "float", "double"):
        assert read(config).fields[1].sortable
    else:
        with pytest.raises(InvalidInput, match=r"fields\[1\].sortable: of test_ip4"):
            read(config)


@pytest.mark.parametrize(("path", "value", "field"), [
    ("name", ..., "name"), ("name", "", "name"), ("name", 5, "name"), ("name", "a\n", "name"),
    ("name", "netflow", "name"), ("name", "NetflowByIpAggr", "name"), ("name", "Alerts", "name"),
    ("active", "yes", "active"), ("active", 1, "active"), ("storeRaw", 0, "storeRaw"),
    ("rotation", "hourly", "rotation"), ("rotation", None, "rotation"), ("rotation", 1, "rotation"),
    ("fields", ..., "fields"), ("fields", [], "fields"), ("fields", {}, "fields"), ("fields.0", ..., "fields"),
    ("fields.0.type", "string", "fields[0].type"), ("fields.0.type", "int", "fields[0].type"),
    ("fields.0.name", "Timestamp", "fields"), ("fields.1.name", "Timestamp", "fields"),
    ("fields.1.name", "PORT", "fields"), ("fields.1.name", "port", "fields"),
    ("fields.1.name", "", "fields[1].name"), ("fields.1.name", "a b", "fields[1].name"),
    ("fields.1.name", "1a", "fields[1].name"), ("fields.1.name", "a\0", "fields[1].name"),
    ("fields.1.name", "x" * 129, "fields[1].name"), ("fields.1.name", ..., "fields[1].name"),
    ("fields.1.name", "_stream", "fields[1].name"), ("fields.1.name", "_part", "fields[1].name"),
    ("fields.1.name", "_count", "fields[1].name"), ("fields.1.name", "à", "fields[1].name"),
    ("fields.1.type", "ipv4", "fields[1].type"), ("fields.1.type", ..., "fields[1].type"),
    ("fields.1.type", ["ip"], "fields[1].type"),
    ("fields.1.description", 5, "fields[1].description"), ("fields.1.displayName", "x" * 5000, "fields[1].displayName"),
    ("fields.1.sortable", "no", "fields[1].sortable"), ("fields.1.sorted", True, "fields[1]"),
    ("fields.1", "port", "fields[1]"), ("retention", 5, "config"), ("retentionDays", -1, "retentionDays"),
    ("retentionDays", True, "retentionDays"), ("retentionBytes", 1.5, "retentionBytes"),
    ("retentionBytes", 10**400, "retentionBytes"),
])
def test_what_is_wrong_is_named(path: str, value: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(changed(path, value))
    assert refused.value.field == field
    assert refused.value.message.startswith(field)


@pytest.mark.parametrize("wrong", [None, [], "x", 5])
def test_no_object_at_all(wrong: object) -> None:
    with pytest.raises(InvalidInput):
        read(wrong)


def test_too_many_fields() -> None:
    assert read(CONFIG, most_fields=3)
    with pytest.raises(InvalidInput, match=r"at most 2 \(setting indexes.max_fields\)"):
        read(CONFIG, most_fields=2)


def test_no_built_in_stream_can_be_shadowed() -> None:
    assert [name for name in STREAMS if not is_built_in(name) or not is_built_in(name.upper())] == []
    assert not is_built_in("netflow2")
    assert not is_built_in("ZabbixStats")


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
                    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2))


PATHS = [
    "name", "active", "rotation", "storeRaw", "fields", "fields.0", "fields.1.name", "fields.1.type",
    "fields.2.sortable", "fields.1.description", "retentionDays", "fields.+",
]


@given(st.sampled_from(PATHS), JSON)
def test_anything_is_read_or_refused(path: str, value: Any) -> None:
    with suppress(InvalidInput):
        assert read(changed(path, value))


@pytest.mark.parametrize(("path", "value"), [
    ("fields.+", {"name": "more", "type": "string"}), ("fields.1.description", "other"), ("fields.1.displayName", ...),
    ("fields.2.type", "int"), ("active", False), ("retentionDays", 3), ("fields.1.sortable", False),
    ("fields", CONFIG["fields"][::-1]), ("rotation", "DAILY"),
])
def test_what_may_change(path: str, value: Any) -> None:
    check_changes(read(CONFIG), read(changed(path, value)))


@pytest.mark.parametrize(("path", "value", "named"), [
    ("name", "other", "name"), ("rotation", "weekly", "rotation"), ("storeRaw", False, "storeRaw"),
    ("fields.1", ..., "test_ip4 is missing"), ("fields.1.name", "renamed", "test_ip4 is missing"),
    ("fields.1.type", "ip", "test_ip4: its type"), ("fields.2.type", "long", "port: its type"),
    ("fields.2.sortable", False, "port: sortable"), ("fields.0.sortable", ..., "timestamp: sortable"),
])
def test_what_may_not_change_is_named(path: str, value: Any, named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        check_changes(read(CONFIG), read(changed(path, value)))
