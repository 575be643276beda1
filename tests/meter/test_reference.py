"""The twin against golden captures whose expected rows come from tshark or were written by hand."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tapiary.errors import InvalidInput
from tapiary.meter.reference import meter_file

CAPTURES = Path(__file__).parent / "captures"
sys.path.insert(0, str(CAPTURES))

from golden import EXPECTED, config, differences, readable  # noqa: E402


@pytest.mark.parametrize("name", EXPECTED)
def test_golden_capture(name: str) -> None:
    entry = EXPECTED[name]
    result = meter_file(CAPTURES / name, config(entry))
    rows, flows = [readable(row) for row in result.flows], entry["flows"]
    assert [row["flow_id"] for row in rows] == [row["flow_id"] for row in flows], entry["purpose"]
    for row, expected in zip(rows, flows, strict=True):
        assert not differences(expected, row), entry["purpose"]
    assert result.not_flows == entry.get("not_flows", {})
    assert result.non_ip == entry.get("non_ip", {})
    assert result.anomalies == entry.get("anomalies", {})


@pytest.mark.parametrize(
    "data", [b"", b"\xd4\xc3\xb2\xa1" + bytes(19), b"\x0a\x0d\x0d\x0a" + bytes(40), b"GET / HTTP/1.1\r\n" * 9]
)
def test_no_capture_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput) as error:
        meter_file(data, config({}))
    assert error.value.field == "file"
