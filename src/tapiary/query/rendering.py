"""Values as users read them: addresses and networks as texts, numbers that JSON has no word for as null."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tapiary.query import constants
from tapiary.query.types import DOUBLE, IP, MAC, MAP, SUBNET, Type
from tapiary.schema import mac_text

if TYPE_CHECKING:
    import pyarrow as pa

_TEXTS = (IP, SUBNET, MAC)


def readable(value: Any, kind: Type) -> Any:
    """A value of a result, as Arrow or DuckDB give it to Python, as JSON has it."""
    if value is None:
        return None
    if kind.item is not None:
        return [readable(item, kind.item) for item in value]
    if kind == IP:
        return constants.address_text(value)
    if kind == SUBNET:
        return constants.network_text(value)
    if kind == MAC:
        return mac_text(value)
    if kind == MAP:
        return dict(value)
    if kind == DOUBLE:
        return float(value) if math.isfinite(value) else None
    return value


def readable_batch(batch: pa.RecordBatch, columns: Sequence[tuple[str, Type]]) -> pa.RecordBatch:
    """A batch whose addresses, networks and link-layer addresses are texts, in lists too.

    `columns` are the plan's, in the batch's order; the result has their names. Raises ValueError when it is another
    number of columns.
    """
    import pyarrow as pa

    if batch.num_columns != len(columns):
        raise ValueError(f"{batch.num_columns} columns, and types of {len(columns)}")
    arrays = [_readable(array, kind) for array, (_, kind) in zip(batch.columns, columns, strict=True)]
    fields = [pa.field(name, array.type) for array, (name, _) in zip(arrays, columns, strict=True)]
    if not arrays:
        return batch
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def _readable(array: pa.Array, kind: Type) -> pa.Array:
    import pyarrow as pa

    from tapiary.query.engine import ip_texts, mac_texts, subnet_texts

    if kind.item is not None and _holds_texts(kind.item) and pa.types.is_list(array.type):
        items = _readable(array.values, kind.item)
        if not array.null_count:
            return pa.ListArray.from_arrays(array.offsets, items)
        # Arrow takes a mask with offsets from their first on alone, which those of a slice are not.
        return pa.ListArray.from_arrays(pa.array(array.offsets.to_numpy()), items, mask=array.is_null())
    if kind == IP and pa.types.is_binary(array.type):
        return ip_texts(array)
    if kind == SUBNET and pa.types.is_binary(array.type):
        return subnet_texts(array)
    if kind == MAC and pa.types.is_integer(array.type):
        return mac_texts(array)
    return array


def _holds_texts(kind: Type) -> bool:
    return kind in _TEXTS or (kind.item is not None and _holds_texts(kind.item))
