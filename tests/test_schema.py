"""The flow columns: declared once, and texts of addresses at the edges."""

import ipaddress

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapiary import schema

ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))


def test_names_are_unique_and_documented() -> None:
    names = [column.name for column in schema.FLOW_COLUMNS]
    assert len(names) == len(set(names))
    assert all(column.doc for column in schema.FLOW_COLUMNS)
    for dialect in ("sycope",):
        theirs = [getattr(c, dialect) for c in schema.FLOW_COLUMNS if getattr(c, dialect)]
        assert len(theirs) == len(set(theirs))


def test_every_column_has_an_arrow_type() -> None:
    arrow = schema.arrow_schema()
    assert arrow.names == [column.name for column in schema.FLOW_COLUMNS]
    assert arrow.field("client_ip").type == pa.binary()
    assert arrow.field("first_seen").type == pa.timestamp("us", "UTC")
    assert arrow.field("packet_sizes").type == pa.list_(pa.int32())
    assert not arrow.field("label").nullable
    assert arrow.field("server_name").nullable


def test_groups_can_be_left_out() -> None:
    names = {column.name for column in schema.flow_columns(())}
    assert "client_packets" in names
    assert not names & {"size_mean", "client_syn_packets", "gap_us_max", "packet_sizes"}
    assert {column.name for column in schema.flow_columns()} == set(schema.columns_by_name())


@given(ADDRESSES)
def test_address_text_round_trip(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    stored = schema.address_bytes(str(address))
    assert len(stored) == 16
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    assert schema.address_text(stored) == str(mapped or address)


@given(ADDRESSES, ADDRESSES, st.integers(0, 128))
def test_network_range_is_comparison_of_bytes(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
    base: ipaddress.IPv4Address | ipaddress.IPv6Address,
    bits: int,
) -> None:
    network = ipaddress.ip_network(f"{base}/{min(bits, base.max_prefixlen)}", strict=False)
    first, last = schema.network_range(str(network))
    inside = address in network if address.version == network.version else None
    if inside is not None:
        assert (first <= schema.address_bytes(str(address)) <= last) == inside


@pytest.mark.parametrize("text", ["", "1.2.3", "1.2.3.4/33", "::1/129", "a.b.c.d", "1.2.3.4/"])
def test_no_network(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        schema.network_range(text)


def test_mac_text() -> None:
    assert schema.mac_text(0x001B213C9DF8) == "00:1b:21:3c:9d:f8"
    assert schema.mac_text(0) == "00:00:00:00:00:00"
