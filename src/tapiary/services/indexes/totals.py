"""One-minute aggregates: what an index without raw rows (`storeRaw` false) keeps of its rows.

As in the built-in streams `netflow…Aggr`, the rows of one minute that agree in everything that is not a measure
become one. Measures are the numbers that are `sortable`, `timestamp` aside; they are added up, `_count` says how many
rows there were, and `timestamp` is the beginning of the minute. So `sum` over any stretch of whole minutes is what it
would be over the rows themselves, while `avg`, `min`, `max` of a measure can only be those of minutes.

Rows of different injections are not joined: queries add up what they find.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tapiary.services.indexes.columns import schema_of, stored_type
from tapiary.services.indexes.definition import COUNT, TIMESTAMP, Definition
from tapiary.services.indexes.kinds import KINDS

if TYPE_CHECKING:
    import pyarrow as pa

    from tapiary.services.indexes.views import Field

MINUTE_MS = 60_000
#: Sums of whole numbers beyond this might not fit 64 bits: such rows are kept one by one.
_LARGE = float(1 << 62)


def is_measure(field: Field) -> bool:
    """Whether a field is added up."""
    return field.sortable and field.name != TIMESTAMP


def stored_fields(definition: Definition) -> tuple[Field, ...]:
    """The fields of an index's rows as they are stored: where they are added up, in types that sums fit."""
    if definition.store_raw:
        return definition.fields
    wide = (replace(f, kind="long" if KINDS[f.kind].bits else "double") if is_measure(f) else f
            for f in definition.fields)
    return (*wide, COUNT)


def totals(table: pa.Table, stored: tuple[Field, ...]) -> pa.Table:
    """The rows of each minute as one-minute aggregates, with `_count`; `stored` are the fields that they then have."""
    import pyarrow as pa
    import pyarrow.compute as pc

    minute = pc.multiply(pc.divide(table[TIMESTAMP], MINUTE_MS), MINUTE_MS)
    columns = {field.name: table[field.name] for field in stored if field is not COUNT}
    columns |= {TIMESTAMP: minute, COUNT.name: pa.array([1] * table.num_rows, pa.int64())}
    sets = [field.name for field in stored if field.kind == "set"]
    # Arrow cannot group by lists: here they are texts.
    columns |= {name: _each(columns[name], json.dumps, pa.string()) for name in sets}
    measures = [field.name for field in stored if is_measure(field)]
    if all(_fits(columns[name], KINDS[field.kind].bits) for field in stored if is_measure(field)
           for name in [field.name]):
        keys = [name for name in columns if name not in measures]
        found = pa.table(columns).group_by(keys).aggregate([(name, "sum") for name in measures])
        columns = {name: found[f"{name}_sum" if name in measures else name] for name in columns}
    columns |= {name: _each(columns[name], json.loads, pa.list_(pa.string())) for name in sets}
    return pa.table([columns[field.name].cast(stored_type(field.kind)) for field in stored], schema_of(stored))


def _fits(column: pa.ChunkedArray, bits: int) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    total = pc.sum(pc.abs(column.cast(pa.float64(), safe=False))).as_py()
    return total is None or total < (_LARGE if bits else float("inf"))


def _each(column: pa.ChunkedArray, change: Callable[[Any], Any], type: pa.DataType) -> pa.ChunkedArray:
    import pyarrow as pa

    values = [None if value is None else change(value) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(values, type)])
