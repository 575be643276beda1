"""Which flows are meant, as an SQL condition with bound parameters.

Identifiers come from the schema's list alone, values only as parameters.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tapiary.errors import InvalidInput
from tapiary.schema import FLOW_COLUMNS, Column, columns_by_name, network_range
from tapiary.services.views import FlowFilter

#: Measures of both directions together, by the SQL that computes them.
VIRTUAL: dict[str, str] = {
    "packets": "(client_packets + server_packets)",
    "bytes": "(client_bytes + server_bytes)",
    "wire_bytes": "(client_wire_bytes + server_wire_bytes)",
    "payload_bytes": "(client_payload_bytes + server_payload_bytes)",
    "retransmissions": "(client_retransmissions + server_retransmissions)",
    "duration": "((epoch_us(last_seen) - epoch_us(first_seen)) / 1e6)",
}
#: Properties that either end may have, by the two columns that hold them.
EITHER: dict[str, tuple[str, str]] = {
    stem: (f"client_{stem}", f"server_{stem}") for stem in ("ip", "port", "mac", "country", "city", "asn", "as_name")
}
#: Operators before a value, longest first.
OPERATORS = (">=", "<=", ">", "<", "!")
_MAX_INT64 = 2**63 - 1
_MAX_US = 2.0**62
#: Where IPv4 addresses are stored.
_IPV4 = network_range("0.0.0.0/0")


@dataclass(frozen=True, slots=True)
class Condition:
    """An SQL condition and its parameters, in order."""

    sql: str
    params: tuple[Any, ...] = ()

    def __and__(self, other: Condition) -> Condition:
        return Condition(f"({self.sql}) AND ({other.sql})", self.params + other.params)

    def __or__(self, other: Condition) -> Condition:
        return Condition(f"({self.sql}) OR ({other.sql})", self.params + other.params)

    def negated(self) -> Condition:
        """The opposite; a value that is not known is not the value asked for."""
        return Condition(f"NOT coalesce(({self.sql}), false)", self.params)


ALL = Condition("true")


def filterable() -> dict[str, str]:
    """What may be asked for in `FlowFilter.where`, with what it means."""
    words = {c.name: c.doc for c in FLOW_COLUMNS if not c.type.startswith("list")}
    words |= {name: f"{name.replace('_', ' ').capitalize()}, both directions together" for name in VIRTUAL}
    return words | {name: f"{columns_by_name()[pair[0]].doc}, or the server's" for name, pair in EITHER.items()}


def condition(flows: FlowFilter | None) -> Condition:
    """The condition for a filter. Raises InvalidInput that names the field."""
    found = ALL
    if flows is None:
        return found
    if flows.label is not None:
        if not flows.label:
            raise InvalidInput("label: is empty; give an application, a full label or a group", field="label")
        found &= Condition(
            "lower(label) = lower(?) OR lower(application) = lower(?) OR lower(category) = lower(?)", (flows.label,) * 3
        )
    if flows.ip is not None:
        found &= _pair("ip", flows.ip)
    if flows.flow_ids:
        marks = ", ".join("?" * len(flows.flow_ids))
        found &= Condition(f"flow_id IN ({marks})", flows.flow_ids)
    alternatives: dict[str, Condition] = {}
    for name, value in flows.where:
        one = _pair(name, value)
        if value.startswith(OPERATORS):
            found &= one
        else:
            alternatives[name] = alternatives[name] | one if name in alternatives else one
    for each in alternatives.values():
        found &= each
    return found


def order(sort: str) -> str:
    """The ORDER BY list for `sort`: columns by commas, `-` for descending; the flow number makes it definite."""
    parts = []
    for word in filter(None, (part.strip() for part in sort.split(","))):
        name, way = word.lstrip("-+"), "DESC" if word.startswith("-") else "ASC"
        parts.append(f"{_expression(name, 'sort')} {way} NULLS LAST")
    return ", ".join([*parts, "flow_id"])


def unknown(name: str, field: str, known: list[str]) -> InvalidInput:
    """The error for a name that is not there, with the nearest that is."""
    near = difflib.get_close_matches(name, known, 1, 0.5)
    hint = f"; did you mean {near[0]}?" if near else ""
    return InvalidInput(f"{field}: there is no {name!r}{hint}", field=field, code="unknown_field")


def _expression(name: str, field: str) -> str:
    if name in VIRTUAL:
        return VIRTUAL[name]
    column = columns_by_name().get(name)
    if column is None or column.type.startswith("list"):
        known = [c.name for c in FLOW_COLUMNS if not c.type.startswith("list")]
        raise unknown(name, field, [*known, *VIRTUAL])
    return f'"{column.name}"'


def _pair(name: str, value: str) -> Condition:
    if name in EITHER:
        operator = next((o for o in OPERATORS if value.startswith(o)), "")
        client, server = (_one(columns_by_name()[column], name, value.removeprefix("!")) for column in EITHER[name])
        return (client | server).negated() if operator == "!" else client | server
    if name in VIRTUAL:
        return _compare(VIRTUAL[name], name, value, _number)
    column = columns_by_name().get(name)
    if column is None or column.type.startswith("list"):
        raise unknown(name, name, list(filterable()))
    return _one(column, name, value)


def _one(column: Column, field: str, value: str) -> Condition:
    quoted = f'"{column.name}"'
    if value == "" or value == "!":
        empty = Condition(f"{quoted} IS NULL" + (f" OR {quoted} = ''" if column.type == "string" else ""))
        return empty.negated() if value else empty
    if column.type == "address":
        return _address(quoted, field, value)
    if column.type == "string":
        return _text(quoted, value)
    if column.type == "timestamp":
        return _compare(f"epoch_us({quoted})", field, value, _moment)
    return _compare(quoted, field, value, _mac if column.type == "mac" else _number)


def _compare(sql: str, field: str, value: str, read: Callable[[str, str], int | float]) -> Condition:
    operator = next((o for o in OPERATORS if value.startswith(o)), "")
    wanted = read(field, value[len(operator) :].strip())
    return (
        Condition(f"{sql} {'=' if operator in ('', '!') else operator} ?", (wanted,))
        if operator != "!"
        else Condition(f"{sql} = ?", (wanted,)).negated()
    )


def _address(quoted: str, field: str, value: str) -> Condition:
    text = value.removeprefix("!").strip()
    try:
        first, last = network_range(text)
    except ValueError:
        raise InvalidInput(
            f"{field}: {text!r} is neither an address nor a CIDR network, such as 192.0.2.7 or 2001:db8::/32",
            field=field,
            code="bad_address",
        ) from None
    if first == last:
        found = Condition(f"{quoted} = ?", (first,))
    else:
        found = Condition(f"{quoted} BETWEEN ? AND ?", (first, last))
        if first < _IPV4[0] and last > _IPV4[1]:  # IPv4 is stored inside of IPv6's range, and is not meant by ::/0
            found &= Condition(f"{quoted} NOT BETWEEN ? AND ?", _IPV4)
    return found.negated() if value.startswith("!") else found


def _text(quoted: str, value: str) -> Condition:
    text = value.removeprefix("!")
    if "*" in text:
        pattern = text.replace("^", "^^").replace("%", "^%").replace("_", "^_").replace("*", "%")
        found = Condition(f"lower({quoted}) LIKE lower(?) ESCAPE '^'", (pattern,))
    else:
        found = Condition(f"lower({quoted}) = lower(?)", (text,))
    return found.negated() if value.startswith("!") else found


def _number(field: str, text: str) -> int | float:
    try:
        value = int(text) if text.lstrip("+-").isdecimal() and text.isascii() else float(text)
    except ValueError:
        raise InvalidInput(f"{field}: {text!r} is not a number", field=field, code="bad_number") from None
    if not -_MAX_INT64 <= value <= _MAX_INT64:
        raise InvalidInput(f"{field}: {text!r} is out of range", field=field, code="bad_number")
    return value


def _moment(field: str, text: str) -> int | float:
    """Microseconds since 1970 of Unix seconds or an ISO 8601 time (UTC when it names no zone)."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return round(moment.timestamp() * 1e6)
    except ValueError:
        pass
    try:
        moment_us = float(text) * 1e6
        if math.isnan(moment_us):
            raise ValueError
        return round(min(max(moment_us, -_MAX_US), _MAX_US))  # beyond any time that a packet can have
    except ValueError:
        raise InvalidInput(
            f"{field}: {text!r} is neither Unix seconds nor an ISO 8601 time", field=field, code="bad_time"
        ) from None


def _mac(field: str, text: str) -> int:
    digits = text.replace(":", "").replace("-", "").replace(".", "")
    try:
        if len(digits) != 12:
            raise ValueError
        return int(digits, 16)
    except ValueError:
        raise InvalidInput(
            f"{field}: {text!r} is not a link-layer address, such as 00:1b:21:3c:9d:f8", field=field, code="bad_mac"
        ) from None
