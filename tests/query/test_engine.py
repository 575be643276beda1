"""The engine's functions see whatever rows hold, and never raise."""

from __future__ import annotations

import os

import duckdb
import pyarrow as pa
import pytest

from tapiary.query.constants import address
from tapiary.query.engine import ENGINE_FUNCTIONS, ip_texts, pattern_fault
from tapiary.schema import address_text
from tests.query.running import connect, database

#: Values of each parameter type that no query means to give.
ODD = {
    "VARCHAR": [
        "NULL", "''", "'\u0661.2.3.4'", "'1.2.3.4/99999999999999999999'", "repeat('9', 5000)", "'::%eth0'", "'/'",
    ],
    "BLOB": [
        "NULL", "''::BLOB", "'abc'::BLOB",
        "repeat('x', 33)::BLOB", "unhex(repeat('ff', 16))", "unhex(repeat('ff', 33))",
    ],
    "BIGINT": ["NULL", "-1", "9223372036854775807"],
    "BIGINT[]": ["NULL", "[]", "[NULL]", "[-1]", "[1, 2, 3, NULL]", "[1, 2, 3, 4, 5, 6, 7]", "[9223372036854775807]"],
    "BLOB[]": ["NULL", "[]", "[NULL]", "['x'::BLOB]"],
    "VARCHAR[]": ["NULL", "[]", "[NULL]", "['a', NULL, 'a']"],
}


@pytest.mark.parametrize("name", ENGINE_FUNCTIONS)
def test_odd_values(name: str) -> None:
    _, kinds, _ = ENGINE_FUNCTIONS[name]
    longest = max(len(ODD[kind]) for kind in kinds)
    for place in range(longest):
        given = ", ".join(f"({ODD[kind][place % len(ODD[kind])]})::{kind}" for kind in kinds)
        assert len(database().execute(f"SELECT {name}({given})").fetchall()) == 1


@pytest.mark.parametrize("name", ENGINE_FUNCTIONS)
def test_no_rows(name: str) -> None:
    _, kinds, _ = ENGINE_FUNCTIONS[name]
    given = ", ".join(f"NULL::{kind}" for kind in kinds)
    assert database().execute(f"SELECT {name}({given}) FROM range(0)").fetchall() == []


def test_texts_of_many_addresses() -> None:
    stored = [bytes(10) + b"\xff\xff" + os.urandom(4) for _ in range(5000)]
    for column in (stored, [*stored, None], [*stored, os.urandom(16)]):
        wanted = [value and address_text(value) for value in column]
        assert ip_texts(pa.array(column, pa.binary())).to_pylist() == wanted
        assert ip_texts(pa.array(column, pa.binary()).slice(7)).to_pylist() == wanted[7:]
        assert ip_texts(pa.chunked_array([pa.array(column, pa.binary())] * 2)).to_pylist() == wanted * 2


def test_address_texts_are_read_like_python_s() -> None:
    texts = ["1.2.3.4", "01.2.3.4", "1.2.3", " ::1 ", "::ffff:1.2.3.4", "2001:DB8::1", "::%1", "x"]
    rows = " UNION ALL ".join(f"SELECT '{text}' AS t, {place} AS n" for place, text in enumerate(texts))
    found = database().execute(f"SELECT nql_ip(t) FROM ({rows}) ORDER BY n").fetchall()
    assert [value for (value,) in found] == [address(text) for text in texts]


def test_patterns() -> None:
    assert pattern_fault("a.*b|[0-9]{2,}") is None
    assert pattern_fault("(") is not None
    assert "\n" not in (pattern_fault("(?<!x)y") or "")


def test_functions_work_where_the_configuration_is_locked() -> None:
    """The store's engine locks what it may do; zones of time must be there without an extension being loaded."""
    config = {"autoload_known_extensions": False, "autoinstall_known_extensions": False}
    engine = duckdb.connect(config=config)
    engine.execute("SET enable_external_access = false")
    engine.execute("SET lock_configuration = true")
    query = "SELECT epoch_ms(timezone('UTC', timezone('Europe/Warsaw', TIMESTAMP '2021-06-09 17:37:27')))"
    assert engine.execute(query).fetchall() == [(1_623_253_047_000,)]


def test_functions_are_there_for_cursors() -> None:
    cursor = connect().cursor()
    assert cursor.execute("SELECT nql_ip_text(nql_ip('192.0.2.7'))").fetchall() == [("192.0.2.7",)]
