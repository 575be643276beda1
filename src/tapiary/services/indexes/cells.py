"""One cell of each of the 15 types: from the value of a JSON document to the value that is stored.

Everywhere null is no value. What a type takes:

| type | takes |
|---|---|
| string | text of valid Unicode, NUL as well |
| boolean | true and false; not 0, 1 or text |
| byte, short, int, long | whole numbers in range; `5.0` is 5, as JSON has but one kind of number |
| float | finite numbers within ±3.4028235e38, kept to 24 bits |
| double | finite numbers; -0.0 is 0.0, here and in float |
| ip | IPv4 or IPv6; `""` is none, as in ip4 and ip6 |
| ip4 | IPv4, in inet_aton's decimal short forms as well: `10.1` is 10.0.0.1 |
| ip6 | IPv6; `::ffff:a.b.c.d` is the IPv4 address, as everywhere here |
| subnet | address/prefix; host bits are cleared |
| mac | six hexadecimal pairs joined by `:` or by `-` |
| ifc | `exporterIp[ifIndex]` |
| set | a list of texts and whole numbers; a number becomes its text, what comes twice is kept once |

`timestamp` is a long that must be there, in milliseconds since 1970 UTC, before the year 10000.
Each function raises ValueError with the reason, a clause that follows the value.
"""

from __future__ import annotations

import ipaddress
import math
import re
import socket
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from tapiary.services.indexes.kinds import KINDS, Kind

#: The last millisecond of the year 9999, the last year that dates (of partitions, too) can have.
LAST_MS: Final = 253_402_300_799_999
#: Largest ifIndex that NetFlow and IPFIX can carry (32 bits).
LAST_INTERFACE: Final = (1 << 32) - 1

#: What is nearer to no float than to infinity (IEEE 754, 4.3.1: half a unit beyond the largest one).
FLOAT_LIMIT: Final = 3.4028235677973366e38

_MAPPED = b"\0" * 10 + b"\xff\xff"
_PARTS = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,10}){0,3}", re.ASCII)
_MAC = re.compile(r"[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}", re.ASCII)
_IFC = re.compile(r"([^\[\]]+)\[([0-9]{1,10})\]", re.ASCII)
_PREFIX = re.compile("[0-9]{1,3}", re.ASCII)


def text(value: Any) -> str:
    """A text."""
    if not isinstance(value, str):
        raise ValueError("is no text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half of a surrogate pair, so it is not valid Unicode") from None
    return value


def boolean(value: Any) -> bool:
    """A truth value."""
    if not isinstance(value, bool):
        raise ValueError("is neither true nor false")
    return value


def integer(value: Any, kind: Kind) -> int:
    """A whole number in the type's range."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("is no number")
    if isinstance(value, float) and not value.is_integer():  # NaN and Infinity are not, either
        raise ValueError("is no whole number")
    if not kind.lowest <= value <= kind.highest:
        raise ValueError(f"is out of the range of {kind.name}, {kind.lowest} to {kind.highest}")
    return int(value)


def moment(value: Any) -> int:
    """A row's timestamp."""
    if value is None:
        raise ValueError("is no time; every row needs its own, in milliseconds since 1970")
    whole = integer(value, KINDS["long"])
    if not 0 <= whole <= LAST_MS:
        raise ValueError("is no time in milliseconds since 1970 and before the year 10000")
    return whole


def double(value: Any) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("is no number")
    try:
        number = float(value)
    except OverflowError:
        raise ValueError("is out of the range of double, ±1.7976931348623157e308") from None
    if not math.isfinite(number):
        raise ValueError("is no finite number; null stands for a missing one")
    return number + 0.0


def single(value: Any) -> float:
    """The double of the shortest text of the nearest float."""
    import numpy as np

    number = double(value)
    if abs(number) >= FLOAT_LIMIT:
        raise ValueError("is out of the range of float, ±3.4028235e38")
    return float(str(np.float32(number))) + 0.0


