"""The summary of one capture, and of several."""

from typing import Any

import pytest

from tapiary.cli.layout import Screen, columns
from tapiary.cli.summary import Summary

RESULT: dict[str, Any] = {
    "packets": 1000, "bytes": 2_000_000, "flows": 20, "seconds": 0.5, "time_start": 1530476322.0,
    "time_end": 1530476422.5, "format": "pcapng", "compression": "gzip", "labels": {"TLS": 15, "DNS": 5},
    "groups": {"Web": 20}, "countries": {"DE": 3}, "anomalies": {"snapped": 2}, "non_ip": {"arp": 7},
    "not_flows": {"non_ip": 7}, "link_types": {"ETHERNET": 1000},
}


def test_one_capture() -> None:
    text = "\n".join(Summary.of([RESULT]).lines(Screen(), "trace.pcap"))
    for words in ("trace.pcap", "2.00 MB, pcapng gzip", "1,000", "2.00 k packets/s, 4.00 MB/s", "75.0 %", "snapped",
                  "not IP (packets)", "2018-07-01 20:18:42 to 2018-07-01 20:20:22 UTC, 1m 40s", "ETHERNET"):
        assert words in text


def test_several_captures_are_summed() -> None:
    total = Summary.of([RESULT, RESULT | {"format": "pcap", "compression": "", "time_start": None, "time_end": None}])
    assert (total.files, total.packets, total.flows, total.seconds) == (2, 2000, 40, 1.0)
    assert total.counts["labels"] == {"TLS": 30, "DNS": 10}
    assert "1 pcapng gzip, 1 pcap" in "\n".join(total.lines(Screen(), "2 captures"))


def test_an_empty_capture() -> None:
    empty = {key: type(value)() for key, value in RESULT.items()} | {"time_start": None, "time_end": None}
    lines = Summary.of([empty]).lines(Screen(), "empty.pcap")
    assert not any("labels" in line for line in lines)


@pytest.mark.parametrize("width", [40, 60, 120])
def test_it_fits_the_screen(width: int) -> None:
    result = RESULT | {"labels": {"x" * 90: 10**7}}
    assert all(columns(line) <= width for line in Summary.of([result]).lines(Screen(width), "t" * 200))
