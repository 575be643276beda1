"""Indexes: made, changed, found by who may, filled all or nothing, emptied by age and size, deleted."""

from __future__ import annotations

import time
from typing import Any

import pytest
from msgspec.structs import replace

from tapiary.accounts import ANYONE, LOCAL
from tapiary.accounts.cache import CACHE_S
from tapiary.errors import Conflict, Forbidden, InvalidInput, NotFound
from tapiary.query import LONG, STRING, list_of
from tapiary.services import BadCells, Services
from tests.services.indexes.conftest import MOMENT, Make, inject, rows_of
from tests.services.people import ADA, BOB, CLEO

DAY_MS = 86_400_000


def test_rows_in_rows_out(services: Services, make: Make) -> None:
    element = make(s="string", n="long")
    view = services.indexes.find(BOB, "I")
    assert (view.element, [(f.name, f.type) for f in view.fields]) == (
        element, [("timestamp", LONG), ("s", STRING), ("n", LONG)])
    assert rows_of(services) == []
    assert inject(services, "n timestamp", (2**63 - 1, MOMENT), (None, MOMENT + 1)) == 2
    assert rows_of(services) == [(MOMENT, None, 2**63 - 1), (MOMENT + 1, None, None)]


def test_types_in_queries(services: Services, make: Make) -> None:
    make(tags="set", b="byte")
    assert [f.type for f in services.indexes.find(BOB, "I").fields] == [LONG, list_of(STRING), LONG]


def test_one_bad_cell_keeps_all_rows_out(services: Services, make: Make) -> None:
    make(port="int")
    with pytest.raises(BadCells) as refused:
        inject(services, "timestamp port", (MOMENT, 1), (MOMENT, 2**31), (None, 1))
    assert [(cell.row, cell.column) for cell in refused.value.cells] == [(1, "port"), (2, "timestamp")]
    assert rows_of(services) == []


@pytest.mark.parametrize(("columns", "rows", "field", "said"), [
    (["timestamp", "nothing", "x"], [], "columns", "no field 'nothing', 'x'; it has timestamp, port"),
    (["port"], [[1]], "columns", "timestamp is missing"), ([], [[]], "columns", "timestamp is missing"),
    (["timestamp", "port", "port"], [], "columns", "twice"), ("timestamp", [[1]], "columns", "list of names"),
    (["timestamp", 5], [], "columns", "list of names"), (["Timestamp"], [[1]], "columns", "no field 'Timestamp'"),
    (["timestamp"], None, "rows", "list of rows"), (["timestamp"], "x", "rows", "list of rows"),
    (["timestamp"], [[1], [1, 2]], "rows", r"row 1: \[1, 2\] has 2 values for 1 columns"),
    (["timestamp"], [{"timestamp": 1}], "rows", "is no list of values"), (["timestamp"], [None], "rows", "is no list"),
    (["timestamp"], ["1"], "rows", "is no list of values"),
])
def test_what_is_no_table(services: Services, make: Make, columns: Any, rows: Any, field: str, said: str) -> None:
    make(port="int")
    with pytest.raises(InvalidInput, match=said) as refused:
        services.indexes.inject(BOB, "I", columns, rows)
    assert refused.value.field == field
    assert rows_of(services) == []


def test_no_rows_are_fine(services: Services, make: Make) -> None:
    make()
    assert inject(services, "timestamp") == 0


@pytest.mark.parametrize("name", ["netflow", "NETFLOW", "netflowByIpAggr", "alerts"])
def test_built_in_streams_take_nothing(services: Services, name: str) -> None:
    with pytest.raises(Forbidden, match="only be injected into custom indexes") as refused:
        inject(services, "timestamp", (1,), name=name)
    assert (refused.value.field, refused.value.code) == ("indexName", "built_in")


@pytest.mark.parametrize("name", ["nothing", "", "\ud800", "a\0"])
def test_indexes_that_are_not_there(services: Services, name: str) -> None:
    with pytest.raises(NotFound) as refused:
        inject(services, "timestamp", (1,), name=name)
    assert refused.value.field == "indexName"
    with pytest.raises(NotFound):
        services.indexes.find(BOB, name)


