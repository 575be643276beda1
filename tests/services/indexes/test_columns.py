"""The fast way and the one cell by cell give the same arrays and the same faults, from lists and from Arrow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapiary.errors import InvalidInput
from tapiary.services import BadCell, BadCells
from tapiary.services.indexes import columns
from tapiary.services.indexes.cells import LAST_MS
from tapiary.services.indexes.columns import column, from_arrow, stored_type
from tapiary.services.indexes.errors import Faults
from tapiary.services.indexes.kinds import KINDS
from tapiary.services.indexes.views import Field

LONG = st.integers(-2**63, 2**63 - 1)
#: Values that clients usually send, by type; now and then there is another one among them.
USUAL: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(), "boolean": st.booleans(), "byte": st.integers(-130, 130), "short": st.integers(-2**15, 2**15),
    "int": st.integers(-2**31, 2**31), "long": LONG, "float": st.floats(width=32) | st.floats() | LONG,
    "double": st.floats() | LONG, "ip": st.ip_addresses().map(str) | st.just(""), "ip4": st.ip_addresses(v=4).map(str),
    "ip6": st.ip_addresses(v=6).map(str), "subnet": st.sampled_from(["10.0.0.0/8", "::1/64", "10.0.0.0"]),
    "ifc": st.sampled_from(["1.2.3.4[5]", "::1[0]", "x[1]"]), "mac": st.sampled_from(["00:1b:21:3c:9d:f8", "0:1"]),
    "set": st.lists(st.text(max_size=3), max_size=3),
}
ODD = st.none() | st.sampled_from([True, 0, -0.0, 1.5, 2.0, 2**63, 10**400, "", "\ud800", float("nan"), [1], {}])
KIND = st.sampled_from(sorted(KINDS))


def one_by_one(field: Field, values: Sequence[Any]) -> tuple[pa.Array, Faults]:
    """What the slow way says."""
    faults = Faults([field.name])
    return columns._one_by_one(field, values, faults, 0), faults


def told(faults: Faults) -> tuple[int, list[BadCell]]:
    """What the faults say."""
    return faults.count, faults._cells


@settings(max_examples=300)
@given(st.data(), KIND, st.booleans())
def test_both_ways_agree(data: st.DataObject, kind: str, timestamp: bool) -> None:
    field = Field("timestamp", "long") if timestamp else Field("f", kind)
    usual = USUAL[field.kind]
    values = data.draw(st.lists(usual | st.none(), max_size=6) | st.lists(usual | ODD, max_size=4))
    faults = Faults([field.name])
    found = column(field, values, faults)
    expected, slow_faults = one_by_one(field, values)
    assert found.equals(expected), (found, expected)
    assert repr(found.to_pylist()) == repr(expected.to_pylist())  # -0.0 equals 0.0
    assert told(faults) == told(slow_faults)


ARROW = [
    pa.int8(), pa.uint8(), pa.int16(), pa.int32(), pa.int64(), pa.uint64(), pa.float32(), pa.float64(), pa.string(),
    pa.large_string(), pa.string_view(), pa.bool_(), pa.list_(pa.string()), pa.null(), pa.binary(),
]


@settings(max_examples=300)
@given(st.data(), KIND, st.sampled_from(ARROW), st.booleans())
def test_arrow_of_any_type_is_as_its_values(data: st.DataObject, kind: str, type: pa.DataType, coded: bool) -> None:
    values = data.draw(st.lists(st.one_of(*USUAL.values()) | st.none(), max_size=4))
    try:
        array = pa.array(values, type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeError):
        array = pa.array([None] * len(values), type)
    if coded and not pa.types.is_nested(type) and not pa.types.is_null(type) and type != pa.string_view():
        array = array.dictionary_encode()
    field, faults = Field("f", kind), Faults(["f"])
    found = from_arrow(field, array, faults)
    expected, slow_faults = one_by_one(field, array.to_pylist())
    assert found.type == stored_type(kind)
    assert found.equals(expected), (found, expected)
    assert told(faults) == told(slow_faults)


def test_times_of_arrow_become_milliseconds() -> None:
    field, faults = Field("timestamp", "long"), Faults([])
    types = {pa.timestamp("s"): 1, pa.timestamp("us", "UTC"): 10**6, pa.timestamp("ns", "CET"): 10**9}
    for type, factor in types.items():
        found = from_arrow(field, pa.array([1738677059 * factor], pa.int64()).cast(type), faults)
        assert found.to_pylist() == [1738677059000]
    assert not faults.count


def test_a_timestamp_is_never_null() -> None:
    field, faults = Field("timestamp", "long"), Faults(["timestamp"])
    column(field, [0, None, LAST_MS, LAST_MS + 1], faults)
    from_arrow(field, pa.array([None], pa.int64()), faults, first=4)
    assert [(cell.row, cell.value) for cell in faults._cells] == [(1, "null"), (3, str(LAST_MS + 1)), (4, "null")]


def test_the_first_bad_cells_by_row_and_how_many_there_are() -> None:
    fields = [Field("a", "int"), Field("b", "byte")]
    faults = Faults(["a", "b"])
    for field in fields:
        column(field, ["x"] * 100, faults)
    with pytest.raises(BadCells) as refused:
        faults.check()
    error = refused.value
    assert (error.count, len(error.cells), error.field, error.code) == (200, 20, "rows", "bad_cells")
    assert [(cell.row, cell.column) for cell in error.cells] == [(row, name) for row in range(10) for name in "ab"]
    assert str(error) == (
        'rows: nothing was taken because of 200 cells (rows count from 0): row 0, a: "x" is no number; '
        'row 0, b: "x" is no number; row 1, a: "x" is no number; and 197 more')
    assert isinstance(error, InvalidInput)


@pytest.mark.parametrize(("value", "shown"), [
    ("\ud800", '"\\ud800"'), ("x" * 10**6, '"' + "x" * 78 + "…"), (10**4000, "an integer of many digits"),
    ([[[1]]], "[[[1]]]"), (b"\0", "a value of type bytes"), (float("nan"), "NaN"),
])
def test_values_are_shown_whatever_they_are(value: Any, shown: str) -> None:
    faults = Faults(["f"])
    column(Field("f", "boolean"), [value], faults)
    assert faults._cells[0].value == shown


def test_an_error_survives_pickling() -> None:
    import pickle

    error = BadCells([BadCell(1, "a", "1", "is bad")], 5)
    again = pickle.loads(pickle.dumps(error))
    assert (again.cells, again.count, str(again), again.field) == (error.cells, 5, str(error), "rows")
