"""Injection in Sycope's dialect: all or nothing, each bad cell told; packed bodies and files of rows."""

from __future__ import annotations

import gzip
import io
import json
import sys
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tapiary.api import create_app
from tapiary.config import Config, IndexesConfig
from tapiary.services import Services
from tests.contract.npm import OK, TIMESTAMP, Caller, Npm, check_error

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

#: Values of each type, as they are sent and as they come back.
VALUES: dict[str, list[tuple[Any, Any]]] = {
    "string": [("", ""), ("ä\n\"😀", "ä\n\"😀")],
    "boolean": [(True, True), (False, False)],
    "byte": [(-128, -128), (127, 127)],
    "short": [(-(2**15), -(2**15)), (2**15 - 1, 2**15 - 1)],
    "int": [(-(2**31), -(2**31)), (2**31 - 1, 2**31 - 1)],
    "long": [(-(2**63), -(2**63)), (2**63 - 1, 2**63 - 1)],
    "float": [(1, 1.0), (0.5, 0.5)],
    "double": [(-1.7976931348623157e308, -1.7976931348623157e308), (5e-324, 5e-324)],
    "ip": [("192.0.2.1", "192.0.2.1"), ("2001:DB8::1", "2001:db8::1")],
    "ip4": [("255.255.255.255", "255.255.255.255"), ("10.1", "10.0.0.1")],
    "ip6": [("::", "::"), ("fe80::1", "fe80::1")],
    "subnet": [("192.0.2.0/24", "192.0.2.0/24"), ("2001:db8::/32", "2001:db8::/32")],
    "ifc": [("172.16.100.1[58]", "172.16.100.1[58]")],
    "mac": [("00:1b:44:11:3a:b7", "00:1b:44:11:3a:b7")],
    "set": [(["b", "a"], ["b", "a"]), ([], [])],
}
#: What no column of the type takes.
BAD: dict[str, list[Any]] = {
    "string": [1, True, ["a"], {"a": 1}],
    "boolean": [1, "true", "x"],
    "byte": [128, -129, 1.5, "1", True],
    "short": [2**15, "x"],
    "int": [2**31, 2**70],
    "long": [2**63, 1.5, "1"],
    "float": ["1", True],
    "double": [10**400, "x"],
    "ip": ["192.0.2", "x", 1],
    "ip4": ["::1", "256.1.1.1"],
    "ip6": ["192.0.2.1", "fe80::1%eth0"],
    "subnet": ["192.0.2.0/33", "192.0.2.0", 7],
    "ifc": ["172.16.100.1", "x[1]"],
    "mac": ["00:1b:44:11:3a", "x"],
    "set": ["a", [["a"]], {"a": 1}],
}
COLUMNS = ["timestamp", "ip", "n"]
ROWS = [[1, "192.0.2.1", 1], [2, "192.0.2.2", None], [3, None, -3]]


@pytest.fixture(scope="module")
def numbers(shared_npm: Npm) -> Npm:
    """With an index of that name."""
    shared_npm.alice.index("numbers", n="int")
    return shared_npm


@pytest.mark.parametrize("kind", VALUES)
def test_rows_in_are_rows_out(shared_npm: Npm, kind: str) -> None:
    name = f"in and out {kind}"
    shared_npm.alice.index(name, v=kind)
    sent = [*(value for value, _ in VALUES[kind]), None]
    answer = shared_npm.alice.inject(name, ["timestamp", "v"], [[at, value] for at, value in enumerate(sent)])
    assert answer.json == OK
    rows = shared_npm.alice.rows(f'src stream="{name}" | sort timestamp')
    assert rows == [
        {"timestamp": at, "v": value, "_stream": name} for at, value in enumerate([*(v for _, v in VALUES[kind]), None])
    ]


@pytest.mark.parametrize("kind", BAD)
def test_bad_cells_are_told_one_by_one_and_nothing_is_taken(shared_npm: Npm, kind: str) -> None:
    name = f"bad {kind}"
    shared_npm.alice.index(name, v=kind)
    good = VALUES[kind][0][0]
    rows = [[0, good], *([at, value] for at, value in enumerate(BAD[kind], 1)), [99, good]]
    answer = shared_npm.alice.inject(name, ["timestamp", "v"], rows)
    check_error(answer, 400, "v", "row 1")
    assert set(answer.json) == {"status", "code", "message", "cells", "count"}
    assert [(cell["row"], cell["column"]) for cell in answer.json["cells"]] == [
        (at, "v") for at in range(1, len(BAD[kind]) + 1)
    ]
    assert answer.json["count"] == len(BAD[kind])
    assert all(cell["reason"] for cell in answer.json["cells"])
    assert shared_npm.alice.rows(f'src stream="{name}"') == []