def test_who_may_what(services: Services, make: Make) -> None:
    element = make()
    with pytest.raises(NotFound):
        services.indexes.inject(CLEO, "I", ["timestamp"], [[1]])
    services.elements.set_permissions(BOB, element.id, [{"sid": "ROLE_USER", "perms": ["VIEW"]}])
    assert services.indexes.find(ANYONE, "I").element.id == element.id
    for call in (
        lambda: services.indexes.inject(CLEO, "I", ["timestamp"], [[1]]),
        lambda: services.indexes.modify(CLEO, element.id, element.config),
        lambda: services.indexes.delete(CLEO, element.id),
    ):
        with pytest.raises(Forbidden):
            call()
    services.elements.set_permissions(BOB, element.id, [{"sid": "cleo", "perms": ["ADD", "VIEW"]}])
    assert services.indexes.inject(CLEO, "I", ["timestamp"], [[1]]).rows == 1
    assert services.indexes.inject(ADA, "I", ["timestamp"], [[1]]).rows == 1
    assert [view.element.id for view in services.indexes.list(CLEO)] == [element.id]
    assert services.indexes.list(ANYONE) == []


def test_a_request_that_comes_again_adds_nothing(services: Services, make: Make) -> None:
    element = make()
    first = services.indexes.inject(BOB, "I", ["timestamp"], [[1]], request="k")
    assert services.indexes.inject(BOB, "I", ["timestamp"], [[1]], request="k") == first
    assert rows_of(services) == [(1,)]
    # Another user's key is another key.
    services.elements.set_permissions(BOB, element.id, [{"sid": "cleo", "perms": ["ADD"]}])
    services.indexes.inject(CLEO, "I", ["timestamp"], [[2]], request="k")
    assert rows_of(services) == [(1,), (2,)]


@pytest.mark.parametrize("key", ["", "x" * 129, "a\n", "\ud800"])
def test_keys_that_are_none(services: Services, make: Make, key: str) -> None:
    make()
    with pytest.raises(InvalidInput) as refused:
        inject(services, "timestamp", (1,), request=key)
    assert refused.value.field == "request"
    assert rows_of(services) == []


def test_an_index_that_is_off(services: Services, make: Make) -> None:
    element = make()
    inject(services, "timestamp", (1,))
    services.indexes.modify(BOB, element.id, {**element.config, "active": False})
    with pytest.raises(Conflict, match="switched off"):
        inject(services, "timestamp", (2,))
    with pytest.raises(NotFound, match="switched off"):
        services.indexes.find(BOB, "I")
    assert services.indexes.list(BOB) == []
    assert services.elements.list(BOB)[0] == 1
    services.indexes.modify(BOB, element.id, {**element.config, "active": True})
    assert rows_of(services) == [(1,)]


def test_fields_are_added_and_old_rows_have_none(services: Services, make: Make) -> None:
    element = make(a="string")
    inject(services, "timestamp a", (1, "x"))
    more = {**element.config, "fields": [*element.config["fields"], {"name": "b", "type": "DOUBLE"}]}
    assert services.indexes.modify(BOB, element.id, more).config == more
    inject(services, "timestamp b", (2, 1))
    assert rows_of(services) == [(1, "x", None), (2, None, 1.0)]
    with pytest.raises(InvalidInput, match="b is missing"):
        services.indexes.modify(BOB, element.id, element.config)
    assert services.elements.get(BOB, element.id).config == more


