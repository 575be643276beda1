"""`tapiary flows`: on the screen, and as JSON, CSV and Parquet."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas
import pytest

from tapiary.cli import flow_rows
from tapiary.cli.flows import endpoint, people_table
from tapiary.cli.layout import Screen, columns

if TYPE_CHECKING:
    from tests.cli.conftest import Run


def test_the_table_for_people(processed: Run) -> None:
    result = processed("flows", "--label", "TLS.Google")
    head, line = result.out.splitlines()
    assert head.split() == ["flow", "UTC", "client", "server", "label", "packets", "bytes", "name", "or", "note"]
    assert line.split()[:4] == ["167", "2025-10-09", "08:53:28", "TCP"]
    assert "www.google.com" in line
    assert result.err.startswith("1 flows of ")


def test_the_screen_gets_a_few_and_says_how_many_there_are(processed: Run) -> None:
    result = processed("flows", "-n", "3")
    assert len(result.out.splitlines()) == 4
    assert "3 of 27 flows" in result.err


def test_nothing_found(processed: Run) -> None:
    result = processed("flows", "--label", "Nothing")
    assert (result.code, result.out) == (0, "")
    assert "0 flows" in result.err


def test_filters(processed: Run) -> None:
    def found(*words: str) -> list[Any]:
        return processed("flows", "--json", *words).objects()

    assert {flow["server_port"] for flow in found("--port", "53")} == {53}
    assert all("8.8." in flow["client_ip"] + flow["server_ip"] for flow in found("--ip", "8.8.0.0/16"))
    assert [flow["flow_id"] for flow in found("--flow", "6", "--flow", "1")] == [1, 6]
    names = {flow["server_name"] for flow in found("--where", "server_name=*.google.com")}
    assert names == {"www.google.com"}
    large = found("--where", "bytes>50000", "--where", "protocol=6")
    assert len(large) == len([flow for flow in found() if flow["client_bytes"] + flow["server_bytes"] > 50000])


def test_chosen_columns_sorted_and_limited(processed: Run) -> None:
    words = ("flows", "--sort", "-bytes", "--columns", "flow_id,bytes,first_seen,packet_sizes", "--limit", "2")
    first, second = processed(*words, "--json").objects()
    assert list(first) == ["flow_id", "bytes", "first_seen", "packet_sizes"]
    assert first["bytes"] > second["bytes"]
    rows = list(csv.DictReader(io.StringIO(processed(*words, "--csv", "-").out)))
    assert [int(row["bytes"]) for row in rows] == [first["bytes"], second["bytes"]]
    assert json.loads(rows[0]["packet_sizes"]) == first["packet_sizes"]
    head, *lines = processed(*words).out.splitlines()
    assert head.split() == ["flow_id", "bytes", "first_seen", "packet_sizes"]
    assert len(lines) == 2


def test_the_two_ways_of_writing_agree(processed: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The services' export writes all of it; a limit has the rows written page by page."""
    monkeypatch.setattr(flow_rows, "PAGE_ROWS", 10)
    assert processed("flows", "--json").objects() == processed("flows", "--json", "--limit", "1000").objects()
    for format, read in (("csv", pandas.read_csv), ("parquet", pandas.read_parquet)):
        whole, paged = tmp_path / f"whole.{format}", tmp_path / f"paged.{format}"
        assert processed("flows", f"--{format}", whole).code == 0
        assert processed("flows", f"--{format}", paged, "--limit", "1000").code == 0
        one, two = read(whole), read(paged)
        if format == "csv":
            for frame in (one, two):
                for name in ("first_seen", "last_seen"):
                    frame[name] = pandas.to_datetime(frame[name], format="ISO8601")
        pandas.testing.assert_frame_equal(one, two)


def test_parquet_of_columns(processed: Run, tmp_path: Path) -> None:
    out = tmp_path / "flows.parquet"
    assert processed("flows", "--columns", "first_seen,client_ip,client_mac,bytes,duration", "--parquet", out).code == 0
    frame = pandas.read_parquet(out)
    assert frame["first_seen"][0].to_pydatetime() == datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)
    assert frame["client_mac"][0] == "02:00:5e:10:01:15"


@pytest.mark.parametrize(("words", "text"), [
    (["--columns", "client_ipp"], "client_ip"), (["--sort", "nothing"], "nothing"),
    (["--where", "protocl=6"], "protocol"),
    (["--ip", "10.0.0.0/33"], "10.0.0.0/33"), (["--columns", ","], "columns"), (["--json", "--csv", "-"], "one of"),
    (["--where", "bytes=many"], "many"), (["--limit", "0"], "limit"),
])
def test_wrong_input_is_named(processed: Run, words: list[str], text: str) -> None:
    result = processed("flows", *words)
    assert (result.code, result.out) == (2, "")
    assert text in result.err


@pytest.mark.parametrize("width", [60, 80, 89, 95, 120, 200])
def test_the_table_fits_the_screen(width: int) -> None:
    row = {
        "flow_id": 123456, "first_seen": 1760000000.0, "protocol": 6,
        "client_ip": "192.168.100.121", "client_port": 51194,
        "server_ip": "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff", "server_port": 443, "label": "TLS.MicrosoftAzure",
        "packets": 1234567, "bytes": 10**9, "server_country": "DE", "server_name": "x" * 80,
    }
    lines = people_table(Screen(width), [row])
    assert all(columns(line) <= width for line in lines)
    assert "x" * 80 in people_table(Screen(cut=False), [row])[1]


@pytest.mark.parametrize(("ip", "port", "text"), [
    ("10.0.0.1", 443, "10.0.0.1:443"), ("2001:db8::1", 443, "[2001:db8::1]:443"), ("2001:db8::1", 0, "2001:db8::1"),
])
def test_endpoint(ip: str, port: int, text: str) -> None:
    assert endpoint(ip, port) == text
