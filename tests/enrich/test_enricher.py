"""The vectorised lookups against maxminddb's own, and the shape of what comes out."""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Callable
from pathlib import Path

import maxminddb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapiary.enrich import Enricher, Place
from tapiary.enrich.records import FIELDS, decode
from tapiary.errors import InvalidInput
from tapiary.schema import FLOW_COLUMNS

from .conftest import LAYOUTS, NETWORKS, flows, small_mmdb

GeoFile = Callable[..., Path]


def expected(city: list[Path], asn: list[Path], address: str) -> Place:
    """The slow way: one lookup after the other, through maxminddb."""
    found: dict[str, object] = {}
    for names, paths in ((("country", "city"), city), (("asn", "as_name"), asn)):
        for path in paths:
            with maxminddb.open_database(path) as database:
                mapped = ipaddress.ip_address(address)
                if mapped.version == 6 and mapped.ipv4_mapped:
                    mapped = mapped.ipv4_mapped
                if mapped.version > database.metadata().ip_version:
                    continue
                record = database.get(mapped)
                values = {name: decode(record, FIELDS[name]) for name in names}
            if any(values.values()):
                found.update(values)
                break
    return Place(**found)  # type: ignore[arg-type]


def near(text: str) -> st.SearchStrategy[str]:
    """Addresses around the edge of a network."""
    middle = ipaddress.ip_address(text)
    return st.integers(-2, 2).map(lambda step: str(type(middle)(int(middle) + step)))


ADDRESSES = st.one_of(
    st.ip_addresses().map(str), *(near(edge) for network in NETWORKS for edge in network[:2]),
    st.integers(0, 2**32 - 1).map(lambda n: str(ipaddress.IPv6Address(0xFFFF << 32 | n))),
)