def test_the_first_twenty_bad_cells_and_their_number(shared_npm: Npm) -> None:
    shared_npm.alice.index("many bad", n="int")
    answer = shared_npm.alice.inject("many bad", ["timestamp", "n"], [[None, "x"]] * 50)
    check_error(answer, 400, "100 cells")
    assert [(cell["row"], cell["column"]) for cell in answer.json["cells"]] == [
        (row, column) for row in range(10) for column in ("timestamp", "n")
    ]
    assert answer.json["count"] == 100
    answer = shared_npm.alice.inject("many bad", ["timestamp", "n"], [[1, 1], [1], [1, 1, 1], []])
    assert [cell["row"] for cell in answer.json["cells"]] == [1, 2, 3]


@pytest.mark.parametrize(
    ("columns", "rows", "word"),
    [
        (["timestamp", "nothing"], [[1, 1]], "nothing"),
        (["n"], [[1]], "timestamp"),
        (["timestamp", "n", "n"], [[1, 1, 1]], "twice"),
        ([], [], "timestamp"),
        (["timestamp", 1], [[1, 1]], "columns"),
        ("timestamp", [[1]], "columns"),
        (["timestamp"], [1], "rows"),
        (["timestamp"], "rows", "rows"),
        (["timestamp"], None, "rows"),
    ],
)
def test_columns_and_rows(numbers: Npm, columns: Any, rows: Any, word: str) -> None:
    check_error(numbers.alice.inject("numbers", columns, rows), 400, word)


def test_bodies_that_are_no_injections(shared_npm: Npm) -> None:
    for body, kind, word in (
        (b"", "application/json", "body"),
        (b"{", "application/json", "body"),
        (b"[]", "application/json", "object"),
        (b'{"indexName": "x", "columns": [], "rows": [[NaN]]}', "application/json", "body"),
        (b'{"columns": [], "rows": []}', "application/json", "indexName"),
        (b'{"indexName": "x", "columns": [], "rows": []}', "text/plain", "application/json"),
        (b'{"indexName": "x", "columns": [], "rows": []}', "application/x-www-form-urlencoded", "application/json"),
    ):
        check_error(shared_npm.alice.post("/index/inject", data=body, content_type=kind), 400, word)


@pytest.mark.parametrize("name", ["netflow", "alerts", "testdata", "netflowByAppAggr", "assetDevices"])
def test_built_in_streams_take_no_rows(shared_npm: Npm, name: str) -> None:
    check_error(shared_npm.alice.inject(name, ["timestamp"], [[1]]), 403, name, "custom indexes")


def test_an_index_that_is_not_there(shared_npm: Npm) -> None:
    check_error(shared_npm.alice.inject("no such index", ["timestamp"], [[1]]), 404, "no such index")
    check_error(shared_npm.alice.inject("a\0b", ["timestamp"], [[1]]), 404)


def test_a_subset_of_the_columns_in_any_order(npm: Npm) -> None:
    npm.alice.index("subset", a="int", b="string", c="ip")
    assert npm.alice.inject("subset", ["b", "timestamp"], [["x", 2], ["y", 1]]).json == OK
    rows = npm.alice.rows('src stream="subset" | sort timestamp')
    assert [(row["b"], row["a"], row["c"]) for row in rows] == [("y", None, None), ("x", None, None)]


def test_no_rows_are_no_error(npm: Npm) -> None:
    npm.alice.index("empty")
    assert npm.alice.inject("empty", ["timestamp"], []).json == OK


def test_a_request_that_is_sent_again_adds_nothing(npm: Npm) -> None:
    npm.alice.index("once")
    for key in ("a", "a", "b", "a"):
        assert npm.alice.inject("once", ["timestamp"], [[1], [2]], **{"Idempotency-Key": key}).json == OK
    assert len(npm.alice.rows('src stream="once"')) == 4
    check_error(npm.alice.inject("once", ["timestamp"], [[1]], **{"Idempotency-Key": "x" * 1000}), 400, "request")


