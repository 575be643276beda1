"""Constant texts of queries, read as what the other side of an operator is: addresses, networks, numbers."""

from __future__ import annotations

import ipaddress
import math
import re

from tapiary.schema import address_bytes, address_text, network_range

#: Where IPv4 addresses are stored, inside of IPv6's range: what ``::/0`` does not mean.
IPV4 = network_range("0.0.0.0/0")
__all__ = [
    "IPV4", "LEAST_LONG", "MOST_LONG", "address", "address_text", "interface", "mac", "mac_range", "network",
    "network_text", "number", "octet_range",
]

LEAST_LONG, MOST_LONG = -(2**63), 2**63 - 1
_PAIRS = re.compile(r"[0-9a-fA-F]{2}(?:([:-])[0-9a-fA-F]{2}(?:\1[0-9a-fA-F]{2})*)?[:-]?")
_INTERFACE = re.compile(r"(.+)\[(\d{1,10})\]")
_OCTETS = re.compile(r"(?:\d{1,3}\.){1,3}\*")


def address(text: str) -> bytes | None:
    """The stored form of an address, None when the text is none."""
    try:
        return address_bytes(text.strip())
    except ValueError:
        return None


def network(text: str) -> bytes | None:
    """The stored form of ``address/prefix``: first address, last one, prefix length; None when the text is none."""
    written, slash, length = text.strip().partition("/")
    try:
        if not slash or not (length.isascii() and length.isdigit()):
            return None
        first, last = network_range(f"{written}/{length}")
    except ValueError:
        return None
    return first + last + bytes([int(length)])


def network_text(stored: bytes) -> str:
    """The text of a stored network, as 192.0.2.0/24."""
    first, prefix = stored[:16], stored[32]
    if IPV4[0] <= first <= IPV4[1] and prefix <= 32:
        return f"{ipaddress.IPv4Address(first[12:])}/{prefix}"
    return f"{ipaddress.IPv6Address(first)}/{prefix}"


def mac_range(text: str) -> tuple[int, int] | None:
    """The first and last link-layer address that begin with these hexadecimal pairs; None when they are none."""
    if not _PAIRS.fullmatch(text.strip()):
        return None
    digits = re.sub("[^0-9a-fA-F]", "", text)
    if len(digits) > 12:
        return None
    open_bits = 4 * (12 - len(digits))
    first = int(digits, 16) << open_bits
    return first, first | (1 << open_bits) - 1


def mac(text: str) -> int | None:
    """A whole link-layer address as a number, None when the text is none."""
    found = mac_range(text)
    return found[0] if found and found[0] == found[1] else None


def interface(text: str) -> str | None:
    """``exporterIp[ifIndex]`` with the address as addresses are written, None when the text is none."""
    match = _INTERFACE.fullmatch(text.strip())
    if match is None:
        return None
    try:
        return f"{ipaddress.ip_address(match[1])}[{int(match[2])}]"
    except ValueError:
        return None


def octet_range(pattern: str) -> tuple[bytes, bytes] | None:
    """First and last address of a pattern of whole octets, such as ``192.0.2.*``; None when it is another pattern."""
    if not _OCTETS.fullmatch(pattern):
        return None
    given = pattern.split(".")[:-1]
    try:
        return network_range(".".join(given + ["0"] * (4 - len(given))) + f"/{8 * len(given)}")
    except ValueError:
        return None


def number(text: str) -> int | float | None:
    """The number that a text writes, an int where it is whole; None when it is none, or none that is finite."""
    text = text.strip()
    if not text.isascii() or "_" in text:
        return None
    try:
        return int(text)
    except ValueError:
        pass
    try:
        found = float(text)
    except ValueError:
        return None
    if not math.isfinite(found):
        return None
    return int(found) if found.is_integer() and abs(found) < 2**53 else found
