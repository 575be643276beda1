"""One cell of each type: what is taken as what, and what is refused with which reason."""

from __future__ import annotations

import ipaddress
import math
import socket
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapiary.services.indexes.cells import CELLS, LAST_MS, moment

NAN, INFINITY = float("nan"), float("inf")
MAPPED = bytes(10) + b"\xff\xff"


def v4(text: str) -> bytes:
    """The stored form of a full IPv4 address."""
    return MAPPED + ipaddress.IPv4Address(text).packed


def v6(text: str) -> bytes:
    """The stored form of an IPv6 address."""
    return ipaddress.IPv6Address(text).packed


@pytest.mark.parametrize(("kind", "given", "stored"), [
    ("string", "", ""), ("string", "a\0b", "a\0b"), ("string", "\U0010ffff", "\U0010ffff"),
    ("boolean", True, True), ("boolean", False, False),
    ("byte", -128, -128), ("byte", 127, 127), ("byte", 5.0, 5), ("short", -32768, -32768), ("short", 32767, 32767),
    ("int", -2**31, -2**31), ("int", 2**31 - 1, 2**31 - 1), ("long", -2**63, -2**63), ("long", 2**63 - 1, 2**63 - 1),
    ("long", 1e18, 10**18),
    ("float", 1, 1.0), ("float", 2.2, 2.2), ("float", 16777217, 16777216.0), ("float", 3.4028235e38, 3.4028235e38),
    ("float", 1e-50, 0.0), ("double", 1, 1.0), ("double", 1.7976931348623157e308, 1.7976931348623157e308),
    ("double", 2**53 + 1, 2.0**53), ("double", 5e-324, 5e-324),
    ("ip", "", None), ("ip", "10.0.0.1", v4("10.0.0.1")), ("ip", "2001:DB8::1", v6("2001:db8::1")),
    ("ip", "::ffff:1.2.3.4", v4("1.2.3.4")),
    ("ip4", "", None), ("ip4", "10.1", v4("10.0.0.1")), ("ip4", "10.1.257", v4("10.1.1.1")),
    ("ip4", "5", v4("0.0.0.5")),
    ("ip4", "4294967295", v4("255.255.255.255")), ("ip4", "0.0.0.0", v4("0.0.0.0")),
    ("ip6", "", None), ("ip6", "::", bytes(16)), ("ip6", "::ffff:1.2.3.4", v4("1.2.3.4")),
    ("subnet", "10.1.2.3/8", v4("10.0.0.0") + v4("10.255.255.255") + b"\x08"),
    ("subnet", "1.2.3.4/32", v4("1.2.3.4") * 2 + b"\x20"),
    ("subnet", "0.0.0.0/0", v4("0.0.0.0") + v4("255.255.255.255") + b"\0"),
    ("subnet", "::/0", bytes(16) + b"\xff" * 16 + b"\0"),
    ("subnet", "2001:db8::1/32", v6("2001:db8::") + v6("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff") + b"\x20"),
    ("subnet", "::1/128", v6("::1") * 2 + b"\x80"),
    ("mac", "00:1b:21:3c:9d:f8", 0x001B213C9DF8), ("mac", "FF-FF-FF-FF-FF-FF", 2**48 - 1),
    ("ifc", "172.16.100.1[58]", "172.16.100.1[58]"), ("ifc", "2001:DB8:0::1[007]", "2001:db8::1[7]"),
    ("ifc", "::ffff:1.2.3.4[4294967295]", "1.2.3.4[4294967295]"),
    ("set", [], []), ("set", ["b", "a", "b"], ["b", "a"]), ("set", [1, "1", -5], ["1", "-5"]), ("set", [""], [""]),
])
def test_taken(kind: str, given: Any, stored: Any) -> None:
    found = CELLS[kind](given)
    assert found == stored
    assert type(found) is type(stored)


@pytest.mark.parametrize("kind", ["float", "double"])
def test_there_is_one_zero(kind: str) -> None:
    assert math.copysign(1, CELLS[kind](-0.0)) == 1
    assert math.copysign(1, CELLS[kind](-1e-400)) == 1