def packed(data: bytes, encoding: str) -> bytes:
    return {"gzip": gzip.compress, "zstd": zstd.compress, "identity": bytes}[encoding](data)


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "identity"])
def test_packed_bodies(npm: Npm, encoding: str) -> None:
    npm.alice.index("packed", ip="ip", n="int")
    body = packed(json.dumps({"indexName": "packed", "columns": COLUMNS, "rows": ROWS}).encode(), encoding)

    def send(data: bytes, encoding: str = encoding) -> Any:
        return npm.alice.post(
            "/index/inject", data=data, content_type="application/json", headers={"Content-Encoding": encoding}
        )

    assert send(body).json == OK
    assert len(npm.alice.rows('src stream="packed"')) == 3
    check_error(send(body[: len(body) // 2]), 400, "body")
    check_error(send(b"rubbish"), 400, "body")
    check_error(send(body, "br"), 400, "Content-Encoding")
    assert len(npm.alice.rows('src stream="packed"')) == 3


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "identity"])
def test_bodies_are_limited_by_what_they_unpack_to(tmp_path: Any, encoding: str) -> None:
    services = Services(
        Config(data_dir=str(tmp_path), indexes=IndexesConfig(max_body_bytes=100_000, max_upload_bytes=200_000))
    )
    services.accounts.users.first(password=False)
    from tapiary.accounts import LOCAL

    caller = Caller(create_app(services).test_client(), services.accounts.tokens.create(LOCAL, "t", owner="admin")[1])
    caller.index("limited", s="string")
    rows = [[1, "x" * 50_000]]
    body = json.dumps({"indexName": "limited", "columns": ["timestamp", "s"], "rows": rows * 3}).encode()
    lines = b'{"timestamp": 1, "s": "%s"}\n' % (b"x" * 50_000)
    headers = {"Content-Encoding": encoding}
    for data, path, kind, word in (
        (body, "/index/inject", "application/json", "max_body_bytes"),
        (lines * 5, "/index/inject/limited", "application/x-ndjson", "max_upload_bytes"),
    ):
        answer = caller.post(path, data=packed(data, encoding), content_type=kind, headers=headers)
        check_error(answer, 413, word)
    answer = caller.post(
        "/index/inject/limited", data=packed(lines * 3, encoding), content_type="application/x-ndjson", headers=headers
    )
    assert answer.json == {**OK, "rows": 3}
    assert len(caller.rows('src stream="limited"')) == 3
    services.close()


def files() -> dict[str, bytes]:
    """The same rows in every format."""
    table = pa.table({
        name: pa.array([row[at] for row in ROWS], pa.string() if name == "ip" else pa.int64())
        for at, name in enumerate(COLUMNS)
    })
    stream, file, parquet = io.BytesIO(), io.BytesIO(), io.BytesIO()
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    with pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    pq.write_table(table, parquet)
    lines = "".join(json.dumps(dict(zip(COLUMNS, row, strict=True))) + "\n" for row in ROWS)
    return {
        "application/x-ndjson": lines.encode(),
        "text/csv": b"timestamp,ip,n\n1,192.0.2.1,1\n2,192.0.2.2,\n3,,-3\n",
        "application/vnd.apache.arrow.stream": stream.getvalue(),
        "application/vnd.apache.arrow.file": file.getvalue(),
        "application/vnd.apache.parquet": parquet.getvalue(),
    }


@pytest.mark.parametrize("encoding", ["identity", "gzip", "zstd"])
@pytest.mark.parametrize("kind", files())
def test_files_of_rows(npm: Npm, kind: str, encoding: str) -> None:
    npm.alice.index("uploaded", ip="ip", n="int")
    data = packed(files()[kind], encoding)

    def send(data: bytes, kind: str = kind, **headers: str) -> Any:
        headers["Content-Encoding"] = encoding
        return npm.alice.post("/index/inject/uploaded", data=data, content_type=kind, headers=headers)

    assert send(data, **{"Idempotency-Key": "k"}).json == {**OK, "rows": 3}
    assert send(data, **{"Idempotency-Key": "k"}).status_code == 200
    rows = npm.alice.rows('src stream="uploaded" | sort timestamp')
    assert [[row[name] for name in COLUMNS] for row in rows] == ROWS
    check_error(send(b"rubbish \xff\n" * 3), 400)
    check_error(send(data, "application/octet-stream"), 400, "Content-Type")
    if kind not in ("application/x-ndjson", "text/csv"):
        check_error(send(packed(files()[kind][:-20], encoding)), 400)
    assert len(npm.alice.rows('src stream="uploaded"')) == 3


def test_bad_cells_of_files_are_told_alike(npm: Npm) -> None:
    npm.alice.index("uploaded", ip="ip", n="int")
    answer = npm.alice.post(
        "/index/inject/uploaded", data=b'{"timestamp":1,"n":1}\n{"timestamp":2,"n":"x"}\n',
        content_type="application/x-ndjson",
    )
    check_error(answer, 400, "row 1")
    (cell,) = answer.json["cells"]
    assert (cell["row"], cell["column"], cell["value"]) == (1, "n", '"x"')
    check_error(npm.bob.post("/index/inject/uploaded", data=b"", content_type="text/csv"), 404, "uploaded")


def test_rows_of_others(npm: Npm) -> None:
    npm.alice.index("theirs")
    check_error(npm.bob.inject("theirs", ["timestamp"], [[1]]), 404, "theirs")
    assert npm.root.inject("theirs", ["timestamp"], [[1]]).json == OK
    assert TIMESTAMP["name"] in npm.alice.rows('src stream="theirs"')[0]
