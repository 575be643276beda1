"""Arrow columns of 16-byte addresses as numpy arrays, without a loop over rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: High half of the low 64 bits of an IPv4-mapped address (RFC 4291, 2.5.5.2): ::ffff:a.b.c.d.
_MAPPED = np.uint64(0xFFFF)


class Addresses(NamedTuple):
    """Addresses as numbers: `high` and `low` hold 64 bits each in host order."""

    high: NDArray[np.uint64]
    low: NDArray[np.uint64]

    @property
    def is_ipv4(self) -> NDArray[np.bool_]:
        """True where the address is an IPv4 one in its mapped form."""
        mapped: NDArray[np.bool_] = (self.high == 0) & ((self.low >> np.uint64(32)) == _MAPPED)
        return mapped


def octets(column: pa.Array) -> NDArray[np.uint8]:
    """The rows of a binary or fixed-size binary column as an array of shape (rows, 16), without a copy.

    Raises ValueError when a row is null or is not 16 bytes long.
    """
    if column.null_count:
        raise ValueError("an address column has no nulls")
    rows = len(column)
    if pa.types.is_fixed_size_binary(column.type):
        if column.type.byte_width != 16:
            raise ValueError("an address is 16 bytes long")
        first = column.offset * 16
        data = column.buffers()[1]
    else:
        kind = np.int64 if pa.types.is_large_binary(column.type) else np.int32
        _, ends, data = column.buffers()
        if rows == 0:
            return np.empty((0, 16), np.uint8)
        bounds = np.frombuffer(ends, dtype=kind, count=rows + 1, offset=column.offset * np.dtype(kind).itemsize)
        if (np.diff(bounds) != 16).any():
            raise ValueError("an address is 16 bytes long")
        first = int(bounds[0])
    if rows == 0:
        return np.empty((0, 16), np.uint8)
    return np.frombuffer(data, dtype=np.uint8, count=rows * 16, offset=first).reshape(rows, 16)


def numbers(rows: NDArray[np.uint8]) -> Addresses:
    """Rows of 16 octets in network order as two 64-bit numbers each."""
    words = np.ascontiguousarray(rows).view(">u8")
    return Addresses(words[:, 0].astype(np.uint64), words[:, 1].astype(np.uint64))


def binary_column(rows: NDArray[np.uint8], type_: pa.DataType) -> pa.Array:
    """Rows of 16 octets as a column of this binary type; the opposite of `octets`."""
    data = pa.py_buffer(np.ascontiguousarray(rows).tobytes())
    if pa.types.is_fixed_size_binary(type_):
        return pa.Array.from_buffers(type_, len(rows), [None, data])
    kind = np.int64 if pa.types.is_large_binary(type_) else np.int32
    ends = pa.py_buffer(np.arange(0, 16 * len(rows) + 1, 16, dtype=kind).tobytes())
    return pa.Array.from_buffers(type_, len(rows), [None, ends, data])


def factorize(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int32]]:
    """Distinct values in order of appearance, and for each value its place among them.

    Arrow's hash table does in a third of the time what `numpy.unique` does by sorting.
    """
    encoded = pa.array(values).dictionary_encode()
    return encoded.dictionary.to_numpy(), encoded.indices.to_numpy()


def factorize_octets(rows: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """The same as `factorize` for rows of 16 octets."""
    if not len(rows):
        return rows, np.empty(0, np.int32)
    encoded = binary_column(rows, pa.binary(16)).dictionary_encode()
    return octets(encoded.dictionary), encoded.indices.to_numpy()
