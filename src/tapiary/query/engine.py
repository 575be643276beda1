"""What SQL cannot do: texts of addresses and networks, both ways, as Python functions over Arrow columns.

DuckDB gets them from `ENGINE_FUNCTIONS` as functions of its own (of kind `arrow`, which see nulls). None of them ever
raises: it is called for rows, too, that the query then leaves out. Each works through the distinct values of a column,
of which addresses have few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tapiary.query import constants
from tapiary.query.steps import steps
from tapiary.schema import mac_text

if TYPE_CHECKING:
    import pyarrow as pa

_Function = Callable[..., Any]
_SIXTEEN = {"min": 16, "max": 16}


def pattern_fault(pattern: str) -> str | None:
    """What is wrong with a regular expression for RE2, the engine's dialect; None when nothing is."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid as error:
        return str(error).partition("\n")[0].removeprefix("Invalid regular expression: ")
    return None


def ip_texts(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Texts of stored addresses: IPv4 with points, IPv6 as RFC 5952 writes it."""
    import pyarrow as pa

    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    texts = _ipv4_texts(whole)
    return _distinct(whole, "string", _ip_text) if texts is None else texts


def _ipv4_texts(addresses: pa.Array) -> pa.Array | None:
    """Texts of IPv4 addresses without a loop over them; None when one is another."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    filled = addresses.fill_null(constants.IPV4[0]) if addresses.null_count else addresses
    if not len(filled) or pc.min_max(pc.binary_length(filled)).as_py() != _SIXTEEN:
        return None
    starts = np.frombuffer(filled.buffers()[1], np.int32)
    octets = np.frombuffer(filled.buffers()[2], np.uint8, 16 * len(filled), starts[filled.offset]).reshape(-1, 16)
    if not (octets[:, :12] == np.frombuffer(constants.IPV4[0][:12], np.uint8)).all():
        return None
    words = pa.array([str(octet) for octet in range(256)])
    texts = pc.binary_join_element_wise(*(words.take(pa.array(octets[:, place])) for place in range(12, 16)), ".")
    return pc.if_else(addresses.is_valid(), texts, None) if addresses.null_count else texts


def mac_texts(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Texts of stored link-layer addresses, as 00:1b:21:3c:9d:f8."""
    return _distinct(column, "string", mac_text)


def subnet_texts(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Texts of stored networks, as 192.0.2.0/24."""
    return _distinct(column, "string", _subnet_text)


def _distinct(column: pa.Array | pa.ChunkedArray, kind: str, convert: Callable[[Any], Any]) -> pa.Array:
    """Convert each distinct value once."""
    import pyarrow as pa

    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    encoded = whole.dictionary_encode()
    values = [None if value is None else convert(value) for value in encoded.dictionary.to_pylist()]
    return pa.array(values, _arrow(kind)).take(encoded.indices)


def _each(column: pa.ChunkedArray, kind: str, convert: Callable[[Any], Any]) -> pa.Array:
    """The same for lists, which Arrow does not tell apart by value."""
    import pyarrow as pa

    return pa.array([None if value is None else convert(value) for value in column.to_pylist()], _arrow(kind))


def _arrow(kind: str) -> pa.DataType:
    import pyarrow as pa

    lists = {"longs": pa.list_(pa.int64()), "strings": pa.list_(pa.string())}
    return lists.get(kind) or getattr(pa, kind)()


def _ip_text(stored: bytes) -> str | None:
    return constants.address_text(stored) if len(stored) == 16 else None


def _ip_full_text(stored: bytes) -> str | None:
    short = _ip_text(stored)
    if short is None or ":" not in short:
        return short
    digits = stored.hex()
    return ":".join(digits[at : at + 4] for at in range(0, 32, 4))


def _subnet_text(stored: bytes) -> str | None:
    return constants.network_text(stored) if len(stored) == 33 else None


def _ip_words(stored: bytes) -> list[int] | None:
    if _ip_text(stored) is None:
        return None
    starts = (12,) if constants.IPV4[0] <= stored <= constants.IPV4[1] else (0, 4, 8, 12)
    return [int.from_bytes(stored[at : at + 4]) for at in starts]


def _ip_of_words(words: Iterable[int | None]) -> bytes | None:
    found = list(words)
    if len(found) not in (1, 4):
        return None
    if any(word is None or not -(2**31) <= word < 2**32 for word in found):
        return None
    packed = b"".join((word & 0xFFFFFFFF).to_bytes(4) for word in found if word is not None)
    return constants.IPV4[0][:12] + packed if len(found) == 1 else packed


def _mac_of_bytes(octets: Iterable[int | None]) -> int | None:
    found = list(octets)
    if len(found) != 6 or any(octet is None or not -128 <= octet < 256 for octet in found):
        return None
    return int.from_bytes(bytes(octet & 255 for octet in found if octet is not None))


def network_steps(networks: Any, rows: Any) -> Any:
    """Lists of networks with their rows as lists of steps (`tapiary.query.steps`)."""
    import pyarrow as pa

    step = pa.struct([("start", pa.binary()), ("rows", pa.list_(pa.int64()))])
    found = [
        [{"start": start, "rows": held} for start, held in steps(nets, numbers)] if nets and numbers else []
        for nets, numbers in zip(networks.to_pylist(), rows.to_pylist(), strict=True)
    ]
    return pa.array(found, pa.list_(step))


def _first_of_each(texts: list[str | None]) -> list[str | None]:
    return list(dict.fromkeys(texts))


def _whole(function: _Function) -> _Function:
    return lambda column: function(column)  # DuckDB evaluates annotations, when Arrow's names are not there


def _over_distinct(kind: str, convert: Callable[[Any], Any]) -> _Function:
    def function(column: Any) -> Any:
        return _distinct(column, kind, convert)

    return function


def _over_each(kind: str, convert: Callable[[Any], Any]) -> _Function:
    def function(column: Any) -> Any:
        return _each(column, kind, convert)

    return function


#: By name: the function, the SQL types of its parameters, and that of its result.
ENGINE_FUNCTIONS: Mapping[str, tuple[_Function, tuple[str, ...], str]] = {
    "nql_ip": (_over_distinct("binary", constants.address), ("VARCHAR",), "BLOB"),
    "nql_ip_text": (_whole(ip_texts), ("BLOB",), "VARCHAR"),
    "nql_ip_full_text": (_over_distinct("string", _ip_full_text), ("BLOB",), "VARCHAR"),
    "nql_ip_words": (_over_distinct("longs", _ip_words), ("BLOB",), "BIGINT[]"),
    "nql_ip_of_words": (_over_each("binary", _ip_of_words), ("BIGINT[]",), "BLOB"),
    "nql_subnet": (_over_distinct("binary", constants.network), ("VARCHAR",), "BLOB"),
    "nql_subnet_text": (_whole(subnet_texts), ("BLOB",), "VARCHAR"),
    "nql_mac": (_over_distinct("int64", constants.mac), ("VARCHAR",), "BIGINT"),
    "nql_mac_of_bytes": (_over_each("int64", _mac_of_bytes), ("BIGINT[]",), "BIGINT"),
    "nql_network_steps": (
        network_steps, ("BLOB[]", "BIGINT[]"), "STRUCT(start BLOB, rows BIGINT[])[]"
    ),
    "nql_distinct": (_over_each("strings", _first_of_each), ("VARCHAR[]",), "VARCHAR[]"),
}
