"""`tapiary stats`: counts, for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import Run


def test_json(processed: Run) -> None:
    (found,) = processed("stats", "--json", "--limit", "2").objects()
    assert found["job_id"] == 1
    content = {statistic["title"]: statistic["content"] for statistic in found["statistics"]}
    assert content["labels"] == [{"label": "DNS", "count": 3}, {"label": "HTTP", "count": 3}]
    assert {"protocols", "groups", "clients", "servers", "server_ports", "server_names"} <= set(content)


def test_of_some_flows(processed: Run) -> None:
    (found,) = processed("stats", "--json", "--label", "Network", "--port", "53").objects()
    content = {statistic["title"]: statistic["content"] for statistic in found["statistics"]}
    assert {"label": "DNS", "count": 3} in content["labels"]
    assert content["server_ports"] == [{"label": "53", "count": content["protocols"][0]["count"]}]


def test_of_an_address_with_what_is_known_of_it(processed: Run) -> None:
    (found,) = processed("stats", "--json", "--ip", "198.51.100.80").objects()
    assert found["domain_name"]
    assert found["country"] is None
    text = processed("stats", "--ip", "198.51.100.80").out
    assert f"domain name: {found['domain_name']}" in text


def test_shares_are_of_all_flows_that_match(processed: Run) -> None:
    lines = processed("stats", "--limit", "1").out.splitlines()
    line = lines[lines.index("labels") + 1]
    assert line.split()[:3] == ["DNS", "3", "11.1"]
