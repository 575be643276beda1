"""Flows as tables, and packets."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest

from hive_stub import Answer, Hive, job, refusal
from pytci import BadRequest, ConnectionFailed, Job, PyTCIError

ROWS = [{"flow_id": 1, "label": "DNS", "bytes": 300}, {"flow_id": 2, "label": "TLS.Google", "bytes": 9000}]
NDJSON = b'{"flow_id":1,"label":"DNS","bytes":300}\n{"flow_id":2,"label":"TLS.Google","bytes":9000}\n'
PROCESSING = {"job_id": 3, "state": "finished", "flows": 2}


@pytest.fixture
def processed(hive: Hive) -> Hive:
    """A hive whose job 1 was processed as number 3."""
    hive.jobs[1] = job(1, processing=PROCESSING)
    hive.on("GET /file/3/export", Answer(200, NDJSON, {"Content-Type": "application/x-ndjson"}, chunked=True))
    return hive


def parquet() -> bytes:
    """The rows as the hive exports them."""
    pyarrow, writer = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    stream = io.BytesIO()
    writer.write_table(pyarrow.Table.from_pylist(ROWS), stream)
    return stream.getvalue()


def test_rows_need_nothing(tci: Any, processed: Hive) -> None:
    assert tci.flows(1, "rows") == ROWS
    assert processed.seen[-1].params == [("format", "ndjson")]
    assert tci.flows(1, "rows", columns=["bytes", "note"]) == [
        {"bytes": 300, "note": None}, {"bytes": 9000, "note": None}]


def test_filters(tci: Any, processed: Hive) -> None:
    tci.flows(1, "rows", label="DNS", ip="10.0.0.0/8", server_port=[53, 5353], server_name=None, bytes=">100",
              is_guess=True)
    assert processed.seen[-1].params == [
        ("format", "ndjson"), ("label", "DNS"), ("ip", "10.0.0.0/8"), ("server_port", "53"), ("server_port", "5353"),
        ("server_name", ""), ("bytes", ">100"), ("is_guess", "true")]


def test_a_job_that_tells_its_processing_is_not_asked_for(tci: Any, processed: Hive) -> None:
    tci.flows(Job.from_json(processed.jobs[1]), "rows")
    assert [seen.path for seen in processed.seen] == ["/api/v1/file/3/export"]


@pytest.mark.parametrize("as_", ["arrow", "pandas", "polars"])
def test_tables(tci: Any, processed: Hive, as_: str) -> None:
    pytest.importorskip("pyarrow" if as_ == "arrow" else as_)
    processed.on("GET /file/3/export", Answer(200, parquet(), chunked=True))
    table = tci.flows(1, as_) if as_ != "arrow" else tci.flows(1)
    assert type(table).__module__.partition(".")[0] == as_.replace("arrow", "pyarrow")
    assert processed.seen[-1].params == [("format", "parquet")]
    assert list(table["label"] if as_ != "arrow" else table["label"].to_pylist()) == ["DNS", "TLS.Google"]
    few = tci.flows(1, as_, columns=["bytes", "label"])
    assert list(few.column_names if as_ == "arrow" else few.columns) == ["bytes", "label"]
    with pytest.raises(PyTCIError, match="there is no 'colour' in the flow table; it has flow_id, label, bytes"):
        tci.flows(1, as_, columns=["colour"])


def test_what_is_missing_is_told_before_anything_is_fetched(tci: Any, processed: Hive,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(PyTCIError, match="needs polars: pip install polars"):
        tci.flows(1, "polars")
    with pytest.raises(ValueError, match="as_ must be"):
        tci.flows(1, "excel")
    assert processed.seen == []


def test_jobs_without_flows(tci: Any, hive: Hive) -> None:
    hive.jobs[1] = job(1, status="Done", processing=None)
    with pytest.raises(PyTCIError, match="job 1 has no flows: it is Done"):
        tci.flows(1, "rows")


def test_refusals_and_breaks(tci: Any, processed: Hive) -> None:
    processed.on("GET /file/3/export", refusal(400, "srver_port: there is no 'srver_port'"))
    with pytest.raises(BadRequest, match="srver_port"):
        tci.flows(1, "rows", srver_port=53)
    processed.on("GET /file/3/export", Answer(200, NDJSON, chunked=True, cut=20))
    with pytest.raises(ConnectionFailed):
        tci.flows(1, "rows")


def test_packets(tci: Any, processed: Hive, tmp_path: Path) -> None:
    told = {"Content-Type": "application/x-pcapng", "Content-Disposition": "attachment; filename=1-job3.pcapng"}
    processed.on("GET /file/3/pcap", Answer(200, b"packets", told, chunked=True))
    assert tci.packets(1, tmp_path, label="DNS") == tmp_path / "1-job3.pcapng"
    assert processed.seen[-1].params == [("label", "DNS")]
    assert tci.packets(1, tmp_path / "dns.pcapng", ip="10.0.0.1", server_port=53).read_bytes() == b"packets"
    assert processed.seen[-1].params == [("ip", "10.0.0.1"), ("server_port", "53")]
    assert tci.packets(1, tmp_path / "all.pcapng").read_bytes() == b"packets"
    assert processed.seen[-1].params == []
