"""The writer against maxminddb, an independent reader."""

from __future__ import annotations

import io
import ipaddress

import maxminddb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapiary.enrich.writer import mmdb

EDGES = st.one_of(st.integers(0, 2**32 - 1), st.integers(0, 2**128 - 1), st.integers(0, 64).map(lambda n: n << 100))


@pytest.mark.parametrize("size", [24, 28, 32, None])
@given(edges=st.lists(EDGES, min_size=2, max_size=16, unique=True), probes=st.lists(EDGES, max_size=10))
@settings(max_examples=40, deadline=None)
def test_every_range_is_found(
    tmp_path_factory: pytest.TempPathFactory, size: int | None, edges: list[int], probes: list[int]
) -> None:
    edges.sort()
    pairs = zip(edges[::2], edges[1::2], strict=False)
    ranges = [(first, last, number % 3) for number, (first, last) in enumerate(pairs)]
    records = [{"n": number, "name": f"record {number}", "deep": {"x": 1.5, "yes": True}} for number in range(3)]
    path = tmp_path_factory.mktemp("mmdb") / "x.mmdb"
    path.write_bytes(mmdb([(a.to_bytes(16, "big"), b.to_bytes(16, "big"), n) for a, b, n in ranges], records,
                          database_type="Test", description="t", record_size=size))
    with maxminddb.open_database(path) as database:
        for probe in {*edges, *probes, *(e + 1 for e in edges if e + 1 < 2**128)}:
            expected = next((records[n] for first, last, n in ranges if first <= probe <= last), None)
            assert database.get(ipaddress.IPv6Address(probe)) == expected


def test_overlapping_ranges_are_refused() -> None:
    with pytest.raises(ValueError, match="disjoint"):
        mmdb([(bytes(16), _low(5), 0), (_low(3), _low(7), 0)], [{"a": 1}], database_type="T")


def test_long_strings_and_many_records() -> None:
    records = [{"name": "x" * length, "number": 1 << min(length, 60)} for length in (0, 28, 29, 300, 70, 284, 285)]
    ranges = [((n * 4).to_bytes(16, "big"), (n * 4 + 2).to_bytes(16, "big"), n) for n in range(len(records))]
    raw = mmdb(ranges, records, database_type="T")  # type: ignore[arg-type]
    with maxminddb.open_database(io.BytesIO(raw), maxminddb.MODE_FD) as database:
        for n, record in enumerate(records):
            assert database.get(ipaddress.IPv6Address(n * 4 + 1)) == record


def _low(number: int) -> bytes:
    return number.to_bytes(16, "big")
