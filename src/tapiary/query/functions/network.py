"""Functions on addresses, networks and link-layer addresses, in any of the forms that they have in NQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from tapiary.query import sql
from tapiary.query.coercion import NOTHING, as_ip, as_mac, as_subnet, literal, mac_text
from tapiary.query.function_error import FunctionError
from tapiary.query.functions.registry import Context, Options, Registry
from tapiary.query.operators import equality, within
from tapiary.query.types import BOOLEAN, IP, LONG, MAC, STRING, SUBNET, Value, list_of
from tapiary.schema import network_range

_LOOPBACK = ("127.0.0.0/8", "::1")
_MULTICAST = ("224.0.0.0/4", "ff00::/8")
#: RFC 1918, RFC 4193.
_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")


def declare(functions: Registry) -> None:
    """Add these functions."""
    add = functions.add
    add("network", "isIp(x)", "Whether x is an address or writes one")(_is_ip)
    add("network", "isIp4(x)", "Whether x is an IPv4 address")(_is_version(ipv4=True))
    add("network", "isIp6(x)", "Whether x is an IPv6 address")(_is_version(ipv4=False))
    add("network", "isIpLoopback(x)", "Whether x is an address of the host itself")(_is_among(_LOOPBACK))
    add("network", "isIpMulticast(x)", "Whether x is an address of a group")(_is_among(_MULTICAST))
    add("network", "isIpPrivate(x)", "Whether x is of a private network (RFC 1918, RFC 4193)")(_is_among(_PRIVATE))
    add("network", "toIp(text, type=)", "The address that a text writes: as its 32-bit words, or with type=IpAddress "
        "as an address")(_to_ip)
    add("network", "ipToStr(ip, short=)", "The text of an address, IPv6 in full unless short=true")(_ip_text)
    add("network", "toMac(text, type=)", "The link-layer address that a text writes: as its bytes, or with "
        "type=MACAddress as an address")(_to_mac)
    add("network", "isMac(x)", "Whether x is a link-layer address or writes one")(_is_mac)
    add("network", "macToStr(mac)", "The text of a link-layer address, as 01:02:03:FA:BD:CE")(_mac_text)
    add("network", "toSubnet(text)", "The network that a text writes, as 192.0.2.0/24")(_to_subnet)
    add("network", "isSubnet(x)", "Whether x is a network or writes one")(_is_subnet)
    add("network", "subnetToStr(net)", "The text of a network")(_subnet_text)
    add("network", "inSubnet(ip, net)", "Whether an address lies in a network; null when one of them is none")(
        _in_subnet
    )


def _boolean(condition: exp.Expression) -> Value:
    return Value(condition, BOOLEAN)


def _present(item: exp.Expression | None) -> Value:
    return _boolean(exp.false() if item is None else sql.negation(sql.is_null(item)))


def _in_ranges(ip: exp.Expression, networks: Sequence[str]) -> exp.Expression:
    ranges = (network_range(network) for network in networks)
    return sql.disjunction(*(sql.between(ip, sql.octets(first), sql.octets(last)) for first, last in ranges))


def _is_ip(args: Sequence[Value], options: Options, context: Context) -> Value:
    return _present(as_ip(args[0]))


def _is_version(*, ipv4: bool) -> Callable[[Sequence[Value], Options, Context], Value]:
    def build(args: Sequence[Value], options: Options, context: Context) -> Value:
        ip = as_ip(args[0])
        if ip is None:
            return _boolean(exp.false())
        among = _in_ranges(ip, ("0.0.0.0/0",))
        return _boolean(sql.known(among if ipv4 else sql.negation(among)))

    return build


def _is_among(networks: Sequence[str]) -> Callable[[Sequence[Value], Options, Context], Value]:
    def build(args: Sequence[Value], options: Options, context: Context) -> Value:
        ip = as_ip(args[0])
        return _boolean(exp.false() if ip is None else sql.known(_in_ranges(ip, networks)))

    return build


def _kind(options: Options, other: str) -> bool:
    """Whether the option `type` asks for an address; without it or with `Array` the parts are meant."""
    kind = options.text("type") or "Array"
    if kind.lower() not in ("array", other.lower()):
        raise FunctionError(f"type is Array or {other}, not `{kind[:40]}`.")
    return kind.lower() != "array"


def _to_ip(args: Sequence[Value], options: Options, context: Context) -> Value:
    whole, ip = _kind(options, "IpAddress"), as_ip(args[0])
    if ip is None:
        return NOTHING
    return Value(ip, IP) if whole else Value(sql.call("nql_ip_words", ip), list_of(LONG))


def _ip_text(args: Sequence[Value], options: Options, context: Context) -> Value:
    ip = as_ip(args[0])
    if ip is None:
        return NOTHING
    return Value(sql.call("nql_ip_text" if options.flag("short") else "nql_ip_full_text", ip), STRING)


def _to_mac(args: Sequence[Value], options: Options, context: Context) -> Value:
    whole, mac = _kind(options, "MACAddress"), as_mac(args[0])
    if mac is None:
        return NOTHING
    if whole:
        return Value(mac, MAC)
    octets = [sql.binary(exp.BitwiseAnd, sql.binary(exp.BitwiseRightShift, mac, sql.integer(shift)), sql.integer(255))
              for shift in range(40, -1, -8)]
    signed = [sql.case((sql.binary(exp.GT, octet, sql.integer(127)), sql.binary(exp.Sub, octet, sql.integer(256))),
                       otherwise=octet) for octet in octets]
    present = sql.negation(sql.is_null(mac))
    return Value(sql.case((present, sql.array(*signed))), list_of(LONG))


def _is_mac(args: Sequence[Value], options: Options, context: Context) -> Value:
    return _present(as_mac(args[0]))


def _mac_text(args: Sequence[Value], options: Options, context: Context) -> Value:
    mac = as_mac(args[0])
    return NOTHING if mac is None else Value(mac_text(mac, "X"), STRING)


def _to_subnet(args: Sequence[Value], options: Options, context: Context) -> Value:
    net = as_subnet(args[0])
    return NOTHING if net is None else Value(net, SUBNET)


def _is_subnet(args: Sequence[Value], options: Options, context: Context) -> Value:
    return _present(as_subnet(args[0]))


def _subnet_text(args: Sequence[Value], options: Options, context: Context) -> Value:
    net = as_subnet(args[0])
    return NOTHING if net is None else Value(sql.call("nql_subnet_text", net), STRING)


def _in_subnet(args: Sequence[Value], options: Options, context: Context) -> Value:
    ip, net = as_ip(args[0]), as_subnet(args[1])
    if ip is None or net is None or isinstance(net, exp.Null):
        return NOTHING
    written = args[1].literal
    if written is None:
        return _boolean(within(ip, net))
    # Ranges between constants, which the engine compares with what it knows of row groups; null where the address is.
    return _boolean(equality(Value(ip, IP), literal(written[0])))
