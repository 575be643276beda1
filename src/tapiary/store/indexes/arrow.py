"""Rows of several callers, or of several files, as one Arrow table."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from tapiary.store.indexes.group import Waiting


def concat(tables: Sequence[pa.Table], schema: pa.Schema) -> pa.Table:
    """One table with the columns of a schema, in contiguous memory; columns that some of the tables lack are null."""
    import pyarrow as pa

    alike: dict[pa.Schema, list[pa.Table]] = {}
    for table in tables:
        alike.setdefault(table.schema, []).append(table)
    return pa.concat_tables([filled(pa.concat_tables(each), schema) for each in alike.values()]).combine_chunks()


def together(group: Sequence[Waiting], schema: pa.Schema) -> list[pa.Table]:
    """What callers brought as tables: each of theirs, and one of all values that came without."""
    import pyarrow as pa

    tables, values = [], []
    for each in group:
        if isinstance(each.rows, pa.Table):
            tables.append(each.rows)
        elif each.rows is not None:
            values.append((each.rows, each.count))
    if values:
        columns = {}
        for field in schema:
            if any(field.name in rows for rows, _ in values):
                cells = chain.from_iterable(rows.get(field.name) or [None] * count for rows, count in values)
                plain = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
                columns[field.name] = pa.array(list(cells), plain)
        tables.append(pa.table(columns))
    return tables


def filled(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with all columns of a schema; those that it lacks are null."""
    import pyarrow as pa

    names = table.column_names
    return pa.Table.from_arrays([
        table.column(f.name).cast(f.type) if f.name in names else pa.nulls(table.num_rows, f.type) for f in schema
    ], schema=schema)
