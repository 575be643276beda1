"""What an index's fields are in its files, and which period of time a row belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

from tapiary.errors import InternalError, InvalidInput
from tapiary.schema import Column
from tapiary.store.tables import Table

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

Rotation = Literal["daily", "weekly", "monthly"]

#: The name of `TIME`.
TIMESTAMP: Final = "timestamp"
#: The column of each period's first day, which only the paths and the log hold. No field has this name.
PARTITION: Final = "_part"
#: Removed files and old log entries are kept as long as queries may run that need them (`queries.timeout_s`).
KEPT: Final = "interval 15 minutes"

#: Sycope's types as columns of ours. A subnet is 33 bytes: first address, last address, length of the prefix.
_TYPES = {
    "string": "string", "boolean": "bool", "byte": "int16", "short": "int16", "int": "int32", "long": "int64",
    "float": "float64", "double": "float64", "ip": "address", "ip4": "address", "ip6": "address", "subnet": "binary",
    "ifc": "string", "mac": "mac", "set": "list<string>",
}
#: What Delta Lake takes in no column's name.
_FORBIDDEN = frozenset(" ,;{}()\n\t=")
_DAY_MS = 86_400_000
#: The days since 1970 of 1 January of the year 1 and of 31 December 9999.
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
#: Stands for the first day of periods that no calendar has.
BEYOND: Final = 2**62
#: 1970-01-01 was a Thursday.
_MONDAY_OFFSET = 3


@dataclass(frozen=True, slots=True)
class IndexField:
    """A field of an index, by one of Sycope's 15 types."""

    name: str
    type: str


#: The field that every index has: milliseconds since 1970 UTC.
TIME: Final = IndexField(TIMESTAMP, "long")


@dataclass(frozen=True)
class Layout(Table):
    """The table of one index."""

    @cached_property
    def stored(self) -> pa.Schema:
        """The Arrow schema of a file: the fields, all of which but `timestamp` may be null."""
        import pyarrow as pa

        return pa.schema([pa.field(c.name, arrow_type(c.type), c.nullable) for c in self.columns])

    @cached_property
    def declared(self) -> pa.Schema:
        """The Arrow schema of the Delta table: the file's columns and the partition's."""
        import pyarrow as pa

        return self.stored.append(pa.field(self.partition, pa.date32()))

    def parquet_options(self, compression: str) -> dict[str, Any]:
        """Arguments of pyarrow's ParquetWriter: dictionaries for texts, differences for times, bounds for the rest."""
        texts = [c.name for c in self.columns if c.type in ("string", "address", "mac", "bool")]
        sets = [f"{c.name}.list.element" for c in self.columns if c.type == "list<string>"]
        integers = [c.name for c in self.columns if c.type in ("int16", "int32", "int64")]
        return {
            "compression": compression, "compression_level": 1 if compression == "zstd" else None,
            "use_dictionary": texts + sets, "column_encoding": dict.fromkeys(integers, "DELTA_BINARY_PACKED"),
            "store_schema": False,
            "write_statistics": [c.name for c in self.columns if c.type not in ("string", "list<string>")],
        }


def layout(key: str, fields: Sequence[IndexField]) -> Layout:
    """The table of an index with these fields.

    Raises InvalidInput when a name cannot be a column's or comes twice (case is ignored), InternalError for a type that
    there is not, or without `timestamp`.
    """
    seen: set[str] = {PARTITION}
    for each in fields:
        if not each.name or set(each.name) & _FORBIDDEN or each.name.lower() in seen:
            raise InvalidInput(f"field {each.name!r} cannot be stored under this name: choose another", field="fields")
        if each.type not in _TYPES:
            raise InternalError(f"there is no type {each.type!r} for fields of an index")
        seen.add(each.name.lower())
    if TIME not in fields:
        raise InternalError(f"index {key!r} has no field `timestamp` of type long")
    columns = tuple(Column(f.name, _TYPES[f.type], "", nullable=f.name != TIMESTAMP) for f in fields)
    kept = {"delta.deletedFileRetentionDuration": KEPT, "delta.logRetentionDuration": KEPT}
    return Layout(key, columns, PARTITION, (TIMESTAMP,), configuration=kept, checkpoints=False)


def arrow_type(stored: str) -> pa.DataType:
    """The Arrow type of a column's type."""
    import pyarrow as pa

    if stored == "list<string>":
        return pa.list_(pa.string())
    names = {"bool": "bool_", "address": "binary", "mac": "int64"}
    return getattr(pa, names.get(stored, stored))()


def periods(timestamps: np.ndarray[Any, np.dtype[np.int64]], rotation: Rotation) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The first day of each moment's period, in days since 1970; far beyond outside of the years 1 to 9999."""
    import numpy as np

    days = np.floor_divide(timestamps, _DAY_MS)
    known = (days >= _FIRST_DAY) & (days <= _LAST_DAY)
    if rotation == "weekly":
        days = np.maximum(days - (days + _MONDAY_OFFSET) % 7, _FIRST_DAY)
    elif rotation == "monthly":
        months = np.where(known, days, 0).astype("datetime64[D]").astype("datetime64[M]")
        days = months.astype("datetime64[D]").astype(np.int64)
    return np.where(known, days, np.where(timestamps < 0, -BEYOND, BEYOND))