@pytest.mark.parametrize("size", [24, 28, 32])
@pytest.mark.parametrize("layout", LAYOUTS)
@given(addresses=st.lists(ADDRESSES, min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_agrees_with_maxminddb(geo_file: GeoFile, layout: str, size: int, addresses: list[str]) -> None:
    city, asn = geo_file(layout, size), geo_file("ipinfo" if layout == "ipinfo" else "asn", size)
    out = Enricher(city, asn).enrich(flows(addresses, addresses[::-1]))
    for side, order in (("client", addresses), ("server", addresses[::-1])):
        got = [Place(*row) for row in zip(*(out.column(f"{side}_{name}").to_pylist()
                                            for name in ("country", "city", "asn", "as_name")), strict=True)]
        assert got == [expected([city], [asn], address) for address in order]


def test_agrees_with_maxminddb_on_real_data(real_data: Path) -> None:
    random.seed(4)
    texts = [str(ipaddress.IPv4Address(random.getrandbits(32))) for _ in range(3000)]
    texts += [str(ipaddress.IPv6Address(0x2A << 120 | random.getrandbits(112))) for _ in range(1000)]
    texts += ["10.1.2.3", "192.168.1.1", "172.16.5.4", "127.0.0.1", "169.254.1.1", "100.64.0.1", "fe80::1", "fd00::1",
              "::1"]
    city = [real_data / "city.mmdb", real_data / "city-ipv6.mmdb"]
    asn = [path for path in [real_data / "asn.mmdb"] if path.exists()]
    enricher = Enricher(city[0], asn[0] if asn else None)
    # In pieces, so that later ones meet the caches of earlier ones.
    for start in range(0, len(texts), 1000):
        some = texts[start:start + 1000]
        out = enricher.enrich(flows(some, some)).to_pylist()
        readers = {path: maxminddb.open_database(path) for path in (*city, *asn)}
        for text, row in zip(some, out, strict=True):
            address = ipaddress.ip_address(text)
            record = readers[city[address.version == 6]].get(address)
            assert row["client_country"] == decode(record, FIELDS["country"])
            assert row["client_city"] == decode(record, FIELDS["city"])
            if asn:
                record = readers[asn[0]].get(address)
                assert row["server_asn"] == decode(record, FIELDS["asn"])
                assert row["server_as_name"] == decode(record, FIELDS["as_name"])
    for private in texts[-9:]:
        assert enricher.lookup(private) == Place()


def test_the_layouts_say_the_same(geo_file: GeoFile) -> None:
    for layout in LAYOUTS:
        enricher = Enricher(geo_file(layout), geo_file("asn"))
        countries = [enricher.lookup(a).country for a in ("2.0.0.1", "5.6.7.8", "2a01:1::5", "10.0.0.1")]
        assert countries == ["DE", "FR", "US", None]
        assert enricher.lookup("2.0.0.1").country_name == "Germany"
    assert Enricher(geo_file("nested")).lookup("2.0.0.9") == Place("DE", "Cologne")
    assert Enricher(geo_file("flat")).lookup("2.0.0.9") == Place("DE", "Köln")
    assert Enricher(None, geo_file("ipinfo")).lookup("2.0.0.9") == Place(asn=3320, as_name="Deutsche Telekom AG")
    assert Enricher(None, geo_file("asn")).lookup("2a01:1::5").asn == 4200000000


def test_columns_come_in_the_order_of_the_schema(geo_file: GeoFile) -> None:
    out = Enricher(geo_file("flat"), geo_file("asn")).enrich(flows(["2.0.0.1", "9.9.9.9"], ["2.0.1.5", "2.0.0.1"]))
    order = [c.name for c in FLOW_COLUMNS]
    assert [n for n in order if n in out.schema.names] == out.schema.names
    assert sum(c.group == "geo" for c in FLOW_COLUMNS) == len(out.schema.names) - 3
    for name in out.schema.names:
        if name.endswith("_asn"):
            assert out.schema.field(name).type == pa.int64()
        elif name.endswith(("_country", "_city", "_as_name")):
            assert out.schema.field(name).type == pa.dictionary(pa.int32(), pa.string())
            # A dictionary holds what occurs, not what earlier batches brought.
            assert set(out.column(name).dictionary.to_pylist()) == set(out.column(name).drop_null().to_pylist())


def test_without_files_everything_is_unknown() -> None:
    out = Enricher().enrich(flows(["8.8.8.8"], ["2001:4860:4860::8888"]))
    assert all(out.column(c.name).null_count == 1 for c in FLOW_COLUMNS if c.group == "geo")
    assert Enricher().lookup("8.8.8.8") == Place()
    assert Enricher().attribution() == []


def test_empty_batches_and_slices(geo_file: GeoFile) -> None:
    enricher = Enricher(geo_file("flat"), geo_file("asn"))
    batch = flows(["2.0.0.1", "2.0.1.5", "9.9.9.9"], ["9.9.9.9", "2.0.0.1", "5.5.5.5"])
    assert enricher.enrich(batch.slice(0, 0)).num_rows == 0
    assert enricher.enrich(batch).slice(1, 2).to_pylist() == enricher.enrich(batch.slice(1, 2)).to_pylist()


def test_an_ipv6_file_beside_an_ipv4_one(geo_file: GeoFile, tmp_path: Path) -> None:
    (tmp_path / "c.mmdb").write_bytes(small_mmdb([{"city": "nowhere"}] * 3))
    (tmp_path / "c-ipv6.mmdb").write_bytes(geo_file("flat").read_bytes())
    assert Enricher(tmp_path / "c.mmdb").lookup("2.0.0.1").city == "nowhere"
    (tmp_path / "c.mmdb").write_bytes(small_mmdb([{"other": "x"}] * 3))
    assert Enricher(tmp_path / "c.mmdb").lookup("2a00::1").country == "DE"


def test_caches_are_bounded(geo_file: GeoFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tapiary.enrich.enricher._VOCABULARY_LIMIT", 1)
    monkeypatch.setattr("tapiary.enrich.geofile.CACHED_RECORDS", 1)
    enricher = Enricher(geo_file("flat"), geo_file("asn"))
    for _ in range(3):
        assert [enricher.lookup(a).country for a in ("2.0.0.1", "2.0.1.5", "2.0.1.128")] == ["DE", "FR", "US"]
        out = enricher.enrich(flows(["2.0.0.1", "2.0.1.5"], ["2.0.1.128", "1.1.1.1"]))
        assert out.column("server_country").to_pylist() == ["US", None]


def test_a_missing_file_names_the_setting(tmp_path: Path) -> None:
    missing = tmp_path / "no.mmdb"
    for enricher, setting in ((Enricher(missing), "geo.city"), (Enricher(None, missing), "geo.asn")):
        with pytest.raises(InvalidInput, match="there is no file") as caught:
            enricher.open()
        assert caught.value.field == setting


def test_a_text_that_is_no_address(geo_file: GeoFile) -> None:
    with pytest.raises(InvalidInput, match="no IPv4 or IPv6 address"):
        Enricher(geo_file("flat")).lookup("example.org")


@pytest.mark.parametrize("layout", ["flat", "nested"])
def test_damaged_files_give_answers_or_invalid_input(geo_file: GeoFile, layout: str, tmp_path: Path) -> None:
    whole = geo_file(layout).read_bytes()
    random.seed(7)
    edges = [edge for network in NETWORKS for edge in network[:2]]
    batch = flows(edges, edges[::-1])
    path = tmp_path / "damaged.mmdb"
    refused: list[InvalidInput] = []
    for attempt in range(400):
        broken = bytearray(whole)
        if attempt % 4 == 0:
            del broken[random.randrange(len(broken)):]
        for _ in range(random.randint(1, 6)):
            if broken:
                broken[random.randrange(len(broken))] = random.getrandbits(8)
        path.unlink(missing_ok=True)
        path.write_bytes(broken)
        enricher = Enricher(path)
        try:
            assert enricher.enrich(batch).num_rows == len(edges)
        except InvalidInput as error:
            refused.append(error)
        enricher.close()
    assert len(refused) > 50
    assert all(error.field == "geo.city" and str(path) in error.message for error in refused)
