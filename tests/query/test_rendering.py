"""Values as users read them, one by one and by the batch."""

from __future__ import annotations

import json
import math
from typing import Any

import pyarrow as pa
import pytest

from tapiary.query.constants import address, mac, network
from tapiary.query.rendering import readable, readable_batch
from tapiary.query.types import BOOLEAN, DOUBLE, IFC, IP, LONG, MAC, MAP, NULL, STRING, SUBNET, Type, list_of

ADDRESSES = ["10.1.2.3", None, "2001:db8::1", "255.255.255.255", "::"]
STORED = [None if text is None else address(text) for text in ADDRESSES]
NETS = ["10.0.0.0/8", None, "2001:db8::/32", "::/0", "0.0.0.0/0"]
COLUMNS: list[tuple[str, Type, pa.Array, list[Any]]] = [
    ("ip", IP, pa.array(STORED, pa.binary()), ADDRESSES),
    ("ip4", IP, pa.array([STORED[0], None, STORED[3], None, STORED[0]], pa.binary()),
     ["10.1.2.3", None, "255.255.255.255", None, "10.1.2.3"]),
    ("net", SUBNET, pa.array([network(net) if net else None for net in NETS]),
     NETS),
    ("mac", MAC, pa.array([mac("00:1b:21:3c:9d:f8"), None, 0, 1, 2**48 - 1]),
     ["00:1b:21:3c:9d:f8", None, "00:00:00:00:00:00", "00:00:00:00:00:01", "ff:ff:ff:ff:ff:ff"]),
    ("list", list_of(IP), pa.array([STORED[:2], [], None, STORED[2:], [STORED[0]]], pa.list_(pa.binary())),
     [ADDRESSES[:2], [], None, ADDRESSES[2:], ["10.1.2.3"]]),
    ("LIST", list_of(MAC), pa.array([[1], [None], None, [], [2]], pa.list_(pa.int64())),
     [["00:00:00:00:00:01"], [None], None, [], ["00:00:00:00:00:02"]]),
    ("text", STRING, pa.array(["a", None, "", "b", "c"]), ["a", None, "", "b", "c"]),
    ("ifc", IFC, pa.array(["10.1.1.1[7]"] * 5), ["10.1.1.1[7]"] * 5),
    ("long", LONG, pa.array([1, None, 3, 4, 5], pa.int16()), [1, None, 3, 4, 5]),
    ("double", DOUBLE, pa.array([1.5, None, 0.0, 2.0, -1.0]), [1.5, None, 0.0, 2.0, -1.0]),
    ("flag", BOOLEAN, pa.array([True, None, False, True, True]), [True, None, False, True, True]),
    ("none", NULL, pa.array([None] * 5, pa.int32()), [None] * 5),
    ("map", MAP, pa.array([[("a", "1")], None, [], [("b", None)], []], pa.map_(pa.string(), pa.string())),
     [{"a": "1"}, None, {}, {"b": None}, {}]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kind", "array", "wanted"), COLUMNS, ids=[name for name, *_ in COLUMNS])
def test_values(name: str, kind: Type, array: pa.Array, wanted: list[Any]) -> None:
    found = [readable(value, kind) for value in array.to_pylist()]
    assert found == wanted
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("start", [0, 1, 3])
def test_batches(start: int) -> None:
    batch = pa.RecordBatch.from_arrays([array for *_, array, _ in COLUMNS], names=[name for name, *_ in COLUMNS])
    found = readable_batch(batch.slice(start), [(name, kind) for name, kind, *_ in COLUMNS])
    assert found.schema.names == [name for name, *_ in COLUMNS]
    for place, (_, kind, _, wanted) in enumerate(COLUMNS):
        values = [dict(each) if kind == MAP and each is not None else each for each in found.column(place).to_pylist()]
        assert values == wanted[start:]


def test_an_empty_batch() -> None:
    batch = pa.RecordBatch.from_arrays([array.slice(0, 0) for *_, array, _ in COLUMNS], names=[n for n, *_ in COLUMNS])
    found = readable_batch(batch, [(name, kind) for name, kind, *_ in COLUMNS])
    assert found.num_rows == 0
    assert found.schema.field("ip").type == found.schema.field("net").type == pa.string()


def test_numbers_without_a_word_in_json() -> None:
    assert [readable(value, DOUBLE) for value in (math.inf, -math.inf, math.nan)] == [None] * 3
    assert readable([math.nan, 1.0], list_of(DOUBLE)) == [None, 1.0]


def test_columns_must_be_those_of_the_batch() -> None:
    with pytest.raises(ValueError, match="1 columns"):
        readable_batch(pa.RecordBatch.from_arrays([pa.array([1])], names=["a"]), [])
