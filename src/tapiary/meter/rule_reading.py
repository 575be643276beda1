"""Reads and checks the user's rules, from the settings and from a rules file, before any packet is read."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tapiary.errors import InvalidInput
from tapiary.schema import network_range

if TYPE_CHECKING:
    from tapiary.config import MeterConfig

#: Names of IP protocols that a rule may use (IANA, "Protocol Numbers"); any other is given by its number.
PROTOCOLS = {
    "icmp": 1, "igmp": 2, "ipip": 4, "tcp": 6, "egp": 8, "udp": 17, "dccp": 33, "rsvp": 46, "gre": 47, "esp": 50,
    "ah": 51, "icmpv6": 58, "eigrp": 88, "ospf": 89, "pim": 103, "vrrp": 112, "l2tp": 115, "sctp": 132, "udplite": 136,
}


@dataclass(frozen=True, slots=True)
class Criteria:
    """One checked rule: what it gives, and what a flow must show; an empty criterion asks for nothing.

    `address` holds first and last stored addresses (`schema.network_range`), `host` suffixes in lower case
    without the dots around them.
    """

    label: str
    group: str
    address: tuple[tuple[bytes, bytes], ...] = ()
    port: tuple[int, ...] = ()
    protocol: int | None = None
    host: tuple[str, ...] = ()
    note: str | None = None


def read_rules(config: MeterConfig) -> list[Criteria]:
    """The settings' own rules, then those of the rules file, in the order in which they are tried.

    Raises InvalidInput that names the file or setting, the number of the rule (from 1) and the field.
    """
    rules = [
        _criteria({key: getattr(rule, key) for key in _CHECKS}, "meter.rules", number)
        for number, rule in enumerate(config.rules, 1)
    ]
    if config.rules_file:
        rules += _from_file(Path(config.rules_file).expanduser())
    return rules


def _from_file(path: Path) -> list[Criteria]:
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InvalidInput(f"cannot read the rules file {path}: {error.strerror}", field="rules_file") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"the rules file {path} is not UTF-8 text", field="rules_file") from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"the rules file {path} is not valid TOML: {error}", field="rules_file") from error
    for key in document:
        if key != "rule":
            raise InvalidInput(f"{path}: unknown key {key!r}; it holds [[rule]] tables only", field="rules_file")
    rules = document.get("rule", [])
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise InvalidInput(f"{path}: write each rule as a [[rule]] table", field="rules_file")
    return [_criteria(rule, str(path), number) for number, rule in enumerate(rules, 1)]


def _criteria(rule: Mapping[str, Any], source: str, number: int) -> Criteria:
    """The checked form of one rule, as read from TOML or from the settings."""
    checked: dict[str, Any] = {}
    for key in (*rule, *_CHECKS):
        try:
            if key not in _CHECKS:
                near = difflib.get_close_matches(key, _CHECKS, 1)
                raise ValueError(f"unknown key; did you mean {near[0]!r}?" if near else f"unknown key; {_KNOWN}")
            checked[key] = _CHECKS[key](rule.get(key))
        except ValueError as error:
            raise InvalidInput(f"{source}: rule {number}: {key}: {error}", field=f"rule[{number}].{key}") from None
    criteria = Criteria(**checked)
    if not (criteria.address or criteria.port or criteria.host) and criteria.protocol is None:
        raise InvalidInput(
            f"{source}: rule {number} has no criterion; give at least one of address, port, protocol, host",
            field=f"rule[{number}]",
        )
    return criteria


def _name(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("is needed, as text that is not empty")
    return value.strip()


def _note(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ValueError("must be text")
    return value or None


def _networks(value: Any) -> tuple[tuple[bytes, bytes], ...]:
    networks = []
    for text in _list(value):
        try:
            networks.append(network_range(text if isinstance(text, str) else ""))
        except ValueError:
            raise ValueError(
                f"{text!r} is neither an IP address nor a network such as 10.0.0.0/8 or 2001:db8::/32"
            ) from None
    return tuple(networks)


def _ports(value: Any) -> tuple[int, ...]:
    for port in (ports := tuple(_list(value))):
        if not isinstance(port, int) or isinstance(port, bool) or not 1 <= port <= 65535:
            raise ValueError(f"{port!r} is not a port; ports go from 1 to 65535")
    return ports


def _protocol(value: Any) -> int | None:
    number = None if value is None else protocol_number(value)
    if number is None and value is not None:
        raise ValueError(f"{value!r} is neither a number from 0 to 255 nor one of {', '.join(PROTOCOLS)}")
    return number


def _hosts(value: Any) -> tuple[str, ...]:
    hosts: dict[str, None] = {}
    for text in _list(value):
        suffix = text.strip().lower().removeprefix("*").strip(".") if isinstance(text, str) else ""
        if not suffix or ".." in suffix or any(c.isspace() or c in "*/:" for c in suffix):
            raise ValueError(f"{text!r} is not a host name or suffix such as example.com")
        hosts |= dict.fromkeys((suffix, _ascii(suffix)))
    return tuple(hosts)


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "label": _name, "group": _name, "address": _networks, "port": _ports, "protocol": _protocol, "host": _hosts,
    "note": _note,
}
_KNOWN = f"known are {', '.join(_CHECKS)}"


def protocol_number(protocol: object) -> int | None:
    """The IP protocol's number, from a number, its text or a name; None when it is none."""
    if isinstance(protocol, str):
        protocol = PROTOCOLS.get(protocol.strip().lower(), int(protocol) if protocol.strip().isdecimal() else None)
    return protocol if isinstance(protocol, int) and not isinstance(protocol, bool) and 0 <= protocol <= 255 else None


def _list(value: Any) -> Sequence[Any]:
    """A rule may give one value where a list is meant."""
    return () if value is None else value if isinstance(value, (list, tuple)) else (value,)


def _ascii(name: str) -> str:
    """A host name as it travels on the wire (RFC 3490); the name itself where it has no such form."""
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return name

