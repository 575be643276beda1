"""All 15 types, extreme values, through files, merges and queries."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tapiary.config import StoreConfig
from tapiary.store import IndexField, Store
from tapiary.store.indexes.keeper import tend
from tests.store.indexes.rows import NOON

TYPES = ("string", "boolean", "byte", "short", "int", "long", "float", "double", "ip", "ip4", "ip6", "subnet", "ifc",
         "mac", "set")
FIELDS = (IndexField("timestamp", "long"), *(IndexField(f"a_{name}", name) for name in TYPES))
TEXT = st.text(st.characters(codec="utf-8"), max_size=40) | st.just("\0") | st.just("x" * 10_000)


def integers(bits: int) -> st.SearchStrategy[int]:
    return st.sampled_from([-(2 ** (bits - 1)), -1, 0, 1, 2 ** (bits - 1) - 1])


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "string": TEXT, "ifc": TEXT, "boolean": st.booleans(), "byte": integers(8), "short": integers(16),
    "int": integers(32), "long": integers(64), "mac": st.integers(0, 2**48 - 1),
    "float": st.floats(width=32, allow_nan=False), "double": st.floats(allow_nan=False) | st.just(math.inf),
    **dict.fromkeys(("ip", "ip4", "ip6"), st.binary(min_size=16, max_size=16)),
    "subnet": st.binary(min_size=33, max_size=33), "set": st.lists(TEXT, max_size=5),
}


@st.composite
def tables(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rows as dictionaries; a field that a row lacks is null."""
    row = st.fixed_dictionaries(
        {"timestamp": st.integers(-(2**63), 2**63 - 1) | st.integers(NOON, NOON + 10)},
        optional={f"a_{name}": st.none() | VALUES[name] for name in TYPES})
    return draw(st.lists(row, min_size=1, max_size=8))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(pieces=st.lists(tables(), min_size=1, max_size=5))
def test_what_goes_in_comes_out(tmp_path_factory: pytest.TempPathFactory, pieces: list[list[dict[str, Any]]]) -> None:
    store = Store(StoreConfig(path=str(tmp_path_factory.mktemp("tables")), memory_limit="300MB", threads=1))
    index = store.index("values", FIELDS)
    wanted = []
    for rows in pieces:
        index.append(pa.Table.from_pylist(rows, schema=index.schema))
        wanted += [{f.name: row.get(f.name) for f in FIELDS} for row in rows]
    for _ in range(2):
        found = store.query("SELECT * FROM t", tables={"t": index.select()}).arrow_table()
        assert found.schema.names == [f.name for f in FIELDS]
        assert sorted(found.to_pylist(), key=repr) == sorted(wanted, key=repr)
        tend(index, quiet=True)
    store.close()
