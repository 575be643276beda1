"""From records of a MaxMind DB's data section to the few values that a flow keeps.

Three layouts are read: MaxMind's nested one (GeoIP2, GeoLite2), the flat one of DB-IP through ip-location-db, and
IPinfo's flat one. `decode` is the general way, a Python dict at a time; `locate` finds the values of many flat records
at once and leaves aside every record that is anything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from .addresses import factorize

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Value = str | int | None

#: Data types of the format that occur below (section "Data field format").
_POINTER, _STRING, _DOUBLE, _UINT16, _UINT32, _MAP, _ARRAY, _BOOL, _FLOAT = 1, 2, 3, 5, 6, 7, 11, 14, 15
#: Added to pointers of one, two and three bytes; pointers of four bytes stand as they are.
_POINTER_BASE = (0, 2048, 526336, 0)
#: A map of 29 entries or more spells its size in further bytes: no flat record is that long.
_SIZE_LIMIT = 29
#: With more distinct keys than this in one step the file is no table of flat records.
_KEYS_LIMIT = 64


def _country(value: Any) -> Value:
    return value.upper() if isinstance(value, str) and len(value) == 2 and value.isascii() and value.isalpha() else None


def _text(value: Any) -> Value:
    return value.strip() or None if isinstance(value, str) else None


def _asn(value: Any) -> Value:
    if isinstance(value, str):
        digits = value[2:] if value[:2].upper() == "AS" else value
        value = int(digits) if digits.isascii() and digits.isdigit() else None
    return value if isinstance(value, int) and 0 < value < 2**32 else None


@dataclass(frozen=True, slots=True)
class Field:
    """One value that is looked for: under which keys and paths, and what makes the file's raw value one of ours."""

    keys: tuple[str, ...]
    paths: tuple[tuple[str, ...], ...]
    convert: Callable[[Any], Value]


#: Keys of flat records, best first, then paths of nested ones.
FIELDS = {
    "country": Field(
        ("country_code", "country", "country_iso_code"),
        (("country", "iso_code"), ("registered_country", "iso_code")),
        _country,
    ),
    "city": Field(("city", "city_name"), (("city", "names", "en"),), _text),
    "asn": Field(
        ("autonomous_system_number", "asn", "as_number"), (("traits", "autonomous_system_number"),), _asn
    ),
    "as_name": Field(
        ("autonomous_system_organization", "as_name", "as_organization", "name"),
        (("traits", "autonomous_system_organization"),),
        _text,
    ),
}


def decode(record: object, field: Field) -> Value:
    """The field's value out of one decoded record of any layout; None where it is not said."""
    for path in (*((key,) for key in field.keys), *field.paths):
        value: Any = record
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        if (found := field.convert(value)) is not None:
            return found
    return None


