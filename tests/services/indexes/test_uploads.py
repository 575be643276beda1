"""Files of rows: what each format brings, and what is told of files that are none."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace

from tapiary.errors import InvalidInput, TooLarge
from tapiary.services import BadCells, Services
from tapiary.services.indexes import uploads
from tests.services.indexes.conftest import Make, rows_of
from tests.services.people import BOB

TABLE = pa.table({
    "timestamp": pa.array([1000, 2000], pa.timestamp("ms")), "s": pa.array(["x", None]).dictionary_encode(),
    "n": pa.array([1, None], pa.uint64()), "d": pa.array([1, 2], pa.int32()),
    "ip": pa.array(["::ffff:1.2.3.4", ""], pa.large_string()), "tags": [["a", "b", "a"], None],
})
STORED = [
    (1000, "x", 1, 1.0, bytes(10) + b"\xff\xff\1\2\3\4", ["a", "b"]), (2000, None, None, 2.0, None, None),
]


@pytest.fixture(autouse=True)
def index(make: Make) -> None:
    """An index for the rows of TABLE."""
    make(s="string", n="long", d="double", ip="ip", tags="set")


def put(services: Services, format: str, data: bytes, **options: Any) -> int:
    """Inject a file; returns how many rows were taken."""
    return services.indexes.inject_file(BOB, "I", io.BytesIO(data), format, **options).rows


def stream(table: pa.Table) -> bytes:
    """The table as an Arrow IPC stream."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def parquet(table: pa.Table) -> bytes:
    """The table as a Parquet file."""
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def arrow_file(table: pa.Table) -> bytes:
    """The table as an Arrow IPC file."""
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


LINES = (b'{"tags": ["a", "b", "a"], "s": "x", "n": 1, "timestamp": 1000, "d": 1, "ip": "::ffff:1.2.3.4"}\n\n'
         b'{"timestamp": 2000, "ip": "", "d": 2.0}')
CSV = b'\xef\xbb\xbftimestamp,s,n,d,ip,tags\r\n1000,x,1,1,::ffff:1.2.3.4,"[""a"",""b"",""a""]"\r\n2000,,,2e0,,\r\n'


@pytest.mark.parametrize(("format", "data"), [
    ("ndjson", LINES), ("csv", CSV), ("arrow", stream(TABLE)), ("arrow", arrow_file(TABLE)),
    ("parquet", parquet(TABLE)),
])
def test_each_format_brings_the_same_rows(services: Services, format: str, data: bytes) -> None:
    assert put(services, format, data) == 2
    assert rows_of(services) == STORED


def test_batches_of_arrow(services: Services) -> None:
    assert services.indexes.inject_batches(BOB, "I", TABLE.to_batches(max_chunksize=1)).rows == 2
    assert rows_of(services) == STORED


def test_csv_knows_the_empty_text_from_none(services: Services) -> None:
    put(services, "csv", b'timestamp,s\n1,""\n2,\n3,"a\nb"\n4,0x10\n')
    assert [row[1] for row in rows_of(services)] == ["", None, "a\nb", "0x10"]


@pytest.mark.parametrize("cell", ["0x10", " 5", "5 ", "1_0", "nan", "inf", "1e400", "--5", "5e", "٣", "true"])
def test_csv_texts_that_are_no_numbers(services: Services, cell: str) -> None:
    with pytest.raises(BadCells) as refused:
        put(services, "csv", f"timestamp,d\n1,1\n2,{cell}\n".encode())
    assert [(bad.row, bad.column) for bad in refused.value.cells] == [(1, "d")]


