"""Indexes without raw rows: minutes that add up to what the rows would."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from tapiary.services import Services
from tapiary.services.indexes.columns import schema_of
from tapiary.services.indexes.definition import definition
from tapiary.services.indexes.totals import MINUTE_MS, stored_fields, totals
from tests.services.indexes.conftest import Make, inject, rows_of

FIELDS = [("timestamp", "long", True), ("host", "string", False), ("port", "int", False), ("tags", "set", False),
          ("bytes", "int", True), ("load", "double", True)]
KNOWN = definition(
    {"name": "I", "storeRaw": False, "fields": [{"name": n, "type": t, "sortable": s} for n, t, s in FIELDS]},
    most_fields=10)
ROW = st.tuples(
    st.integers(0, 3 * MINUTE_MS), st.none() | st.sampled_from("ab"), st.none() | st.sampled_from([1, 2]),
    st.none() | st.lists(st.sampled_from(['"', "]", "a,b"]), max_size=2, unique=True),
    st.none() | st.integers(-2**31, 2**31 - 1), st.none() | st.integers(-1000, 1000).map(float))


def minutes(rows: list[tuple[Any, ...]]) -> dict[Hashable, list[Any]]:
    """The obvious way: per minute, host, port and tags the sums of bytes and load, and the number of rows."""
    found: dict[Hashable, list[Any]] = {}
    for moment, host, port, tags, size, load in rows:
        key = moment // MINUTE_MS * MINUTE_MS, host, port, None if tags is None else tuple(tags)
        sums = found.setdefault(key, [None, None, 0])
        for place, value in enumerate((size, load)):
            if value is not None:
                sums[place] = value + (sums[place] or 0)
        sums[2] += 1
    return found


@given(st.lists(ROW, max_size=12))
def test_minutes_are_the_sums_of_their_rows(rows: list[tuple[Any, ...]]) -> None:
    schema = schema_of(KNOWN.fields)
    table = pa.table([pa.array([row[place] for row in rows], f.type) for place, f in enumerate(schema)], schema=schema)
    stored = stored_fields(KNOWN)
    found = totals(table, stored)
    assert found.schema == schema_of(stored)
    assert [(f.name, f.kind) for f in stored][-3:] == [("bytes", "long"), ("load", "double"), ("_count", "long")]
    listed = [tuple(row.values()) for row in found.to_pylist()]
    keys = [(moment, host, port, None if tags is None else tuple(tags)) for moment, host, port, tags, *_ in listed]
    assert max(Counter(keys).values(), default=1) == 1
    assert dict(zip(keys, (list(row[4:]) for row in listed), strict=True)) == minutes(rows)


def test_sums_that_fit_no_column_are_not_made(services: Services, make: Make) -> None:
    make(n=("long", True), d=("double", True), _storeRaw=False)
    most = 2**63 - 1
    inject(services, "timestamp n d", (1, most, 1e308), (2, most, 1e308), (MINUTE_MS, 1, None))
    assert rows_of(services) == [(0, most, 1e308, 1), (0, most, 1e308, 1), (MINUTE_MS, 1, None, 1)]


def test_only_minutes_are_kept(services: Services, make: Make) -> None:
    make(host="string", load=("byte", True), port="int", _storeRaw=False)
    rows = [(MINUTE_MS + n, "a", 100, 80) for n in range(3)]
    assert inject(services, "timestamp host load port", *rows) == 3
    assert rows_of(services) == [(MINUTE_MS, "a", 300, 80, 3)]
    inject(services, "timestamp host load port", *rows)
    assert rows_of(services) == [(MINUTE_MS, "a", 300, 80, 3)] * 2
