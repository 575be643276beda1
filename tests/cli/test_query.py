"""`tapiary query` and `tapiary inject`: here, and at a server."""

from __future__ import annotations

import csv
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from werkzeug.serving import make_server

from tapiary.accounts import LOCAL
from tapiary.api import create_app
from tapiary.config import Config
from tapiary.meter import meter
from tapiary.services import Services

from .conftest import Result, Run

BY_LABEL = 'src stream="netflow" | aggr n=count(1), b=sum(bytes) by label as label unwind=true | sort b desc, label'
FIELDS = [("timestamp", "long"), ("host", "ip"), ("load", "double"), ("tags", "set")]
ROWS = [{"timestamp": 5, "host": "10.0.0.1", "load": 0.5, "tags": ["a"]},
        {"timestamp": 6, "host": "::1", "load": None, "tags": ["b", "c"]}]


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    """The data that the commands work with, as a server has them."""
    services = Services(Config(data_dir=str(tmp_path / "data")))
    services.accounts.users.first(password=False)
    yield services
    services.close()


@pytest.fixture
def at_server(services: Services, tapiary: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """`tapiary` whose commands ask a server for the same data; it has no other data of its own."""
    shell = services.accounts.shell()
    _, token = services.accounts.tokens.create(shell, "cli", scopes=("read", "write"))
    server = make_server("127.0.0.1", 0, create_app(services), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("TAPIARY_TOKEN", token)

    def run(command: str, *arguments: str | Path, **options: Any) -> Result:
        return tapiary(command, *arguments, "--server", f"http://127.0.0.1:{server.port}", "-d", "/nowhere", **options)

    yield run
    server.shutdown()
    thread.join()


@pytest.fixture(params=["here", "at a server"])
def either(request: pytest.FixtureRequest, tapiary: Run) -> Run:
    """`tapiary` both ways."""
    found: Run = tapiary if request.param == "here" else request.getfixturevalue("at_server")
    return found


@pytest.fixture
def filled(tapiary: Run, sample: Path) -> None:
    """The sample's flows in the tables."""
    assert tapiary("process", sample).code == 0


def test_forms(filled: None, either: Run, tmp_path: Path) -> None:
    whole = either("query", BY_LABEL, "-f", "json")
    assert whole.code == 0, whole.err
    rows = json.loads(whole.out)
    assert rows[0]["label"] == "TLS.YouTube"
    assert either("query", BY_LABEL, "-f", "ndjson").objects() == rows
    table = either("query", BY_LABEL)
    assert table.out.splitlines()[1].split() == [str(rows[0][name]) for name in ("n", "b", "label")]
    assert table.err == f"{len(rows)} rows\n"
    assert either("query", BY_LABEL, "-n", "2").err.startswith("the first 2 rows; --limit shows more")
    for name in ("out.parquet", "out.csv", "out.arrow", "out.json", "out.ndjson"):
        assert either("query", BY_LABEL, "-o", tmp_path / name).code == 0
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == rows
    assert pa.ipc.open_stream((tmp_path / "out.arrow").read_bytes()).read_all().to_pylist() == rows
    assert [row["label"] for row in csv.DictReader((tmp_path / "out.csv").open())] == [row["label"] for row in rows]
    assert json.loads((tmp_path / "out.json").read_text()) == rows


def test_range_stream_and_placeholders(filled: None, either: Run) -> None:
    flows = either("query", "sort timestamp", "--stream", "netflow", "-f", "ndjson").objects()
    times = [row["timestamp"] for row in flows]
    given = ("--stream", "netflow", "--from", times[2], "--to", f"@{times[-1]}", "--parameter", "P=6", "-f", "json")
    found = json.loads(either("query", "protocol = ${P}", *map(str, given)).out)
    assert found
    assert all(times[2] <= row["timestamp"] < times[-1] and row["protocol"] == 6 for row in found)


def test_packets_of_one_capture(filled: None, either: Run, tmp_path: Path) -> None:
    out = tmp_path / "dns.pcap"
    result = either("query", 'src stream="netflow" | application = "DNS"', "--packets", out)
    assert result.code == 0, result.err
    rows = json.loads(either("query", 'src stream="netflow" | application = "DNS"', "-f", "json").out)
    assert f"{len(rows)} flows of 1 capture" in result.err
    assert labels_and_packets(out) == (len(rows), sum(row["packets"] for row in rows))


def test_packets_of_several_captures(filled: None, either: Run, tapiary: Run, corpus: Path, tmp_path: Path) -> None:
    other = next(path for path in sorted((corpus / "pcap").iterdir()) if "dns" in path.name.lower())
    assert tapiary("process", other).code == 0
    nql = 'src stream="netflow" | protocol = 17 | project +jobId, +sessionId, +packets'
    rows = json.loads(either("query", nql, "-f", "json").out)
    assert len({row["jobId"] for row in rows}) == 2
    result = either("query", nql, "--packets", tmp_path / "both.pcapng")
    assert result.code == 0, result.err
    assert labels_and_packets(tmp_path / "both.pcapng")[1] == sum(row["packets"] for row in rows)
    assert either("query", nql, "--packets", "-").code == 2
    assert not list(tmp_path.glob("tapiary-*"))


def labels_and_packets(path: Path) -> tuple[int, int]:
    """Flows and packets of a capture."""
    run = meter(path, Config().meter)
    for _ in run:
        pass
    return run.result.flows, run.result.packets


def test_packets_need_to_know_the_flows(filled: None, either: Run, tmp_path: Path) -> None:
    result = either("query", BY_LABEL, "--packets", tmp_path / "x.pcap")
    assert (result.code, "jobId and sessionId" in result.err) == (2, True)
    nothing = either("query", 'src stream="netflow" | protocol = 99', "--packets", tmp_path / "x.pcap")
    assert nothing.code == 0
    assert not (tmp_path / "x.pcap").exists()


def test_mistakes(either: Run) -> None:
    for arguments, words in (
        (("agr x",), "line 1, column"),
        (('src stream="nothing"',), "no stream"),
        (('src stream="netflow"', "--from", "yesterday"), "startTime"),
        (("limit 1", "--parameter", "x"), "NAME=TEXT"),
        (("limit 1", "-f", "table", "-o", "x.txt"), "--format"),
    ):
        result = either("query", *arguments)
        assert result.code == 2
        assert words in result.err
        assert result.out == ""


def test_a_server_that_is_not_there(tapiary: Run, at_server: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "127.0.0.1:1" in tapiary("query", "limit 1", "--server", "http://127.0.0.1:1").err
    assert tapiary("query", "limit 1", "--server", "ftp://x").code == 2
    assert tapiary("query", "limit 1", "--server", "http://x:port").code == 2
    monkeypatch.setenv("TAPIARY_TOKEN", "tap_1_wrong")
    refused = at_server("query", 'src stream="testdata"')
    assert refused.code == 1
    monkeypatch.delenv("TAPIARY_TOKEN")
    assert "TAPIARY_TOKEN" in at_server("query", "limit 1").err


@pytest.fixture
def sensors(services: Services) -> Callable[[], list[dict[str, Any]]]:
    """An index, and what is in it."""
    services.indexes.create(LOCAL, {"name": "sensors", "fields": [
        {"name": name, "type": kind, "sortable": name == "timestamp"} for name, kind in FIELDS]})

    def rows() -> list[dict[str, Any]]:
        names = ", ".join(f"+{name}" for name, _ in FIELDS)
        answer = services.queries.stream(LOCAL, f'src stream="sensors" | sort timestamp | project {names}')
        return [row for batch in answer.batches for row in batch.to_pylist()]

    return rows


def files(folder: Path) -> dict[str, Path]:
    """The rows in a file of each format."""
    lines = "".join(json.dumps(row) + "\n" for row in ROWS)
    text = 'timestamp,host,load,tags\n5,10.0.0.1,0.5,"[""a""]"\n6,::1,,"[""b"",""c""]"\n'
    table = pa.Table.from_pylist(ROWS)
    found = {form: folder / f"rows.{form}" for form in ("csv", "json", "jsonl", "arrow", "parquet")}
    found["csv"].write_text(text)
    found["json"].write_text(json.dumps(ROWS, indent=2))
    found["jsonl"].write_text(lines)
    with pa.ipc.new_stream(found["arrow"], table.schema) as writer:
        writer.write_table(table)
    pq.write_table(table, found["parquet"])
    return found


@pytest.mark.parametrize("form", ["csv", "json", "jsonl", "arrow", "parquet"])
def test_files_of_every_form_go_in(
    sensors: Callable[[], list[dict[str, Any]]], either: Run, tmp_path: Path, form: str,
) -> None:
    result = either("inject", "sensors", files(tmp_path)[form])
    assert result.code == 0, result.err
    assert sensors() == ROWS


def test_standard_input(sensors: Callable[[], list[dict[str, Any]]], tapiary: Run, tmp_path: Path) -> None:
    assert tapiary("inject", "sensors", "-").code == 2
    result = tapiary("inject", "sensors", "-", "-f", "json", stdin=json.dumps(ROWS).encode())
    assert result.err == "tapiary: sensors: 2 rows of -\n"
    assert sensors() == ROWS


def test_all_rows_or_none(sensors: Callable[[], list[dict[str, Any]]], either: Run, tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps([*ROWS, {"timestamp": 7, "host": "no address"}]))
    for arguments, code, words in (
        (("sensors", bad), 2, "host"),
        (("nothing", bad), 3, "nothing"),
        (("netflow", bad), 1, "netflow"),
        (("sensors", tmp_path / "not.json"), 1, "not.json"),
    ):
        result = either("inject", *arguments)
        assert result.code == code, result.err
        assert words in result.err
    assert sensors() == []
