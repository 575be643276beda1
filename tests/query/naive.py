"""NQL's expressions over one row at a time, in plain Python: what the compiled queries are compared with.

Values are Python's own: None, bool, int, float, str, lists, `ipaddress` addresses and networks, `Mac` and `Interface`.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

from tapiary.query import tree

Row = Mapping[str, Any]
LIMIT = 2**63
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_PRIVATE = [ipaddress.ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")]


class Mac(int):
    """A link-layer address."""


class Interface(str):
    """An interface of an exporter."""


Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def evaluate(node: tree.Expression, row: Row) -> Any:
    """The value of an expression in a row."""
    match node:
        case tree.Literal():
            return node.value
        case tree.Name():
            return row[node.text]
        case tree.Items():
            return [evaluate(item, row) for item in node.items]
        case tree.Compare():
            return compared(node, row)
        case tree.Member():
            item, of = evaluate(node.item, row), evaluate(node.of, row)
            return any(equal(one, other) for one in _listed(item) for other in _listed(of)) != node.negated
        case tree.Not():
            return evaluate(node.of, row) is not True
        case tree.Any():
            return any(evaluate(one, row) is True for one in node.of)
        case tree.All():
            return all(evaluate(one, row) is True for one in node.of)
        case tree.Call():
            options = {option.name: option.value.value for option in node.options}  # type: ignore[union-attr]
            return FUNCTIONS[node.name](*(evaluate(argument, row) for argument in node.arguments), **options)
    raise AssertionError(node)


def compared(node: tree.Compare, row: Row) -> bool:
    """A comparison; `null` on the right asks for missing values."""
    left = evaluate(node.left, row)
    if isinstance(node.right, tree.Pattern):
        found = any(text(one) is not None and re.search(node.right.text, text(one) or "") for one in _listed(left))
        return bool(found) != (node.operator == "!=")
    if isinstance(node.right, tree.Literal) and node.right.value is None:
        return (left is None) == (node.operator != "!=")
    right = evaluate(node.right, row)
    if node.operator == "!=":
        return not same(left, right)
    if node.operator in ("=", "=="):
        return same(left, right)
    if node.operator == "~=":
        return any(like(one, right) for one in _listed(left))
    return any(ordered(node.operator, one, other) for one in _listed(left) for other in _listed(right))


def same(left: Any, right: Any) -> bool:
    """Equality, of lists by all their items, of a list and a value by any."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(equal(one, other) for one, other in zip(left, right, strict=True))
    return any(equal(one, other) for one in _listed(left) for other in _listed(right))


def equal(left: Any, right: Any) -> bool:
    """Equality of two single values; text means what it writes beside another type."""
    if left is None or right is None:
        return False
    for one, other in ((left, right), (right, left)):
        if isinstance(other, str) and not isinstance(other, Interface):
            if isinstance(one, Address):
                net = _network(other)
                return _in(one, net) if net else one == _address(other)
            if isinstance(one, Network):
                ip = _address(other)
                return _in(ip, one) if ip else one == _network(other)
            if isinstance(one, Mac):
                digits = re.sub("[:-]", "", other)
                written = re.fullmatch(r"[0-9a-f]{2}(?:([:-])[0-9a-f]{2}(\1[0-9a-f]{2})*)?[:-]?", other, re.IGNORECASE)
                return bool(written) and f"{one:012x}".startswith(digits.lower())
            if isinstance(one, Interface):
                return one == other or (_address(other) is not None and one.startswith(f"{_address(other)}["))
        if isinstance(one, Address) and isinstance(other, Network):
            return _in(one, other)
    pair = _pair(left, right)
    return pair is not None and bool(pair[0] == pair[1])


def ordered(operator: str, left: Any, right: Any) -> bool:
    """`>`, `>=`, `<` or `<=` of two single values of one type."""
    pair = None if left is None or right is None else _pair(left, right)
    if pair is None:
        return False
    one, other = pair
    return bool({">": one > other, ">=": one >= other, "<": one < other, "<=": one <= other}[operator])


def _pair(left: Any, right: Any) -> tuple[Any, Any] | None:
    if isinstance(left, Address) and isinstance(right, str):
        right = _address(right)
    if isinstance(right, Address) and isinstance(left, str):
        left = _address(left)
    if isinstance(left, Address) and isinstance(right, Address):
        return _stored(left), _stored(right)
    for one, other, turned in ((left, right, False), (right, left, True)):
        if isinstance(other, str) and _is_number(one):
            number = _number(other)
            return None if number is None else (number, one) if turned else (one, number)
        if isinstance(other, str) and isinstance(one, bool):
            return (other.lower(), str(one).lower()) if turned else (str(one).lower(), other.lower())
    if _is_number(left) and _is_number(right):
        return left, right
    return (left, right) if type(left) is type(right) and not isinstance(left, Network) else None


