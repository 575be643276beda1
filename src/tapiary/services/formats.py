"""Arrow batches as the bytes of a file, piece by piece: Parquet, Arrow IPC, CSV, JSON, newline-delimited JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

Batches = Iterable[Any]


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


def parquet(batches: Batches, schema: pa.Schema) -> Iterator[bytes]:
    """A Parquet file: a row group a batch."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pipe = _Pipe()
    with pq.ParquetWriter(pa.PythonFile(pipe, mode="w"), schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch.cast(schema))
            yield pipe.take()
    yield pipe.take()


def arrow(batches: Batches, schema: pa.Schema) -> Iterator[bytes]:
    """A stream of Arrow's IPC format."""
    import pyarrow as pa

    pipe = _Pipe()
    with pa.ipc.new_stream(pa.PythonFile(pipe, mode="w"), schema) as writer:
        yield pipe.take()
        for batch in batches:
            writer.write_batch(batch.cast(schema))
            yield pipe.take()
    yield pipe.take()


def csv(batches: Batches, schema: pa.Schema) -> Iterator[bytes]:
    """A line of names, then one a row; lists and maps are JSON, times ISO 8601 in UTC."""
    import pyarrow as pa
    from pyarrow import csv as pacsv

    pipe = _Pipe()
    flat = flat_schema(schema)
    with pacsv.CSVWriter(pa.PythonFile(pipe, mode="w"), flat) as writer:
        for batch in batches:
            writer.write_batch(flattened(batch, flat))
            yield pipe.take()
    yield pipe.take()


def json_lines(batches: Batches, schema: pa.Schema, *, nulls: bool = True) -> Iterator[bytes]:
    """One object a row and line; without `nulls` absent values are left out."""
    import msgspec

    encode = msgspec.json.Encoder().encode
    names = schema.names
    for batch in batches:
        rows = zip(*(values(column) for column in batch.columns), strict=True)
        if nulls:
            yield b"".join(encode(dict(zip(names, row, strict=True))) + b"\n" for row in rows)
        else:
            yield b"".join(
                encode({name: value for name, value in zip(names, row, strict=True) if value is not None}) + b"\n"
                for row in rows
            )


def json_array(batches: Batches, schema: pa.Schema) -> Iterator[bytes]:
    """One list of objects."""
    comma = b"[\n"
    for piece in json_lines(batches, schema):
        if piece:
            yield comma + piece[:-1].replace(b"\n", b",\n")  # JSON has its line ends escaped
            comma = b",\n"
    yield b"[]\n" if comma == b"[\n" else b"\n]\n"


def values(column: pa.Array) -> list[Any]:
    """A column's values as JSON has them: maps as dictionaries."""
    import pyarrow as pa

    found: list[Any] = column.to_pylist()
    if pa.types.is_map(column.type):
        return [None if pairs is None else dict(pairs) for pairs in found]
    return found


def flat_schema(schema: pa.Schema) -> pa.Schema:
    """The schema in which lists, maps and times are text."""
    import pyarrow as pa

    return pa.schema([
        pa.field(f.name, pa.string()) if pa.types.is_nested(f.type) or pa.types.is_timestamp(f.type) else f
        for f in schema
    ])


def flattened(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Lists and maps as JSON text and times as ISO 8601 in UTC: what every reader of CSV takes."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = []
    for at, field in enumerate(schema):
        column = batch.column(at)
        if pa.types.is_nested(column.type):
            texts = [
                None if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
                for value in values(column)
            ]
            column = pa.array(texts, pa.string())
        elif pa.types.is_timestamp(column.type):
            column = pc.strftime(column, "%Y-%m-%dT%H:%M:%SZ")
        columns.append(column.cast(field.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


#: The media type of each format that an answer to a query can have.
ANSWER_FORMATS = {
    "json": "application/json", "ndjson": "application/x-ndjson", "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet", "arrow": "application/vnd.apache.arrow.stream",
}
#: Writers by the format's name.
WRITERS: dict[str, Callable[[Batches, Any], Iterator[bytes]]] = {
    "parquet": parquet, "arrow": arrow, "csv": csv, "json": json_array, "ndjson": json_lines,
}
