"""Functions on addresses; the examples of Sycope's manual are among them."""

from __future__ import annotations

from typing import Any

import pytest

from tapiary.query.functions import FunctionError
from tapiary.query.types import IP, MAC, STRING, SUBNET
from tests.query.running import ip, mac_of, missing, run, same, subnet

HEX = "01:02:03:FA:BD:CE"
OCTETS = [1, 2, 3, -6, -67, -50]


@pytest.mark.parametrize(
    ("name", "x", "found"),
    [
        ("isIp", "172.16.40.1", True), ("isIp", "172.256.1.1", False), ("isIp", "ffe0::1", True),
        ("isIp", [1, 2, 3], False),
        ("isIp", [2886739969], True), ("isIp", 5, False), ("isIp", ip("10.0.0.1"), True), ("isIp", missing(IP), False),
        ("isIp", missing(STRING), False), ("isIp", "10.0.0.0/8", False), ("isIp", None, False),
        ("isIp4", "172.16.60.143", True), ("isIp4", "::1", False), ("isIp4", "x", False),
        ("isIp4", ip("1.2.3.4"), True),
        ("isIp6", "2001:db8:3333:4444:5555:6666:1.2.3.4", True), ("isIp6", "1.2.3.4", False), ("isIp6", "x", False),
        ("isIpLoopback", "127.9.9.9", True), ("isIpLoopback", "::1", True), ("isIpLoopback", "172.16.60.143", False),
        ("isIpMulticast", "224.0.0.251", True), ("isIpMulticast", "ff02::1", True),
        ("isIpMulticast", "10.0.0.1", False),
        ("isIpPrivate", "172.16.60.143", True), ("isIpPrivate", "172.32.0.1", False),
        ("isIpPrivate", ip("fd00::1"), True),
        ("isIpPrivate", "8.8.8.8", False), ("isIpPrivate", missing(IP), False), ("isIpPrivate", 7, False),
        ("isMac", HEX, True), ("isMac", OCTETS, True), ("isMac", "FG:00:00:00:00:00", False),
        ("isMac", "01:02:03", False),
        ("isMac", "01:02-03:fa:bd:ce", False), ("isMac", mac_of(HEX), True), ("isMac", missing(MAC), False),
        ("isSubnet", "172.16.40.0/24", True), ("isSubnet", "ffff::/129", False), ("isSubnet", "172.16.60.143", False),
        ("isSubnet", "10.0.0.0/255.0.0.0", False), ("isSubnet", subnet("10.0.0.0/8"), True), ("isSubnet", 4, False),
        ("toIp", "172.16.40.1", [2886739969]), ("toIp", "::1", [0, 0, 0, 1]), ("toIp", "x", None), ("toIp", 5, None),
        ("toIp", missing(STRING), None),
        ("toMac", HEX, OCTETS), ("toMac", "01-02-03-fa-bd-ce", OCTETS), ("toMac", "01:02:03:FA:BD:FG", None),
        ("toMac", 5, None), ("toMac", missing(STRING), None),
        ("toSubnet", "172.16.40.7/24", "172.16.40.0/24"), ("toSubnet", "172.16.60.143", None), ("toSubnet", 5, None),
        ("toSubnet", "2001:db8::/32", "2001:db8::/32"), ("toSubnet", "::ffff:10.0.0.0/104", "::ffff:a00:0/104"),
        ("ipToStr", [2886739969], "172.16.40.1"), ("ipToStr", [-1408227327], "172.16.40.1"),
        ("ipToStr", [1], "0.0.0.1"),
        ("ipToStr", [1, 2], None), ("ipToStr", [2**40], None), ("ipToStr", "1.2.3.4", "1.2.3.4"),
        ("ipToStr", "x", None),
        ("ipToStr", ip("2001:db8::1"), "2001:0db8:0000:0000:0000:0000:0000:0001"), ("ipToStr", missing(IP), None),
        ("macToStr", HEX, HEX), ("macToStr", OCTETS, HEX), ("macToStr", mac_of(HEX), HEX), ("macToStr", [1, 2], None),
        ("macToStr", [1, 2, 3, 4, 5, 999], None), ("macToStr", "x", None), ("macToStr", missing(MAC), None),
        ("subnetToStr", "172.16.40.0/24", "172.16.40.0/24"), ("subnetToStr", "172.16.40.256/24", None),
        ("subnetToStr", subnet("10.0.0.0/8"), "10.0.0.0/8"), ("subnetToStr", missing(SUBNET), None),
    ],
)  # fmt: skip
def test_of_one(name: str, x: Any, found: Any) -> None:
    result = run(name, x)
    assert same(result, found), result


def test_wanted_forms() -> None:
    assert run("toIp", "172.16.40.1", type="IpAddress") == "172.16.40.1"
    assert run("toIp", "::1", type="Array") == [0, 0, 0, 1]
    assert run("toMac", HEX, type="MACAddress") == HEX.lower()
    assert run("ipToStr", [0, 0, 0, 1], short=True) == "::1"
    assert run("ipToStr", "2001:DB8:0:0::1", short=True) == "2001:db8::1"
    with pytest.raises(FunctionError, match="type is Array or IpAddress"):
        run("toIp", "::1", type="text")


@pytest.mark.parametrize(
    ("address", "net", "found"),
    [
        ("172.16.40.1", "172.16.40.0/24", True), ("172.16.40.1", "172.16.30.0/24", False), ("172.16.40.1", "aaa", None),
        ("aaa", "10.0.0.0/8", None), (ip("10.1.2.3"), "10.0.0.0/8", True), ("10.1.2.3", subnet("10.0.0.0/8"), True),
        (missing(IP), "10.0.0.0/8", None), (ip("10.1.2.3"), missing(SUBNET), None), (5, "10.0.0.0/8", None),
        ("10.1.2.3", "::/0", False), ("10.1.2.3", subnet("::/0"), False), ("2001:db8::1", "::/0", True),
        ("2001:db8::1", subnet("::/0"), True), ("10.1.2.3", "0.0.0.0/0", True), ("2001:db8::1", "0.0.0.0/0", False),
        ([167838211], "10.1.2.3/32", True), (None, "10.0.0.0/8", None), ("10.1.2.3", None, None),
    ],
)  # fmt: skip
def test_in_subnet(address: Any, net: Any, found: Any) -> None:
    result = run("inSubnet", address, net)
    assert same(result, found), result
