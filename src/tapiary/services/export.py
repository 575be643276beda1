"""Flows as Parquet, CSV or newline-delimited JSON, streaming, with addresses as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal

from tapiary.errors import InvalidInput
from tapiary.schema import FLOW_COLUMNS, address_text, mac_text
from tapiary.services import formats
from tapiary.services.filters import condition
from tapiary.services.runs import visible
from tapiary.services.views import FlowFilter

if TYPE_CHECKING:
    import pyarrow as pa

    from tapiary.services import Services

Format = Literal["parquet", "csv", "ndjson"]
#: The media type of each format.
FORMATS: dict[str, str] = {
    "parquet": "application/vnd.apache.parquet",
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
}
#: Rows per piece: large enough for Parquet's row groups to compress, small enough to keep in memory.
BATCH_ROWS = 65_536


class Export:
    """Writes flows for other programs."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def stream(self, job_id: int, format: Format, flows: FlowFilter | None = None) -> Iterator[bytes]:
        """The job's flows in pieces, in the order of their first packets.

        Parquet has times with a zone and lists; CSV has ISO 8601 times and lists as JSON; NDJSON has one object a flow,
        times as ISO 8601, absent values left out. Raises before the first piece, as `Search.flows`.
        """
        from tapiary.store import Selection

        if format not in FORMATS:
            raise InvalidInput(f"format: must be one of {', '.join(FORMATS)}", field="format")
        wanted = condition(flows)
        run_id, _ = visible(self._services, job_id)
        columns = ", ".join(f'"{c.name}"' for c in FLOW_COLUMNS if c.name != "run_id")
        found = self._services.store.query(
            f"SELECT {columns} FROM flows WHERE {wanted.sql} ORDER BY first_seen, flow_id",
            wanted.params,
            tables={"flows": Selection("flows", [run_id])},
        )
        visible(self._services, job_id)  # the query holds the list of files: if the rows were there, they stay readable
        batches = (readable(batch) for batch in found.arrow_reader(BATCH_ROWS))
        if format == "ndjson":
            return formats.json_lines(batches, _schema(), nulls=False)
        return formats.WRITERS[format](batches, _schema())


def readable(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same rows with addresses and MACs as text."""
    import pyarrow as pa

    columns, fields = [], []
    texts: dict[str, Callable[[Any], str]] = {"address": address_text, "mac": mac_text}
    for column in FLOW_COLUMNS:
        if column.name not in batch.schema.names:
            continue
        values = batch.column(column.name)
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        if column.type in texts:
            coded = values.dictionary_encode()
            dictionary = pa.array([texts[column.type](v) for v in coded.dictionary.to_pylist()], pa.string())
            values = dictionary.take(coded.indices)
        elif column.type == "timestamp":
            values = values.cast(pa.timestamp("us", tz="UTC"))
        columns.append(values)
        fields.append(pa.field(column.name, values.type))
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))


def _schema() -> pa.Schema:
    """The schema of an export without rows."""
    import pyarrow as pa

    from tapiary.schema import arrow_schema

    empty = pa.RecordBatch.from_pylist([], schema=arrow_schema(tuple(c for c in FLOW_COLUMNS if c.name != "run_id")))
    return readable(empty).schema
