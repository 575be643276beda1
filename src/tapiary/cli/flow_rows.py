"""Chosen rows and columns of flows as JSON lines, CSV or Parquet, in the forms that a full export has."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tapiary.errors import InvalidInput
from tapiary.schema import arrow_type, columns_by_name

if TYPE_CHECKING:
    import pyarrow as pa

    from tapiary.services import FlowFilter, FlowPage, Services

#: Rows of one question to the tables; the services answer at most so many at once.
PAGE_ROWS = 10_000

Row = dict[str, Any]


def pages(
    services: Services, job_id: int, flows: FlowFilter, *, sort: str, limit: int | None,
    columns: tuple[str, ...] | None,
) -> Iterator[FlowPage]:
    """The flows that match, page by page, at most `limit` in all; the first page comes even when it is empty."""
    offset = 0
    while True:
        wanted = PAGE_ROWS if limit is None else min(PAGE_ROWS, limit - offset)
        page = services.search.flows(job_id, flows, sort=sort, limit=wanted, offset=offset, columns=columns)
        yield page
        offset += len(page.flows)
        if not page.flows or offset >= page.total or offset == limit:
            return


def dated(rows: Iterable[Row]) -> Iterator[Row]:
    """The rows with their times as ISO 8601 in UTC."""
    times = [name for name, column in columns_by_name().items() if column.type == "timestamp"]
    for row in rows:
        for name in times:
            if name in row:
                row[name] = _time(row[name]).isoformat().replace("+00:00", "Z")
        yield row


def json_lines(rows: Iterable[Row], columns: tuple[str, ...]) -> Iterator[bytes]:
    """One object a flow and line; absent values are left out."""
    for row in dated(rows):
        yield json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def csv_lines(rows: Iterable[Row], columns: tuple[str, ...]) -> Iterator[bytes]:
    """A line of names, then one a flow (RFC 4180 but for the line ends); lists are JSON."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in dated(rows):
        cells = (row.get(name) for name in columns)
        writer.writerow([json.dumps(c, separators=(",", ":")) if isinstance(c, list) else c for c in cells])
        if text.tell() > 1 << 16:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


def parquet(rows: Iterable[Row], columns: tuple[str, ...]) -> Iterator[bytes]:
    """A Parquet file; addresses are text, times timestamps."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, _type(name)) for name in columns])
    times = [name for name in columns if pa.types.is_timestamp(schema.field(name).type)]
    taken = []
    for row in rows:
        for name in times:
            row[name] = _time(row[name])
        taken.append(row)
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(taken, schema=schema), sink, compression="zstd")
    yield sink.getvalue()


WRITERS: dict[str, Callable[[Iterable[Row], tuple[str, ...]], Iterator[bytes]]] = {
    "ndjson": json_lines, "csv": csv_lines, "parquet": parquet,
}


def column_names(text: str) -> tuple[str, ...]:
    """The columns of a list by commas, each once. Raises InvalidInput when there are none."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise InvalidInput("columns: names no column", field="columns")
    return names


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _type(name: str) -> pa.DataType:
    """The type of a column in a file for other programs; measures of both directions have none in the schema."""
    import pyarrow as pa

    column = columns_by_name().get(name)
    if column is None:
        return pa.float64() if name == "duration" else pa.int64()
    return pa.string() if column.type in ("address", "mac") else arrow_type(column)
