"""Flows as Parquet, CSV or newline-delimited JSON, streaming, with addresses as text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal

from tapiary.errors import InvalidInput
from tapiary.schema import FLOW_COLUMNS, address_text, mac_text
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
        return _WRITERS[format](batches)


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


class _Pipe:
    """A sink that hands out what was written to it."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(self._parts[-1])

    def flush(self) -> None:
        """Nothing waits anywhere."""

    def close(self) -> None:
        self.closed = True

    def take(self) -> bytes:
        """What was written since the last call."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _schema() -> pa.Schema:
    """The schema of an export without rows."""
    import pyarrow as pa

    from tapiary.schema import arrow_schema

    empty = pa.RecordBatch.from_pylist([], schema=arrow_schema(tuple(c for c in FLOW_COLUMNS if c.name != "run_id")))
    return readable(empty).schema


def _parquet(batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pipe = _Pipe()
    schema = _schema()
    with pq.ParquetWriter(pa.PythonFile(pipe, mode="w"), schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch.cast(schema))
            yield pipe.take()
    yield pipe.take()


def _csv(batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    import pyarrow as pa
    import pyarrow.csv as csv

    pipe = _Pipe()
    schema = _flat_schema(_schema())
    with csv.CSVWriter(pa.PythonFile(pipe, mode="w"), schema) as writer:
        for batch in batches:
            writer.write_batch(_flat(batch, schema))
            yield pipe.take()
    yield pipe.take()


def _flat_schema(schema: pa.Schema) -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        [
            pa.field(f.name, pa.string()) if pa.types.is_list(f.type) or pa.types.is_timestamp(f.type) else f
            for f in schema
        ]
    )


def _flat(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Lists as JSON text and times as ISO 8601 in UTC: what every reader of CSV takes."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = []
    for field in schema:
        values = batch.column(field.name)
        if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
            values = pa.array(
                [None if v is None else json.dumps(v, separators=(",", ":")) for v in values.to_pylist()], pa.string()
            )
        elif pa.types.is_timestamp(values.type):
            values = pc.strftime(values, "%Y-%m-%dT%H:%M:%SZ")
        columns.append(values)
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _ndjson(batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    import msgspec

    encode = msgspec.json.Encoder().encode
    for batch in batches:
        names = batch.schema.names
        rows = zip(*(column.to_pylist() for column in batch.columns), strict=True)
        yield b"".join(
            encode({name: value for name, value in zip(names, row, strict=True) if value is not None}) + b"\n"
            for row in rows
        )


_WRITERS: dict[str, Callable[[Iterator[Any]], Iterator[bytes]]] = {
    "parquet": _parquet,
    "csv": _csv,
    "ndjson": _ndjson,
}