def locate(
    data: NDArray[np.uint8], leaves: NDArray[np.int64], keys: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Offsets of these keys' values in the flat records at `leaves`, and which records could not be read this way.

    Returns offsets of shape (keys, leaves), -1 where a record lacks the key, and a mask of shape (leaves,): True
    where the record is nested, odd or broken and `decode` has to look at it.
    """
    reader = _Reader(data)
    rank = {key: row for row, key in enumerate(keys)}
    offsets = np.full((len(keys), len(leaves)), -1, np.int64)
    position, kind, entries, odd = reader.header(leaves)
    odd |= (kind != _MAP) | (entries >= _SIZE_LIMIT)
    for step in range(int(entries[~odd].max(initial=0))):
        rows = np.flatnonzero(~odd & (entries > step))
        key, value_at = reader.resolve(position[rows])
        distinct, codes = factorize(key)
        if len(distinct) > _KEYS_LIMIT:
            odd[rows] = True
            break
        value, position[rows] = reader.resolve(value_at)
        _, value_kind, _, bad = reader.header(value)
        odd[rows] |= bad | (value_kind == _MAP) | (value_kind == _ARRAY)
        for code, at in enumerate(distinct.tolist()):
            text = reader.text(at)
            if text is None:
                odd[rows[codes == code]] = True
            elif text in rank:
                offsets[rank[text], rows[codes == code]] = value[codes == code]
    return offsets, odd


def scalars(
    data: NDArray[np.uint8], offsets: NDArray[np.int64]
) -> tuple[list[str | int | None], NDArray[np.int32]]:
    """The distinct strings and whole numbers at offsets that `locate` gave, and for each offset its place among them.

    A value of another type is None, and so is a string that is no UTF-8 or runs beyond the end.
    """
    reader = _Reader(data)
    start, kind, size, _ = reader.header(offsets)
    codes = np.zeros(len(offsets), np.int32)
    values: list[str | int | None] = [None]
    rows = np.flatnonzero((kind == _STRING) & (size < _SIZE_LIMIT) & (start + size <= len(data)))
    if len(rows):
        ends = np.zeros(len(rows) + 1, np.int32)
        np.cumsum(size[rows], out=ends[1:])
        octets = data[np.repeat(start[rows] - ends[:-1], size[rows]) + np.arange(ends[-1])]
        words = pa.Array.from_buffers(pa.binary(), len(rows), [None, pa.py_buffer(ends), pa.py_buffer(octets)])
        encoded = words.dictionary_encode()
        codes[rows] = encoded.indices.to_numpy() + len(values)
        values += [_utf8(word) for word in encoded.dictionary.to_pylist()]
    for row in np.flatnonzero((kind == _STRING) & (size >= _SIZE_LIMIT)).tolist():
        codes[row] = len(values)
        values.append(reader.text(int(offsets[row])))
    rows = np.flatnonzero(((kind == _UINT16) | (kind == _UINT32)) & (size <= 4))
    if len(rows):
        number = np.zeros(len(rows), np.int64)
        for place in range(4):
            number = np.where(size[rows] > place, number << 8 | reader.byte(start[rows] + place), number)
        distinct, places = factorize(number)
        codes[rows] = places + len(values)
        values += distinct.tolist()
    return values, codes


def _utf8(word: bytes) -> str | None:
    try:
        return word.decode("utf-8")
    except UnicodeDecodeError:
        return None


class _Reader:
    """Reads data fields at many offsets at once; offsets beyond the end read as zeros."""

    def __init__(self, data: NDArray[np.uint8]) -> None:
        self._data = data
        self._last = len(data) - 1

    def byte(self, at: NDArray[np.int64]) -> NDArray[np.int64]:
        """The byte at each offset."""
        return self._data[np.minimum(at, self._last)].astype(np.int64)

    def header(
        self, at: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """(offset behind the control bytes, type, size as the control byte says it, outside the file or a pointer)."""
        control = self.byte(at)
        kind, size = control >> 5, control & 31
        extended = kind == 0
        kind = np.where(extended, self.byte(at + 1) + 7, kind)
        return at + 1 + extended, kind, size, (at < 0) | (at > self._last) | (kind == _POINTER)

    def resolve(self, at: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(where the content stands: here or where a pointer leads, offset of what follows the field here)."""
        behind, kind, size, _ = self.header(at)
        control = self.byte(at)
        length = np.where(size < 29, size, np.where(size == 29, 29 + self.byte(at + 1), 0))
        behind = behind + np.where(kind == _BOOL, 0, np.where(kind == _DOUBLE, 8, np.where(kind == _FLOAT, 4, length)))
        behind += (kind == _STRING) & (size == 29)
        # Longer inline strings, and containers, are read as broken keys or values further on, hence as odd records.
        behind = np.where((size > 29) | (kind == _MAP) | (kind == _ARRAY), self._last + 1, behind)
        target = at.copy()
        rows = np.flatnonzero(kind == _POINTER)
        if len(rows):
            here, control = at[rows], control[rows]
            width = (control >> 3) & 3
            number = np.where(width == 3, 0, control & 7)
            for place in range(1, 5):
                number = np.where(width + 1 >= place, number << 8 | self.byte(here + place), number)
            target[rows] = number + np.array(_POINTER_BASE)[width]
            behind[rows] = here + 2 + width
        return target, behind

    def text(self, at: int) -> str | None:
        """The string at an offset, or None when there is none that can be read."""
        if not 0 <= at <= self._last or int(self._data[at]) >> 5 != _STRING:
            return None
        size, at = int(self._data[at]) & 31, at + 1
        if size >= 29:
            more = size - 28
            size = (29, 285, 65821)[size - 29] + int.from_bytes(self._data[at:at + more].tobytes(), "big")
            at += more
        return _utf8(self._data[at:at + size].tobytes())