def test_another_process_sees_the_change_in_a_moment(
    services: Services, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    element = make(a="string")
    inject(services, "timestamp a", (1, "x"))
    other = Services(services.config)
    other.indexes.find(BOB, "I")
    more = {**element.config, "fields": [*element.config["fields"], {"name": "b", "type": "int"}]}
    services.indexes.modify(BOB, element.id, more)
    later = time.monotonic() + CACHE_S
    monkeypatch.setattr("tapiary.accounts.cache.time.monotonic", lambda: later)
    assert inject(other, "timestamp b", (2, 5)) == 1
    other.close()
    assert rows_of(services) == [(1, "x", None), (2, None, 5)]


def test_a_deleted_index_leaves_nothing(services: Services, make: Make) -> None:
    element = make()
    inject(services, "timestamp", (1,))
    folder = services.indexes.find(BOB, "I").table.log.folder
    assert folder.is_dir()
    services.indexes.delete(BOB, element.id)
    assert not folder.exists()
    with pytest.raises(NotFound):
        services.indexes.find(BOB, "I")
    make()
    assert rows_of(services) == []


def test_generic_deletion_drops_the_rows_as_well(services: Services, make: Make) -> None:
    element = make()
    inject(services, "timestamp", (1,))
    services.elements.delete(BOB, element.id)
    assert services.store.index_keys() == []


def test_what_a_crash_left_of_a_deleted_index_is_swept(services: Services, make: Make) -> None:
    make()
    inject(services, "timestamp", (1,))
    kept, gone = services.indexes.find(BOB, "I"), make("J")
    inject(services, "timestamp", (1,), name="J")
    with services.database.session() as session:  # as if the process had died after this
        from tapiary.database import Element

        session.delete(session.get(Element, gone.id))
    services.indexes.sweep()
    assert services.store.index_keys() == [kept.element.id]
    assert rows_of(services) == [(1,)]


def test_rows_go_by_age(services: Services, make: Make) -> None:
    now = int(time.time() * 1000)
    make(_retentionDays=2)
    make("J")
    for name in "IJ":
        inject(services, "timestamp", (now - 3 * DAY_MS,), (now - DAY_MS,), (now,), name=name)
    services.indexes.retain()
    assert rows_of(services) == [(now - DAY_MS,), (now,)]
    assert len(rows_of(services, "J")) == 3


def test_rows_go_by_size(services: Services, make: Make) -> None:
    make(_retentionBytes=2000)
    for day in range(5):
        inject(services, "timestamp", (day * DAY_MS,))
    services.indexes.retain()
    assert services.indexes.find(BOB, "I").table.size()["bytes"] <= 2000
    assert rows_of(services)[-1] == (4 * DAY_MS,)


def test_the_settings_hold_where_an_index_says_nothing(services: Services) -> None:
    config = services.config
    services = Services(replace(config, indexes=replace(config.indexes, retention_days=2)))
    now = int(time.time() * 1000)
    fields = [{"name": "timestamp", "type": "long"}]
    services.indexes.create(BOB, {"name": "I", "fields": fields})
    services.indexes.create(BOB, {"name": "J", "fields": fields, "retentionDays": 0})
    for name in "IJ":
        inject(services, "timestamp", (now - 3 * DAY_MS,), (now,), name=name)
    services.indexes.retain()
    assert (len(rows_of(services, "I")), len(rows_of(services, "J"))) == (1, 2)
    services.close()


def test_the_log_tells_of_changes_and_sums_of_injections(services: Services, make: Make) -> None:
    element = make()
    for moment in range(3):
        inject(services, "timestamp", (moment,), (moment,))
    services.indexes.modify(BOB, element.id, element.config)
    services.indexes.close()
    services.indexes.delete(BOB, element.id)
    found = [(row.action, row.user_name, row.object, row.details) for row in services.accounts.audit.list()]
    assert found == [
        ("index.delete", "bob", element.id, {"name": "I"}),
        ("index.inject", "bob", element.id, {"requests": 3, "rows": 6}),
        ("index.modify", "bob", element.id, {"name": "I"}),
        ("index.create", "bob", element.id, {"name": "I"}),
    ]


def test_the_shell_may_everything(services: Services, make: Make) -> None:
    make()
    assert services.indexes.inject(LOCAL, "I", ["timestamp"], [[5]]).rows == 1
    assert rows_of(services) == [(5,)]