def like(value: Any, pattern: Any) -> bool:
    """A pattern with `*`, `?` and `.`; in an address a point is a point, and `a.b.*` all of these octets."""
    written = text(value)
    if written is None or not isinstance(pattern, str):
        return False
    steps = {"*": ".*", "?": "."} | ({} if isinstance(value, Address | Network | Interface | float) else {".": "."})
    expression = "".join(steps.get(letter, re.escape(letter)) for letter in pattern)
    return re.fullmatch(expression, written, re.DOTALL) is not None


def text(value: Any) -> str | None:
    """The text of anything but a list and null."""
    if value is None or isinstance(value, list):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mac):
        return ":".join(f"{value:012x}"[at : at + 2] for at in range(0, 12, 2))
    return str(value)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool | Mac)


def _number(written: str) -> float | int | None:
    if not _NUMBER.fullmatch(written):
        return None
    return int(written) if re.fullmatch(r"[+-]?\d+", written) else float(written)


def _address(written: str) -> Address | None:
    try:
        return ipaddress.ip_address(written)
    except ValueError:
        return None


def _network(written: str) -> Network | None:
    try:
        return ipaddress.ip_network(written, strict=False) if "/" in written else None
    except ValueError:
        return None


def _in(ip: Address, net: Network) -> bool:
    return ip.version == net.version and ip in net


def _stored(ip: Address) -> int:
    return int(ip) + (0xFFFF << 32) if ip.version == 4 else int(ip)


def _whole(number: Any) -> int | None:
    if isinstance(number, float):
        number = math.trunc(number)
    return number if -LIMIT <= number < LIMIT else None


