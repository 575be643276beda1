"""Texts with `${field}`, which stand for values of an alert's row.

A name takes every value. A capture's filter takes only what cannot change the filter's meaning: addresses, networks,
MAC addresses and whole numbers, each written anew from what it was read as.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from tapiary.errors import InvalidInput

_PLACEHOLDER = re.compile(r"\$\{([^{}]*)\}")
_MAC = re.compile(r"[0-9a-fA-F]{2}(?:[:-][0-9a-fA-F]{2}){5}")
#: Longest value in a name, in characters.
MAX_VALUE = 200


def check_template(text: str, field: str) -> frozenset[str]:
    """The fields that the text speaks of. Raises InvalidInput where a placeholder has no name or no end."""
    names = _PLACEHOLDER.findall(text)
    if "" in (name.strip() for name in names) or "${" in _PLACEHOLDER.sub("", text):
        raise InvalidInput(f"{field}: a placeholder is written ${{field}}, with the field's name", field=field)
    return frozenset(names)


def title(text: str, row: Mapping[str, Any]) -> str:
    """The text with the row's values; a value that is not there is left as `-`."""
    return _fill(text, row, _readable)


def capture_filter(text: str, row: Mapping[str, Any]) -> str:
    """The filter for the row's addresses and numbers. Raises InvalidInput where a value is neither."""
    return _fill(text, row, _safe)


def _fill(text: str, row: Mapping[str, Any], write: Callable[[str, Any], str]) -> str:
    return _PLACEHOLDER.sub(lambda found: write(found[1], row.get(found[1])), text)


def _readable(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list):
        value = ", ".join(str(item) for item in value)
    text = "".join(sign if sign.isprintable() else " " for sign in str(value))
    return text if len(text) <= MAX_VALUE else text[:MAX_VALUE - 1] + "…"


def _safe(name: str, value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return str(value)
    if isinstance(value, str):
        if "%" not in value:  # a zone is no part of an address that libpcap knows
            for read in (_address, ip_network):
                with suppress(ValueError):
                    return str(read(value))
        if _MAC.fullmatch(value):
            return value.replace("-", ":").lower()
    shown = _readable(name, value)
    raise InvalidInput(
        f"filter: ${{{name}}} is {shown!r} in this row; a filter takes addresses, networks and whole numbers",
        field="filter")


def _address(text: str) -> IPv4Address | IPv6Address:
    found = ip_address(text)
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
