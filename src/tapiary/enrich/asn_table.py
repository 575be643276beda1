"""Tables "first address,last address,number,name" of autonomous systems as one MaxMind-format file."""

from __future__ import annotations

import csv
import ipaddress
import socket
from typing import TYPE_CHECKING

from .writer import mmdb

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .writer import Record

#: Networks that nobody on the Internet owns (RFC 6890 and its updates); leaked announcements of them mean nothing.
_RESERVED = [ipaddress.ip_network(text) for text in (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.2.0/24",
    "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
    "2001:db8::/32", "fc00::/7", "fe80::/10", "ff00::/8",
)]


def asn_mmdb(tables: Sequence[Path]) -> bytes:
    """The file's bytes, with the keys of GeoLite2-ASN, so that other tools read it as well.

    Raises ValueError when a table is not as described above.
    """
    numbers: dict[tuple[int, str], int] = {}
    ranges: list[tuple[bytes, bytes, int]] = []
    for table in tables:
        with open(table, newline="", encoding="utf-8") as lines:
            for line in csv.reader(lines):
                if len(line) != 4:
                    raise ValueError(f"a line of {len(line)} fields in {table.name}")
                first, last = _packed(line[0]), _packed(line[1])
                key = (int(line[2]), line[3].strip())
                ranges.append((first, last, numbers.setdefault(key, len(numbers))))
    ranges.sort()
    records: list[Record] = [
        {"autonomous_system_number": number, "autonomous_system_organization": name} for number, name in numbers
    ]
    return mmdb(_without_reserved(ranges), records, database_type="ip-location-db-ASN",
                description="Autonomous systems by ip-location-db (Route Views, DB-IP, NRO; CC BY 4.0)")


def _packed(text: str) -> bytes:
    # Not ipaddress, which takes ten times as long for the half a million lines.
    try:
        if ":" in text:
            return socket.inet_pton(socket.AF_INET6, text)
        return bytes(12) + socket.inet_pton(socket.AF_INET, text)
    except OSError:
        raise ValueError(f"'{text}' is no address") from None


def _without_reserved(ranges: list[tuple[bytes, bytes, int]]) -> list[tuple[bytes, bytes, int]]:
    """The sorted ranges that touch no reserved network; in order of their first addresses, overlaps dropped."""
    reserved = sorted((_of_network(n[0]), _of_network(n[-1])) for n in _RESERVED)
    kept: list[tuple[bytes, bytes, int]] = []
    at = 0
    for first, last, record in ranges:
        while at < len(reserved) and reserved[at][1] < first:
            at += 1
        touches = at < len(reserved) and reserved[at][0] <= last
        if not touches and (not kept or first > kept[-1][1]):
            kept.append((first, last, record))
    return kept


def _of_network(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bytes:
    return address.packed.rjust(16, b"\0")
