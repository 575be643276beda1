"""/query: the same rows in every form, and what is told of mistakes."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tapiary.api.tci.query import _FORMATS
from tests.contract.house import House

NQL = 'records {"n": 1, "ip": toIp("10.0.0.1", type="IpAddress"), "tags": ["a", "é"]}, {"n": 2}'
ROWS = [{"n": 1, "ip": "10.0.0.1", "tags": ["a", "é"]}, {"n": 2, "ip": None, "tags": None}]


def csv_rows(body: bytes) -> list[dict[str, Any]]:
    rows = []
    for row in csv.DictReader(io.StringIO(body.decode())):
        tags = json.loads(row["tags"]) if row["tags"] else None
        rows.append({"n": int(row["n"]), "ip": row["ip"] or None, "tags": tags})
    return rows


READERS: dict[str, Any] = {
    "application/json": json.loads,
    "application/x-ndjson": lambda body: [json.loads(line) for line in body.splitlines()],
    "text/csv": csv_rows,
    "application/vnd.apache.parquet": lambda body: pq.read_table(io.BytesIO(body)).to_pylist(),
    "application/vnd.apache.arrow.stream": lambda body: pa.ipc.open_stream(body).read_all().to_pylist(),
}


@pytest.mark.parametrize("kind", _FORMATS)
def test_the_same_rows_in_every_form(house: House, kind: str) -> None:
    answer = house.boss.post("/query", json={"nql": NQL}, headers={"Accept": kind})
    assert answer.status_code == 200, answer.text
    assert answer.mimetype == kind
    assert READERS[kind](answer.data) == ROWS
    empty = house.boss.post("/query", json={"nql": f"{NQL} | n = 3"}, headers={"Accept": kind})
    assert READERS[kind](empty.data) == []


@pytest.mark.parametrize(
    ("accept", "kind"),
    [(None, "application/json"), ("*/*", "application/json"), ("text/csv, */*;q=0.1", "text/csv"),
     ("text/csv; charset=utf-8", "text/csv"), ("application/*", "application/json")],
)
def test_accept(house: House, accept: str | None, kind: str) -> None:
    headers = {"Accept": accept} if accept else {}
    assert house.boss.post("/query", json={"nql": NQL}, headers=headers).mimetype == kind
    refused = house.boss.post("/query", json={"nql": NQL}, headers={"Accept": "text/html"})
    assert refused.status_code == 400
    assert "application/x-ndjson" in refused.json["message"]


def test_range_stream_and_placeholders(house: House, sample: Path) -> None:
    house.services.ingest.process_file(sample)
    whole = house.boss.post("/query", json={"nql": 'src stream="netflow" | sort timestamp'}).json
    start, end = whole[3]["timestamp"], whole[-1]["timestamp"]
    inside = [row for row in whole if start <= row["timestamp"] < end]
    body = {"nql": "protocol = ${P}", "stream": "netflow", "start": start, "end": f"@{end}", "parameters": {"P": "6"}}
    rows = house.boss.post("/query", json=body).json
    assert {row["sessionId"] for row in rows} == {row["sessionId"] for row in inside if row["protocol"] == 6}
    assert rows


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({}, 400, "nql"),
        ({"nql": ""}, 400, "source"),
        ({"nql": "agr x"}, 400, "line 1, column"),
        ({"nql": 'src stream="nothing"'}, 400, "no stream"),
        ({"nql": "limit 1"}, 400, "stream"),
        ({"nql": NQL, "start": "yesterday"}, 400, "startTime"),
        ({"nql": NQL, "start": 1.5}, 400, "start"),
        ({"nql": NQL, "start": 2**80}, 200, None),
        ({"nql": NQL, "parameters": {"A": 1}}, 400, "parameters"),
        ({"nql": "x" * 70_000}, 400, "65536"),
        ({"nql": "records {} | set a=" + "(" * 5000}, 400, ""),
        ({"nql": 'records {"a": 1} | set b="\x00"'}, 400, "NUL"),
        ({"nql": 'src stream="auditMessages"'}, 403, "ADMIN"),
    ],
)
def test_mistakes_are_told(house: House, body: dict[str, Any], status: int, message: str | None) -> None:
    somebody = house.user("somebody", 9)
    answer = somebody.post("/query", json=body)
    assert answer.status_code == status, answer.text
    if message is not None:
        assert set(answer.json) == {"error", "message"}
        assert message in answer.json["message"]


def test_captures_of_others_are_not_seen(house: House) -> None:
    job = house.capture(house.boss)
    assert job
    somebody = house.user("somebody", 9)
    nql = 'src stream="files" | project +name'
    assert len(house.boss.post("/query", json={"nql": nql}).json) == 1
    assert somebody.post("/query", json={"nql": nql}).json == []
    assert somebody.post("/query", json={"nql": 'src stream="netflow"'}).json == []