def _numbers(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that is null unless all its arguments are numbers."""
    return lambda *args: function(*args) if all(_is_number(value) for value in args) else None


def _arithmetic(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def compute(a: Any, b: Any) -> Any:
        if isinstance(a, float):
            return function(a, float(b))
        right = _whole(b)
        return None if right is None else _whole(function(a, right))

    return _numbers(compute)


def _quotient(of_whole: Callable[[Any, Any], Any], of_floats: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """A division of whole numbers, or of floats, that gives a whole number."""
    def compute(a: Any, b: Any) -> Any:
        if b == 0:
            return None
        if isinstance(a, int) and isinstance(b, int):
            return _whole(of_whole(a, b))
        return _whole(of_floats(float(a), float(b)))

    return _numbers(compute)


def _bits(function: Callable[[int, int], int]) -> Callable[..., Any]:
    """A function of bits, which leaves out what is no number."""
    def compute(*args: Any) -> Any:
        numbers = [whole for value in args if _is_number(value) and (whole := _whole(value)) is not None]
        return reduce(function, numbers) if numbers else None

    return compute


def _texts(function: Callable[..., Any], missing: Any = None) -> Callable[..., Any]:
    """A function of texts, with what it gives when one is null."""
    def compute(*args: Any, **options: Any) -> Any:
        written = [text(value) for value in args]
        return missing if None in written else function(*written, **options)

    return compute


def _substring(value: Any, start: Any, endId: Any = None) -> str | None:
    written = text(value)
    if written is None or start is None:
        return None
    size = len(written)
    first, last = (at + size if at < 0 else at for at in (start, size if endId is None else endId))
    return written[first:last] if 0 <= first <= last <= size else None


def _replace(value: str, old: str, new: str, strat: str = "first") -> str:
    if not old:
        return value
    if strat == "all":
        return value.replace(old, new)
    return value.replace(old, new, 1) if strat == "first" else new.join(value.rsplit(old, 1))


def _concat(*args: Any, delimiter: str = "", distinct: bool = False, limit: int | None = None) -> str:
    texts = [written for value in args if (written := text(value)) is not None]
    return delimiter.join((list(dict.fromkeys(texts)) if distinct else texts)[:limit])


def _index(value: str, part: str) -> int | None:
    return value.index(part) if part in value else None


def _moment(ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)


def _item(items: Any, at: Any) -> Any:
    return items[at] if isinstance(items, list) and at is not None and 0 <= at < len(items) else None


def _switch(value: Any, *pairs: Any) -> Any:
    for key, result in zip(pairs[:-1:2], pairs[1::2], strict=True):
        if same(value, key):
            return result
    return pairs[-1]


def _ordered(operator: str) -> Callable[[Any, Any], bool]:
    return lambda a, b: any(ordered(operator, one, other) for one in _listed(a) for other in _listed(b))


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "eq": same, "neq": lambda a, b: not same(a, b), "gt": _ordered(">"), "lte": _ordered("<="),
    "add": _arithmetic(lambda a, b: a + b), "sub": _arithmetic(lambda a, b: a - b),
    "mul": _arithmetic(lambda a, b: a * b),
    "div": _numbers(lambda a, b: None if a == 0 or b == 0 else float(a) / float(b)),
    "floorDiv": _quotient(lambda a, b: a // b, lambda a, b: math.floor(a / b)),
    "mod": _quotient(lambda a, b: abs(a) % abs(b) * (1 if a > 0 else -1), math.fmod),
    "abs": _numbers(lambda a: abs(a) if isinstance(a, float) else _whole(abs(a))),
    "sign": _numbers(lambda a: (a > 0) - (a < 0)),
    "floor": _numbers(math.floor), "ceil": _numbers(math.ceil),
    "sqrt": _numbers(lambda a: math.sqrt(a) if a > 0 else None),
    "bitAnd": _bits(lambda a, b: a & b), "bitOr": _bits(lambda a, b: a | b),
    "concat": _concat, "substring": _substring, "replace": _texts(_replace),
    "lower": _texts(str.lower), "upper": _texts(str.upper), "strlen": _texts(len),
    "left": lambda value, n: None if value is None else _texts(lambda s: s[:n])(value),
    "right": lambda value, n: None if value is None else _texts(lambda s: s[-n:] if n else "")(value),
    "trim": _texts(lambda s: s.strip(" \t\n\r\f\v")), "indexOf": _texts(_index),
    "startsWith": _texts(str.startswith, missing=False), "endsWith": _texts(str.endswith, missing=False),
    "contains": _texts(str.__contains__, missing=False),
    "not_contains": lambda a, b: not _texts(str.__contains__, missing=False)(a, b),
    "isNull": lambda a: a is None, "isNotNull": lambda a: a is not None,
    "isEmpty": lambda a: a is None or a in ("", []), "isNotEmpty": lambda a: not (a is None or a in ("", [])),
    "isIp4": lambda a: isinstance(a, ipaddress.IPv4Address), "isIp6": lambda a: isinstance(a, ipaddress.IPv6Address),
    "isIpPrivate": lambda a: a is not None and any(_in(a, net) for net in _PRIVATE),
    "ipToStr": lambda a, short=False: None if a is None else str(a) if short else a.exploded,
    "macToStr": lambda a: None if a is None else (text(a) or "").upper(),
    "subnetToStr": text,
    "inSubnet": lambda a, b: None if a is None or b is None else _in(a, b if isinstance(b, Network) else _network(b)),
    "any": lambda a, b: any(equal(one, other) for one in _listed(a) for other in _listed(b)),
    "none": lambda a, b: not any(equal(one, other) for one in _listed(a) for other in _listed(b)),
    "all": lambda a, b: a is not None and all(any(equal(one, other) for other in _listed(b)) for one in _listed(a)),
    "len": lambda a: None if a is None else len(a), "valueAt": _item, "get": lambda at, items: _item(items, at),
    "anyMatchingNumber": lambda a, mask, x: any(n is not None and n & mask == x for n in _listed(a)),
    "if": lambda condition, a, b: a if condition is True else b, "switch": _switch,
    "getYear": lambda a: None if a is None else _moment(a).year,
    "getHour": lambda a: None if a is None else _moment(a).hour,
    "getDayOfWeek": lambda a: None if a is None else _moment(a).isoweekday(),
    "isWeekendDay": lambda a: None if a is None else _moment(a).isoweekday() > 5,
    "tsToStr": lambda a: None if a is None else f"{_moment(a):%Y-%m-%d %H:%M:%S}.{_moment(a).microsecond // 1000:03d}",
    "addDays": lambda a, n: None if a is None or n is None else a + n * 86_400_000,
}  # fmt: skip


def _present(values: list[Any]) -> list[Any]:
    return [value for value in values if value is not None]


def _order_of(value: Any) -> Any:
    return _stored(value) if isinstance(value, Address) else value


AGGREGATES: Mapping[str, Callable[[list[Any]], Any]] = {
    "count": lambda values: len(_present(values)),
    "sum": lambda values: sum(_present(values)),
    "avg": lambda values: sum(_present(values)) / len(_present(values)) if _present(values) else None,
    "min": lambda values: min(_present(values), key=_order_of, default=None),
    "max": lambda values: max(_present(values), key=_order_of, default=None),
    "dc": lambda values: len({_order_of(value) for value in _present(values)}),
    "prc95": lambda values: float(sorted(_present(values))[math.floor(0.95 * len(_present(values)))])
    if _present(values) else None,
}  # fmt: skip
