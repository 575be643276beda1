"""Files of rows for bulk injection: NDJSON, CSV, an Arrow IPC stream, Parquet.

| format | what it holds |
|---|---|
| `ndjson` | one JSON object a line, fields by name |
| `csv` | commas, names in the first line; cells as in `texts`, where `""` in quotation marks is the empty text |
| `arrow` | an Arrow IPC stream (`application/vnd.apache.arrow.stream`), or file where the source can seek |
| `parquet` | a Parquet file; the source must be able to seek |
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final, Literal

import msgspec

from tapiary.errors import InvalidInput, TooLarge

if TYPE_CHECKING:
    import pyarrow as pa

UploadFormat = Literal["ndjson", "csv", "arrow", "parquet"]

#: Bytes that are read at once, and rows of a piece.
CHUNK_BYTES: Final = 8 << 20
PIECE_ROWS: Final = 65_536
#: Longest line of NDJSON, and of names in CSV: more is no row.
LINE_BYTES: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows by column: values as JSON has them, Arrow arrays, or arrays of texts that stand for values."""

    rows: int
    columns: Mapping[str, Sequence[Any] | pa.Array]
    texts: bool = False


def pieces(source: IO[bytes], format: str, most_bytes: int) -> Iterator[Piece]:
    """The rows of a file, some at a time.

    Raises InvalidInput (format, file) for what is none of these formats, TooLarge for more than `most_bytes` unpacked.
    """
    reader = _READERS.get(format)
    if reader is None:
        raise InvalidInput(f"format: must be one of {', '.join(_READERS)}", field="format")
    import pyarrow as pa

    size = 0
    try:
        for piece, came in reader(source):
            size += came
            if size > most_bytes:
                raise TooLarge(f"file: has more than {most_bytes} bytes unpacked (setting indexes.max_upload_bytes)",
                               field="file")
            yield piece
    except OSError as error:
        if error.errno is not None:  # of the disk; Arrow's own have no number
            raise
        raise _bad(format, error) from error
    except (ValueError, RecursionError, pa.ArrowException) as error:  # msgspec.DecodeError is a ValueError
        raise _bad(format, error) from error


def of_batch(batch: pa.RecordBatch) -> Piece:
    """A batch of Arrow as a piece. Raises InvalidInput (columns) when a name comes twice."""
    names = batch.schema.names
    if len(set(names)) < len(names):
        raise InvalidInput("columns: names a field twice", field="columns")
    return Piece(batch.num_rows, {name: _plain(batch.column(place)) for place, name in enumerate(names)})


def _json_lines(source: IO[bytes]) -> Iterator[tuple[Piece, int]]:
    decoder = msgspec.json.Decoder()
    left, first = b"", 1
    while chunk := source.read(CHUNK_BYTES):
        cut = chunk.rfind(b"\n") + 1
        if not cut and len(left) + len(chunk) > LINE_BYTES:
            raise ValueError(f"line {first} is longer than {LINE_BYTES} bytes")
        if cut:
            lines = left + chunk[:cut]
            yield _objects(decoder, lines, first), len(lines)
            first += left.count(b"\n") + chunk.count(b"\n")
            left = chunk[cut:]
        else:
            left += chunk
    if left.strip():
        yield _objects(decoder, left, first), len(left)


def _objects(decoder: msgspec.json.Decoder[Any], lines: bytes, first: int) -> Piece:
    try:
        rows = decoder.decode_lines(lines)
    except (ValueError, RecursionError):
        _blame(decoder, lines, first)
        raise
    if not set(map(type, rows)) <= {dict}:
        raise ValueError(f"between line {first} and line {first + len(rows)} there is something other than an object")
    names = dict.fromkeys(name for row in rows for name in row)
    return Piece(len(rows), {name: [row.get(name) for row in rows] for name in names})


def _blame(decoder: msgspec.json.Decoder[Any], lines: bytes, first: int) -> None:
    for number, line in enumerate(lines.split(b"\n"), first):
        try:
            if line.strip():
                decoder.decode(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"line {number}: {error}") from None


def _csv(source: IO[bytes]) -> Iterator[tuple[Piece, int]]:
    import pyarrow as pa
    import pyarrow.csv as reading

    header = source.readline(LINE_BYTES).decode("utf-8-sig")
    names = next(csv.reader([header], strict=True), [])
    if not names:
        raise ValueError("the first line must have the names of fields")
    if len(set(names)) < len(names):
        raise ValueError("the first line names a field twice")
    try:
        reader = reading.open_csv(
            source, reading.ReadOptions(column_names=names, block_size=CHUNK_BYTES),
            reading.ParseOptions(newlines_in_values=True),
            reading.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), null_values=[""],
                                   strings_can_be_null=True, quoted_strings_can_be_null=False))
    except pa.ArrowInvalid as error:
        if "Empty CSV file" in str(error):
            return
        raise
    for batch in reader:
        yield Piece(batch.num_rows, of_batch(batch).columns, texts=True), batch.nbytes


def _arrow(source: IO[bytes]) -> Iterator[tuple[Piece, int]]:
    import pyarrow as pa

    if source.seekable():
        start = source.read(6)
        source.seek(0)
        if start == b"ARROW1":
            file = pa.ipc.open_file(source)
            yield from _batches(file.get_batch(place) for place in range(file.num_record_batches))
            return
    yield from _batches(pa.ipc.open_stream(source))


def _parquet(source: IO[bytes]) -> Iterator[tuple[Piece, int]]:
    import pyarrow.parquet as pq

    yield from _batches(pq.ParquetFile(source).iter_batches(PIECE_ROWS))


def _batches(batches: Any) -> Iterator[tuple[Piece, int]]:
    for batch in batches:
        batch.validate(full=True)  # offsets that lead out of a buffer would be read without a look
        yield of_batch(batch), batch.nbytes


def _plain(array: pa.Array) -> pa.Array:
    import pyarrow as pa

    return array.storage if isinstance(array, pa.ExtensionArray) else array


_READERS: dict[str, Callable[[IO[bytes]], Iterator[tuple[Piece, int]]]] = {
    "ndjson": _json_lines, "csv": _csv, "arrow": _arrow, "parquet": _parquet,
}


def _bad(format: str, error: BaseException) -> InvalidInput:
    told = str(error).partition("\n")[0][:300] or type(error).__name__
    return InvalidInput(f"file: cannot be read as {format}: {told}", field="file")