@pytest.mark.parametrize(("kind", "given", "reason"), [
    ("string", 1, "no text"), ("string", "\ud800", "surrogate"), ("string", "a\udfffb", "surrogate"),
    ("string", b"x", "no text"),
    ("boolean", 1, "neither"), ("boolean", 0, "neither"), ("boolean", "true", "neither"),
    ("byte", 128, "range of byte, -128 to 127"), ("byte", -129, "range"), ("short", 32768, "range"),
    ("int", 2**31, "range"), ("long", 2**63, "range"), ("long", 2.0**63, "range"), ("long", 10**400, "range"),
    ("int", True, "no number"), ("int", "5", "no number"), ("int", 1.5, "no whole"), ("int", NAN, "no whole"),
    ("int", INFINITY, "no whole"),
    ("float", 3.5e38, "range of float"), ("float", 10**400, "range"), ("float", NAN, "finite"),
    ("float", True, "no number"),
    ("double", 10**400, "range of double"), ("double", INFINITY, "finite"), ("double", -INFINITY, "finite"),
    ("double", NAN, "finite"), ("double", "1.5", "no number"), ("double", False, "no number"),
    ("ip", "10.1", "no address"), ("ip", "x", "no address"), ("ip", "1.2.3.4 ", "no address"), ("ip", 5, "no text"),
    ("ip", "fe80::1%eth0", "no address"), ("ip", "::1\0", "no address"), ("ip", "\ud800", "no address"),
    ("ip4", "::1", "no IPv4"), ("ip4", "010.1.1.1", "no IPv4"), ("ip4", "1.2.3.256", "no IPv4"),
    ("ip4", "1.2.3.4.5", "no IPv4"),
    ("ip4", "4294967296", "no IPv4"), ("ip4", "0x10", "no IPv4"), ("ip4", "1.2.3.4 x", "no IPv4"),
    ("ip4", "٣", "no IPv4"),
    ("ip6", "1.2.3.4", "no IPv6"), ("ip6", "::g", "no address"),
    ("subnet", "10.0.0.0", "no network"), ("subnet", "10.0.0.0/33", "32 bits"), ("subnet", "::/129", "128 bits"),
    ("subnet", "10.0.0.0/", "no network"), ("subnet", "10.0.0.0/-1", "no network"), ("subnet", "", "no network"),
    ("subnet", "10.0.0.0/255.0.0.0", "no network"), ("subnet", "x/8", "no address"),
    ("subnet", "1.2.3.4/٣", "no network"),
    ("mac", "00:1b:21:3c:9d", "no MAC"), ("mac", "00:1b-21:3c:9d:f8", "no MAC"), ("mac", "001b213c9df8", "no MAC"),
    ("mac", "00:1b:21:3c:9d:f8\n", "no MAC"), ("mac", 5, "no text"),
    ("ifc", "1.2.3.4", "no interface"), ("ifc", "1.2.3.4[]", "no interface"), ("ifc", "x[1]", "no address"),
    ("ifc", "1.2.3.4[4294967296]", "no interface"), ("ifc", "1.2.3.4[1]x", "no interface"),
    ("set", "a", "no list"), ("set", [None], "something other"), ("set", [[1]], "something other"),
    ("set", [True], "something other"), ("set", [1.5], "something other"), ("set", ["\ud800"], "surrogate"),
    ("set", [10**400], "64 bits"),
])
def test_refused(kind: str, given: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        CELLS[kind](given)


@pytest.mark.parametrize("wrong", [None, -1, LAST_MS + 1, 1738677059000000, 1.5, True, "1738677059000", NAN])
def test_moments_that_are_none(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"is no|out of"):
        moment(wrong)


def test_moments() -> None:
    assert [moment(0), moment(LAST_MS), moment(1738677059000.0)] == [0, LAST_MS, 1738677059000]


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_a_float_comes_back_as_its_shortest_text(number: float) -> None:
    stored = CELLS["float"](number)
    assert np.float32(stored) == np.float32(number)
    assert len(repr(stored)) <= len(repr(number))


@given(st.integers(0, 2**32 - 1))
def test_short_forms_are_those_of_inet_aton(number: int) -> None:
    a, b, c, d = number.to_bytes(4, "big")
    for text in (f"{a}.{b}.{c}.{d}", f"{a}.{b}.{c << 8 | d}", f"{a}.{b << 16 | c << 8 | d}", f"{number}"):
        assert CELLS["ip4"](text) == MAPPED + socket.inet_aton(text)


@given(st.ip_addresses(), st.integers(0, 128))
def test_networks_are_those_of_the_standard_library(address: Any, length: int) -> None:
    length = min(length, address.max_prefixlen)
    network = ipaddress.ip_network((address, length), strict=False)
    first, last = (CELLS["ip"](str(end)) for end in (network[0], network[-1]))
    assert CELLS["subnet"](f"{address}/{length}") == first + last + bytes([length])


#: Whatever a client may send: what JSON has, and numbers and texts at their limits.
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None, categories=None))
    | st.sampled_from(["1.2.3.4", "::1", "1.2.3.0/24", "a[1]", "00:00:00:00:00:00", 2**63, 10**4000]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2), max_leaves=4)


@given(st.sampled_from(sorted(CELLS)), ANYTHING)
def test_anything_is_taken_or_refused_by_value_error(kind: str, value: Any) -> None:
    with suppress(ValueError):
        CELLS[kind](value)
