"""Rows of several callers, or of several files, as one Arrow table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def concat(tables: Sequence[pa.Table], schema: pa.Schema) -> pa.Table:
    """One table with the columns of a schema, in contiguous memory; columns that some of the tables lack are null."""
    import pyarrow as pa

    alike: dict[pa.Schema, list[pa.Table]] = {}
    for table in tables:
        alike.setdefault(table.schema, []).append(table)
    return pa.concat_tables([filled(pa.concat_tables(each), schema) for each in alike.values()]).combine_chunks()


def filled(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with all columns of a schema; those that it lacks are null."""
    import pyarrow as pa

    names = table.column_names
    return pa.Table.from_arrays([
        table.column(f.name).cast(f.type) if f.name in names else pa.nulls(table.num_rows, f.type) for f in schema
    ], schema=schema)
