"""Texts with values of rows: names take all, filters only what cannot change their meaning."""

from __future__ import annotations

from typing import Any

import pytest

from tapiary.errors import InvalidInput
from tapiary.meter import check_filter
from tapiary.services.alerts.templates import capture_filter, title


def test_a_name_takes_every_value() -> None:
    row = {"clientIp": "192.0.2.1", "ports": [22, 80], "n": 3, "nothing": None, "long": "x" * 500, "bad": "a\nb\x1b"}
    assert title("${clientIp}: ${n} of ${ports}", row) == "192.0.2.1: 3 of 22, 80"
    assert title("${nothing} ${absent}", row) == "- -"
    assert title("${bad}", row) == "a b "
    assert len(title("${long}", row)) == 200


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        (443, "443"),
        ("00-1B-2C-3D-4E-5F", "00:1b:2c:3d:4e:5f"),
    ],
)
def test_a_filter_takes_addresses_and_numbers(value: Any, written: str) -> None:
    assert capture_filter("x ${v}", {"v": value}) == f"x {written}"


def test_a_filled_filter_is_one_that_libpcap_takes() -> None:
    text = capture_filter("host ${a} and port ${p} or net ${n} or ether host ${m}",
                          {"a": "2001:db8::1", "p": 53, "n": "10.0.0.0/8", "m": "00:1b:2c:3d:4e:5f"})
    assert not check_filter(text)


@pytest.mark.parametrize(
    "value",
    ["192.0.2.1 or ip", "1 or 1", "", "tcp", "fe80::1%eth0", "fe80::1%eth0 or ip", None, True, -1, 1.5, ["192.0.2.1"],
     {"a": 1}, "192.0.2.1\nor ip", "00:1b:2c:3d:4e:5f or ip", "10.0.0.0/8 or ip", "80"],
)
def test_a_filter_takes_nothing_else(value: Any) -> None:
    with pytest.raises(InvalidInput, match=r"\$\{v\} is"):
        capture_filter("host ${v}", {"v": value})
    with pytest.raises(InvalidInput):
        capture_filter("host ${v}", {})
