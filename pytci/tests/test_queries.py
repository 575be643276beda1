"""Queries: what is asked, and the answer as tables."""

from __future__ import annotations

import io
from datetime import datetime, timezone
from typing import Any

import pytest

from hive_stub import Answer, Hive, refusal
from pytci import BadRequest

NQL = 'src stream="netflow" | aggr n=count(1) by label'
ROWS = [{"n": 2, "label": "DNS"}, {"n": 1, "label": None}]


def test_rows(tci: Any, hive: Hive) -> None:
    lines = b'{"n":2,"label":"DNS"}\n{"n":1,"label":null}\n'
    hive.on("POST /query", Answer(200, lines, {"Content-Type": "application/x-ndjson"}, chunked=True))
    assert tci.query(NQL, "rows") == ROWS
    (seen,) = hive.seen
    assert seen.json == {"nql": NQL}
    assert seen.headers["accept"] == "application/x-ndjson"


def test_range_and_placeholders(tci: Any, hive: Hive) -> None:
    hive.on("POST /query", Answer(200, b""))
    start = datetime(2026, 11, 25, 10, tzinfo=timezone.utc)
    assert tci.query("limit 1", "rows", start=start, end="-1h@now", stream="netflow", parameters={"A": "1"}) == []
    assert hive.seen[-1].json == {
        "nql": "limit 1", "start": 1_795_600_800_000, "end": "-1h@now", "stream": "netflow", "parameters": {"A": "1"}}


@pytest.mark.parametrize("as_", ["arrow", "pandas", "polars"])
def test_tables(tci: Any, hive: Hive, as_: str) -> None:
    pyarrow, writer = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pytest.importorskip("pyarrow" if as_ == "arrow" else as_)
    stream = io.BytesIO()
    writer.write_table(pyarrow.Table.from_pylist(ROWS), stream)
    hive.on("POST /query", Answer(200, stream.getvalue(), chunked=True))
    table = tci.query(NQL, as_)
    assert hive.seen[-1].headers["accept"] == "application/vnd.apache.parquet"
    assert list(table["n"].to_pylist() if as_ == "arrow" else table["n"]) == [2, 1]


def test_a_mistake_is_told(tci: Any, hive: Hive) -> None:
    hive.on("POST /query", refusal(400, "nql: line 1, column 5: there is no command 'agr'"))
    with pytest.raises(BadRequest, match="column 5"):
        tci.query("agr", "rows")


def test_an_answer_that_breaks_off_is_asked_for_again(tci: Any, hive: Hive) -> None:
    hive.script += [Answer(200, b'{"n":1}\n', cut=4), Answer(200, b'{"n":1}\n')]
    assert tci.query(NQL, "rows") == [{"n": 1}]
    assert len(hive.seen) == 2
