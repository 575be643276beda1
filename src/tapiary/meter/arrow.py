"""The compiled core's columns as Arrow record batches, without copying them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from tapiary import schema

if TYPE_CHECKING:
    from . import _native
    from .ndpi import Names

_NUMBERS = {"h": pa.int16(), "i": pa.int32(), "q": pa.int64(), "d": pa.float64(), "I": pa.uint32()}
_WIDTHS = {"h": 2, "i": 4, "q": 8, "d": 8, "I": 4}
_ENDED = ("idle", "active", "tcp_close", "end")

#: Columns that others add to the batches of the meter.
_ADDED = {"run_id", "job_id"}


def batch_columns(groups: tuple[str, ...]) -> tuple[schema.Column, ...]:
    """The flow columns that the meter's batches have with these statistics groups, in order."""
    return tuple(c for c in schema.flow_columns(groups) if c.name not in _ADDED and c.group != "geo")


class Converter:
    """Turns batches of the core into record batches; counts flows by label. `names` is None without nDPI."""

    def __init__(self, groups: tuple[str, ...], names: Names | None) -> None:
        self._columns = batch_columns(groups)
        self._names = names
        self.labels: Counter[str] = Counter()

    def flows(self, batch: _native.Batch) -> pa.RecordBatch:
        """One record batch of finished flows."""
        rows = batch.rows
        raw = batch.columns()
        arrays = {name: _numbers(batch, rows, kind, at) for name, (kind, at) in raw.items() if kind != "b"}
        for name, (kind, at) in raw.items():
            if kind == "b":
                valued = name.removeprefix("valid_")
                arrays[valued] = _with_nulls(batch, arrays[valued], at)
        strings = {name: _strings(batch, rows, *parts) for name, parts in batch.strings().items()}
        arrays.update(strings)
        for name, at in zip(("client_ip", "server_ip"), batch.addresses(), strict=True):
            arrays[name] = _addresses(batch, rows, at)
        sequence = batch.sequence()
        if sequence is not None:
            arrays["packet_sizes"], arrays["packet_times"] = _sequences(batch, rows, *sequence)
        arrays.update(self._meanings(arrays, rows))
        fields, columns = [], []
        for column in self._columns:
            array = arrays[column.name]
            fields.append(pa.field(column.name, array.type, column.nullable or column.group != "core"))
            columns.append(array)
        return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))

    def _meanings(self, arrays: dict[str, Any], rows: int) -> dict[str, Any]:
        names = self._names
        label = names.label if names else lambda pair: "Unknown"
        category = names.category if names else lambda n: "Unspecified"
        pairs = arrays["code_label"]
        found = {
            "label": _named(pairs, label),
            "application": _named(pairs, lambda pair: label(pair & 0xFFFF)),
            "master": _named(pairs, lambda pair: label(pair >> 16) if pair >> 16 and pair & 0xFFFF else None),
            "category": _named(arrays["code_category"], category),
            "confidence": _named(arrays["code_confidence"], names.confidence if names else lambda n: None),
            "tunnel": _named(arrays["code_tunnel"], tunnel_text),
            "ended": _named(arrays["code_ended"], lambda n: _ENDED[n]),
            "note": pa.nulls(rows, pa.string()),
        }
        if not names:
            found["confidence"] = pa.nulls(rows, pa.string())
        return found

    def count(self, flows: pa.RecordBatch) -> None:
        """Adds a batch to the flows by label."""
        labels = flows.column("label")
        if not pa.types.is_dictionary(labels.type):
            labels = labels.dictionary_encode()
        counts = np.bincount(labels.indices.to_numpy(), minlength=len(labels.dictionary))
        for name, count in zip(labels.dictionary.to_pylist(), counts.tolist(), strict=True):
            if count:
                self.labels[name] += count


def index(rows: _native.Index) -> pa.RecordBatch:
    """One record batch of the packet index, without run_id."""
    flow_id, first_frame, frame_count, offsets, data, size = rows.columns()
    n = rows.rows
    flows, firsts = _numbers(rows, n, "q", flow_id), _numbers(rows, n, "q", first_frame)
    counts = _numbers(rows, n, "i", frame_count)
    buffers = [None, _memory(rows, offsets, 4 * (n + 1)), _memory(rows, data, size)]
    frames = pa.Array.from_buffers(pa.binary(), n, buffers)
    names = [c.name for c in schema.INDEX_COLUMNS if c.name != "run_id"]
    return pa.RecordBatch.from_arrays([flows, firsts, counts, frames], names=names)


def tunnel_text(path: int) -> str | None:
    """The tunnels of a packed path, outermost first: four bits each, lowest first."""
    from ._native import TUNNEL_NAMES

    names = []
    while path:
        names.append(TUNNEL_NAMES[path & 15])
        path >>= 4
    return "/".join(names) or None


def _memory(owner: Any, address: int, size: int) -> pa.Buffer:
    return pa.foreign_buffer(address, size, owner) if address and size else pa.py_buffer(b"")


def _numbers(owner: Any, rows: int, kind: str, address: int) -> pa.Array:
    return pa.Array.from_buffers(_NUMBERS[kind], rows, [None, _memory(owner, address, rows * _WIDTHS[kind])])


def _with_nulls(owner: Any, values: pa.Array, bitmap: int) -> pa.Array:
    valid = _memory(owner, bitmap, (len(values) + 7) // 8)
    return pa.Array.from_buffers(values.type, len(values), [valid, values.buffers()[1]])


def _strings(owner: Any, rows: int, valid: int, offsets: int, data: int, size: int) -> pa.Array:
    places = (valid, (rows + 7) // 8), (offsets, 4 * (rows + 1)), (data, size)
    return pa.Array.from_buffers(pa.string(), rows, [_memory(owner, at, length) for at, length in places])


def _addresses(owner: Any, rows: int, address: int) -> pa.Array:
    offsets = pa.py_buffer(np.arange(0, 16 * (rows + 1), 16, dtype=np.int32))
    return pa.Array.from_buffers(pa.binary(), rows, [None, offsets, _memory(owner, address, 16 * rows)])


def _sequences(owner: Any, rows: int, offsets: int, sizes: int, times: int, values: int) -> tuple[pa.Array, pa.Array]:
    at = _memory(owner, offsets, 4 * (rows + 1))
    return tuple(
        pa.Array.from_buffers(pa.list_(pa.int32()), rows, [None, at], children=[_numbers(owner, values, "i", address)])
        for address in (sizes, times)
    )


def _named(codes: pa.Array, name: Any) -> pa.DictionaryArray:
    """Codes as a dictionary of their names; a name of None is null."""
    encoded = codes.dictionary_encode()
    names = [name(code) for code in encoded.dictionary.to_pylist()]
    unique = list(dict.fromkeys(n for n in names if n is not None))
    place = {n: i for i, n in enumerate(unique)}
    wanted = np.array([place.get(n, -1) for n in names], dtype=np.int32)
    indices = wanted[encoded.indices.to_numpy()]
    if None not in names:
        return pa.DictionaryArray.from_arrays(pa.array(indices), pa.array(unique, pa.string()))
    return pa.DictionaryArray.from_arrays(pa.array(indices, mask=indices < 0), pa.array(unique, pa.string()))
