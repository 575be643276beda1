"""Crypto-PAn against the published vectors, and the property that gives it its name."""

from __future__ import annotations

import ipaddress
import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapiary.enrich import Anonymizer
from tapiary.enrich.addresses import binary_column
from tapiary.errors import InvalidInput
from tapiary.schema import address_bytes, address_text

pytest.importorskip("cryptography")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: The key of the authors' own sample program, sample_trace_raw.dat and sample_trace_sanitized.dat beside it.
KEY = bytes([21, 34, 23, 141, 51, 164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16,
             216, 152, 143, 131, 121, 121, 101, 39, 98, 87, 76, 45, 42, 132, 34, 2])
VECTORS = {
    "128.11.68.132": "135.242.180.132", "129.118.74.4": "134.136.186.123", "130.132.252.244": "133.68.164.234",
    "141.223.7.43": "141.167.8.160", "141.233.145.108": "141.129.237.235", "152.163.225.39": "151.140.114.167",
    "156.29.3.236": "147.225.12.42", "165.247.96.84": "162.9.99.234", "166.107.77.190": "160.132.178.185",
    "192.102.249.13": "252.138.62.131", "192.215.32.125": "252.43.47.189", "192.233.80.103": "252.25.108.8",
    "192.41.57.43": "252.222.221.184", "193.150.244.223": "253.169.52.216", "195.205.63.100": "255.186.223.5",
    "198.200.171.101": "249.199.68.213", "198.26.132.101": "249.36.123.202", "198.36.213.5": "249.7.21.132",
    "198.51.77.238": "249.18.186.254", "199.217.79.101": "248.38.184.213", "202.49.198.20": "245.206.7.234",
    "203.12.160.252": "244.248.163.4", "204.184.162.189": "243.192.77.90", "204.202.136.230": "243.178.4.198",
    "204.29.20.4": "243.33.20.123", "205.178.38.67": "242.108.198.51", "205.188.147.153": "242.96.16.101",
    "205.188.248.25": "242.96.88.27", "205.245.121.43": "242.21.121.163", "207.105.49.5": "241.118.205.138",
    # IPv6, as the implementations in Go, Rust and JavaScript have it under the same key.
    "::ffff": "78ff:f001:9fc0:20df:8380:b1f1:704:f838",
    "::1": "78ff:f001:9fc0:20df:8380:b1f1:704:ed", "::2": "78ff:f001:9fc0:20df:8380:b1f1:704:ef",
    "2001:db8::1": "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1e", "2001:db8::2": "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1c",
}


@pytest.mark.parametrize(("raw", "sanitized"), VECTORS.items())
def test_published_vectors(raw: str, sanitized: str) -> None:
    assert Anonymizer(KEY).address(raw) == sanitized


@pytest.mark.parametrize(("raw", "sanitized"), [
    ("192.0.2.1", "2.90.93.17"), ("0.0.0.0", "254.152.65.220"), ("10.0.1.128", "246.35.190.47"),
    ("255.255.255.255", "56.0.15.254"), ("148.88.133.200", "106.38.131.223"),
    ("2001:db8::1", "dd92:2c44:3fc0:ff1e:7ff9:c7f0:8180:7e00"),
])
def test_published_vectors_of_a_second_key(raw: str, sanitized: str) -> None:
    assert Anonymizer(bytes(range(32))).address(raw) == sanitized


@given(st.lists(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)), min_size=2, max_size=20))
def test_common_prefixes_keep_their_length(addresses: list[Address]) -> None:
    anonymizer = Anonymizer(KEY)
    for one, other in itertools.pairwise(addresses):
        if one.version == other.version and not any(_mapped(a) for a in (one, other)):
            mapped = [ipaddress.ip_address(anonymizer.address(str(a))) for a in (one, other)]
            assert _common(*mapped) == _common(one, other)


def test_a_batch_is_mapped_as_its_addresses_are() -> None:
    texts = ["8.8.8.8", "2001:db8::1", "8.8.4.4", "8.8.8.8"]
    rows = np.frombuffer(b"".join(map(address_bytes, texts)), np.uint8).reshape(-1, 16)
    column = binary_column(rows, pa.binary())
    batch = pa.RecordBatch.from_arrays(
        [column, column, pa.array([1, 2, 3, 4]), pa.array(["a"] * 4)], ["client_ip", "server_ip", "client_mac", "label"]
    )
    anonymizer = Anonymizer(KEY)
    out = anonymizer.anonymize(batch)
    assert [address_text(a) for a in out.column("server_ip").to_pylist()] == [anonymizer.address(t) for t in texts]
    assert out.column("client_ip") == out.column("server_ip")
    assert out.column("client_mac").null_count == 4
    assert out.column("label") == batch.column("label")
    assert out.schema.names == batch.schema.names


def test_the_key_has_32_bytes() -> None:
    with pytest.raises(InvalidInput) as caught:
        Anonymizer(b"short")
    assert caught.value.field == "key"


def _mapped(address: Address) -> bool:
    return address.version == 6 and address.ipv4_mapped is not None


def _common(one: Address, other: Address) -> int:
    return one.max_prefixlen - (int(one) ^ int(other)).bit_length()