@pytest.mark.parametrize(("format", "data", "said"), [
    ("ndjson", b'{"timestamp": 1}\n[1]\n', "something other than an object"),
    ("ndjson", b'{"timestamp": 1}\n\n{"a"', "line 3"),
    ("ndjson", b'{"timestamp": NaN}', "line 1"), ("ndjson", b"[" * 100_000, "line 1"), ("ndjson", b"\xff", "line 1"),
    ("csv", b"", "names of fields"), ("csv", b"timestamp,timestamp\n", "twice"), ("csv", b"timestamp\n1,2\n", "csv"),
    ("csv", b"timestamp,s\n1,\xff\n", "UTF"), ("csv", b"\xff\xfe", "csv"),
    ("arrow", b"", "arrow"), ("arrow", b"ARROW1", "arrow"), ("arrow", stream(TABLE)[:-100], "arrow"),
    ("parquet", b"", "parquet"), ("parquet", parquet(TABLE)[:-9], "parquet"), ("parquet", b"PAR1" * 5, "parquet"),
    ("xlsx", b"", "one of ndjson, csv, arrow, parquet"),
])
def test_files_that_are_none(services: Services, format: str, data: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        put(services, format, data)
    assert rows_of(services) == []


@pytest.mark.parametrize(("format", "data"), [
    ("ndjson", b'{"timestamp": 1, "x": 1}'), ("csv", b"timestamp,x\n1,1\n"),
    ("arrow", stream(pa.table({"timestamp": [1], "x": [1]}))), ("parquet", parquet(pa.table({"s": ["no time"]}))),
    ("arrow", stream(pa.table([[1], [2]], ["timestamp", "timestamp"]))),
])
def test_columns_that_are_none(services: Services, format: str, data: bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        put(services, format, data)
    assert refused.value.field == "columns"
    assert rows_of(services) == []


@pytest.mark.parametrize("at", [0, 65_536, 150_000])
@pytest.mark.parametrize("format", ["ndjson", "parquet"])
def test_a_bad_cell_anywhere_keeps_a_large_file_out(services: Services, format: str, at: int) -> None:
    times: list[int | None] = list(range(200_000))
    times[at] = None
    if format == "ndjson":
        data = "\n".join(json.dumps({"timestamp": moment}) for moment in times).encode()
    else:
        data = parquet(pa.table({"timestamp": times}))
    with pytest.raises(BadCells) as refused:
        put(services, format, data)
    assert ([cell.row for cell in refused.value.cells], refused.value.count) == ([at], 1)
    assert services.indexes.find(BOB, "I").table.size()["rows"] == 0
    folder = services.indexes.find(BOB, "I").table.log.folder
    assert list(folder.rglob("*.parquet")) == []


def test_a_large_file_is_one_commit(services: Services) -> None:
    data = stream(pa.table({"timestamp": range(300_000)}))
    assert put(services, "arrow", data, request="k") == 300_000
    before = services.indexes.find(BOB, "I").table.size()
    put(services, "arrow", data, request="k")
    assert services.indexes.find(BOB, "I").table.size() == before
    assert before["rows"] == 300_000


@pytest.mark.parametrize(("format", "data"), [
    ("ndjson", b'{"timestamp": 1}\n' * 1000), ("csv", b"timestamp\n" + b"1234567890123\n" * 1000),
    ("parquet", parquet(pa.table({"timestamp": [1] * 10_000}))),
    ("arrow", stream(pa.table({"timestamp": range(1000)}))),
])
def test_too_large(services: Services, format: str, data: bytes) -> None:
    small = Services(replace(services.config, indexes=replace(services.config.indexes, max_upload_bytes=4096)))
    with pytest.raises(TooLarge, match="max_upload_bytes"):
        put(small, format, data)
    small.close()
    assert rows_of(services) == []


def test_lines_that_never_end(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "CHUNK_BYTES", 100)
    monkeypatch.setattr(uploads, "LINE_BYTES", 1000)
    with pytest.raises(InvalidInput, match="line 3 is longer than 1000 bytes"):
        put(services, "ndjson", b'{"timestamp": 1}\n' * 2 + b" " * 2000)


def test_lines_across_chunks(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    for size in (1, 7, 17, 18, 50):
        monkeypatch.setattr(uploads, "CHUNK_BYTES", size)
        with pytest.raises(InvalidInput, match="line 7"):
            put(services, "ndjson", b'{"timestamp": 1}\n' * 6 + b"{]\n" + b'{"timestamp": 1}')
        assert put(services, "ndjson", b'{"timestamp": 1}\n' * 6) == 6
    assert len(rows_of(services)) == 30


def test_offsets_that_lead_out_of_a_buffer(services: Services) -> None:
    data = bytearray(stream(pa.table({"timestamp": [1], "s": ["abcdefgh"]})))
    end = data.index(b"\0\0\0\0\x08\0\0\0abcdefgh") + 4
    data[end:end + 4] = b"\xff\xff\xff\x7f"
    with pytest.raises(InvalidInput, match=r"cannot be read as arrow: .*offset"):
        put(services, "arrow", bytes(data))
