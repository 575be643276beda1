"""Devices: what is written about an address is replaced as a whole, and found by identifier and by address."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tapiary.accounts import ANYONE, LOCAL
from tapiary.errors import Forbidden, InvalidInput, NotFound
from tapiary.services import Services
from tests.services.people import BOB, CLEO, add_people


@pytest.fixture(autouse=True)
def people(services: Services) -> None:
    """Four users."""
    add_people(services)


def test_an_address_becomes_a_device_once_it_is_written_about(services: Services) -> None:
    assert services.devices.list(BOB) == []
    with pytest.raises(NotFound):
        services.devices.get("192.168.1.38")
    made = services.devices.set_additional(BOB, "192.168.1.38", {"Hostname": "printer", "Owner": "ada"})
    assert re.fullmatch("[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}", made.id)
    assert (made.ip, made.additional) == ("192.168.1.38", {"Hostname": "printer", "Owner": "ada"})
    for name in (made.id, "192.168.1.38", "::ffff:192.168.1.38"):
        assert services.devices.get(name) == made
    assert services.devices.list(ANYONE) == [made]


def test_all_is_replaced(services: Services) -> None:
    made = services.devices.set_additional(BOB, "2001:DB8::1", {"a": "1", "b": "2"})
    assert made.ip == "2001:db8::1"
    changed = services.devices.set_additional(CLEO, made.id, {"c": "3"})
    assert (changed.id, changed.additional) == (made.id, {"c": "3"})
    assert services.devices.set_additional(LOCAL, "2001:db8:0::1", {}).additional == {}
    assert len(services.devices.list(BOB)) == 1
    assert [(row.action, row.object, row.details) for row in services.accounts.audit.list()] == [
        ("device.additional", "2001:db8::1", {"fields": names}) for names in ([], ["c"], ["a", "b"])]


@pytest.mark.parametrize("id", [
    "", "x", "65ac6a43-8173bfdf-d1815c2c", "\ud800", "a\0", "fe80::1%eth0", "10.0.0.0/8", "٣.1.1.1",
])
def test_what_is_no_device(services: Services, id: str) -> None:
    with pytest.raises(NotFound) as refused:
        services.devices.set_additional(BOB, id, {"a": "1"})
    assert refused.value.field == "id"
    with pytest.raises(NotFound):
        services.devices.get(id)
    assert services.devices.list(BOB) == []


@pytest.mark.parametrize("given", [
    None, [], "x", {"a": 1}, {"a": None}, {"a": {}}, {"": "x"}, {"x" * 129: "x"}, {"a": "x" * 4097}, {"a": "\ud800"},
    {"a": "\0"}, {"a\0": "x"}, {str(n): "x" for n in range(201)}, {1: "x"},
])
def test_texts_that_are_none(services: Services, given: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        services.devices.set_additional(BOB, "10.0.0.1", given)
    assert refused.value.field == "additional"
    assert services.devices.list(BOB) == []


def test_who_is_no_user_writes_nothing(services: Services) -> None:
    with pytest.raises(Forbidden):
        services.devices.set_additional(ANYONE, "10.0.0.1", {"a": "1"})