def address(value: Any) -> bytes | None:
    """The 16 bytes of an address of either family."""
    return _address(_given(value)) if value != "" else None


def address4(value: Any) -> bytes | None:
    """The 16 bytes of an IPv4 address. A leading zero is refused: some read what follows as octal."""
    given = _given(value)
    if not given:
        return None
    try:
        return _MAPPED + socket.inet_pton(socket.AF_INET, given)
    except (OSError, ValueError):  # perhaps a short form
        pass
    if not _PARTS.fullmatch(given) or any(len(part) > 1 and part[0] == "0" for part in given.split(".")):
        raise ValueError("is no IPv4 address")
    *first, last = (int(part) for part in given.split("."))
    if any(part > 255 for part in first) or last >> 8 * (4 - len(first)):
        raise ValueError("is no IPv4 address")
    return _MAPPED + bytes(first) + last.to_bytes(4 - len(first), "big")


def address6(value: Any) -> bytes | None:
    """The 16 bytes of an IPv6 address."""
    given = _given(value)
    if given and ":" not in given:
        raise ValueError("is no IPv6 address")
    return _address(given) if given else None


def subnet(value: Any) -> bytes:
    """First address, last address, prefix length as written: 33 bytes."""
    first, slash, length = _given(value).partition("/")
    if not slash or not _PREFIX.fullmatch(length):
        raise ValueError("is no network; write it as 10.0.0.0/8")
    start = _address(first)
    bits = 128 if ":" in first else 32
    if int(length) > bits:
        raise ValueError(f"is no network; its prefix may have up to {bits} bits")
    hosts = (1 << bits - int(length)) - 1
    number = int.from_bytes(start, "big") & ~hosts
    return number.to_bytes(16, "big") + (number | hosts).to_bytes(16, "big") + bytes([int(length)])


def mac(value: Any) -> int:
    """The 48 bits of a link-layer address."""
    given = _given(value)
    if not _MAC.fullmatch(given):
        raise ValueError("is no MAC address; write it as 00:1b:21:3c:9d:f8")
    return int(given.replace(given[2], ""), 16)


def interface(value: Any) -> str:
    """An exporter's interface, its address in the form of RFC 5952 and its number without leading zeros."""
    found = _IFC.fullmatch(_given(value))
    if not found or int(found[2]) > LAST_INTERFACE:
        raise ValueError("is no interface; write it as 172.16.100.1[58]")
    stored = ipaddress.IPv6Address(_address(found[1]))
    return f"{stored.ipv4_mapped or stored}[{int(found[2])}]"


def members(value: Any) -> list[str]:
    """The members of a set, in the order of their first coming."""
    if not isinstance(value, (list, tuple)):
        raise ValueError("is no list")
    texts = []
    for item in value:
        if isinstance(item, bool) or not isinstance(item, (str, int)):
            raise ValueError("holds something other than texts and whole numbers")
        if not isinstance(item, str) and item.bit_length() > 64:
            raise ValueError("holds a number of more than 64 bits")
        texts.append(text(item) if isinstance(item, str) else str(item))
    return list(dict.fromkeys(texts))


CELLS: Final[dict[str, Callable[[Any], Any]]] = {
    "string": text, "boolean": boolean, "float": single, "double": double, "ip": address, "ip4": address4,
    "ip6": address6, "subnet": subnet, "ifc": interface, "mac": mac, "set": members,
    **{name: partial(integer, kind=kind) for name, kind in KINDS.items() if kind.bits},
}


def _given(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("is no text")
    return value


def _address(given: str) -> bytes:
    try:
        if ":" in given:
            return socket.inet_pton(socket.AF_INET6, given)
        return _MAPPED + socket.inet_pton(socket.AF_INET, given)
    except (OSError, ValueError):  # ValueError: NUL inside, or half of a surrogate pair
        raise ValueError("is no address") from None
