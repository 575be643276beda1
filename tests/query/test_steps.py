"""Steps of networks; whether searches by them find what they should is tested with lookups."""

from __future__ import annotations

from tapiary.query.constants import IPV4, address, network
from tapiary.query.steps import AT, BEHIND, steps


def at(text: str, place: bytes = AT) -> bytes:
    stored = address(text)
    assert stored is not None
    return stored + place


def test_no_networks() -> None:
    assert steps([], []) == [(IPV4[0] + AT, []), (IPV4[1] + BEHIND, [])]


def test_networks_within_networks_narrowest_first() -> None:
    nets = [network(text) for text in ("10.0.0.0/8", "10.1.0.0/16", "10.0.0.0/16", "10.1.0.0/16", "10.255.0.0/16")]
    found = steps([*nets, None], [0, 1, 2, 3, 4, 5])
    assert found == [
        (at("0.0.0.0"), []),
        (at("10.0.0.0"), [2, 0]),
        (at("10.0.255.255", BEHIND), [0]),
        (at("10.1.0.0"), [1, 3, 0]),
        (at("10.1.255.255", BEHIND), [0]),
        (at("10.255.0.0"), [4, 0]),
        (at("10.255.255.255", BEHIND), []),
        (at("255.255.255.255", BEHIND), []),
    ]


def test_ipv4_is_not_held_by_ipv6_around_it() -> None:
    found = steps([network("::/0"), network("::/80"), network("1.2.3.4/32")], [7, 8, 9])
    assert found == [
        (at("::"), [8, 7]),
        (at("0.0.0.0"), []),
        (at("1.2.3.4"), [9]),
        (at("1.2.3.4", BEHIND), []),
        (at("255.255.255.255", BEHIND), [7]),
        (at("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", BEHIND), []),
    ]


def test_all_of_ipv4() -> None:
    found = steps([network("0.0.0.0/0")], [1])
    assert found == [(IPV4[0] + AT, [1]), (IPV4[1] + BEHIND, [])]
