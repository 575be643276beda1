"""Columns of cells as Arrow arrays.

The fast way looks at the types of a column's values alone, or at each distinct text once; only a column in which
something is unusual is looked at cell by cell (`cells`), to say what is wrong or to find that all is well.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from tapiary.services.indexes.cells import CELLS, FLOAT_LIMIT, LAST_MS, moment
from tapiary.services.indexes.definition import TIMESTAMP
from tapiary.services.indexes.kinds import KINDS

if TYPE_CHECKING:
    import pyarrow as pa

    from tapiary.services.indexes.errors import Faults
    from tapiary.services.indexes.views import Field

#: Types whose values are texts with few distinct ones among them.
_FROM_TEXT = frozenset({"ip", "ip4", "ip6", "subnet", "ifc", "mac"})
#: Texts whose cells are remembered from one injection to the next, of each type: addresses come again and again.
_REMEMBERED = {kind: lru_cache(1 << 16)(CELLS[kind]) for kind in _FROM_TEXT}
#: Python's types of the values that the fast way takes.
_TYPES: dict[str, frozenset[type]] = {
    "string": frozenset({str}), "boolean": frozenset({bool}),
    **dict.fromkeys(("byte", "short", "int", "long"), frozenset({int})),
    **dict.fromkeys(("float", "double"), frozenset({int, float})),
    **dict.fromkeys(_FROM_TEXT, frozenset({str})),
}


def column(field: Field, values: Sequence[Any], faults: Faults, first: int = 0) -> pa.Array:
    """The values as they are stored. What cannot be taken is told to `faults`, and is null in the array.

    first: the number of the first value's row.
    """
    array = _quickly(field, values)
    return array if array is not None else _one_by_one(field, values, faults, first)


@cache
def stored_type(kind: str) -> pa.DataType:
    """The Arrow type of the stored column of one of the 15 types."""
    import pyarrow as pa

    from tapiary.schema import Column, arrow_type

    stored = KINDS[kind].stored
    return pa.list_(pa.string()) if stored == "list<string>" else arrow_type(Column("", stored, ""))


def schema_of(fields: Sequence[Field]) -> pa.Schema:
    """The Arrow schema of rows with these fields; all but `timestamp` may be null."""
    import pyarrow as pa

    return pa.schema([pa.field(field.name, stored_type(field.kind), field.name != TIMESTAMP) for field in fields])


def _quickly(field: Field, values: Sequence[Any]) -> pa.Array | None:
    """The array when each value is as usual, else None."""
    import pyarrow as pa

    usual = _TYPES.get(field.kind)
    if usual is None or not set(map(type, values)) - {type(None)} <= usual:
        return None
    kind = KINDS[field.kind]
    try:
        if kind.numeric and not kind.bits:
            return _finite(field, pa.array(values, pa.float64()))
        if field.kind in _FROM_TEXT:
            cell, texts = _REMEMBERED[field.kind], pa.array(values, pa.string()).dictionary_encode()
            known = pa.array([cell(text) for text in texts.dictionary.to_pylist()], stored_type(field.kind))
            return known.take(texts.indices)
        array = pa.array(values, stored_type(field.kind))
    except (ValueError, OverflowError):  # pa.ArrowInvalid is a ValueError, and so is what text that is none raises
        return None
    return array if _in_range(field, array) else None


def from_arrow(field: Field, array: pa.Array, faults: Faults, first: int = 0) -> pa.Array:
    """As `column`, of values that are in an Arrow array of whatever type; a time becomes its milliseconds."""
    import pyarrow as pa
    import pyarrow.types as of

    kind, stored = KINDS[field.kind], stored_type(field.kind)
    if of.is_dictionary(array.type):
        array = array.dictionary_decode()
    if of.is_large_string(array.type) or of.is_string_view(array.type):
        array = array.cast(pa.string())
    if of.is_timestamp(array.type) and field.kind == "long":
        array = array.cast(pa.timestamp("ms", array.type.tz), safe=False).cast(pa.int64())
    if field.kind in _FROM_TEXT and of.is_string(array.type):
        texts = array.dictionary_encode()
        known = _quickly(field, texts.dictionary.to_pylist())
        if known is not None:
            return known.take(texts.indices)
    fits = (of.is_integer(array.type) if kind.bits
            else (of.is_floating(array.type) or of.is_integer(array.type)) if kind.numeric else array.type == stored)
    if fits and field.kind not in _FROM_TEXT and field.kind != "set":
        try:
            cast = array.cast(stored, safe=bool(kind.bits))
        except pa.ArrowInvalid:  # out of range, in each cell's own words below
            cast = None
        if cast is not None and kind.numeric and not kind.bits:
            cast = _finite(field, cast)
        if cast is not None and _in_range(field, cast):
            return cast
    return column(field, array.to_pylist(), faults, first)


def _in_range(field: Field, array: pa.Array) -> bool:
    import pyarrow.compute as pc

    kind = KINDS[field.kind]
    if field.name == TIMESTAMP and array.null_count:
        return False
    if not kind.bits or (kind.bits == 64 and field.name != TIMESTAMP):
        return True
    lowest, highest = (0, LAST_MS) if field.name == TIMESTAMP else (kind.lowest, kind.highest)
    found = pc.min_max(array)
    low, high = found["min"].as_py(), found["max"].as_py()
    return low is None or (lowest <= low and high <= highest)


def _finite(field: Field, array: pa.Array) -> pa.Array | None:
    """Doubles as a float or double column keeps them, None when one of them is not finite or out of range."""
    import pyarrow as pa
    import pyarrow.compute as pc

    highest = pc.max(pc.abs(array), skip_nulls=True).as_py()
    if not pc.all(pc.is_finite(array), min_count=0).as_py() or (
            field.kind == "float" and highest is not None and highest >= FLOAT_LIMIT):
        return None
    if field.kind == "float":
        array = array.cast(pa.float32(), safe=False).cast(pa.string()).cast(pa.float64())
    return pc.add(array, 0.0)


def _one_by_one(field: Field, values: Sequence[Any], faults: Faults, first: int) -> pa.Array:
    import pyarrow as pa

    return pa.array(cells(field, values, faults, first), stored_type(field.kind))


def cells(field: Field, values: Sequence[Any], faults: Faults, first: int = 0) -> list[Any]:
    """The values as they are stored, one by one; as `column` otherwise."""
    cell = moment if field.name == TIMESTAMP else CELLS[field.kind]
    stored: list[Any] = []
    for row, value in enumerate(values, first):
        if value is None and field.name != TIMESTAMP:
            stored.append(None)
            continue
        try:
            stored.append(cell(value))
        except ValueError as error:
            faults.add(row, field.name, value, str(error))
            stored.append(None)
    return stored
