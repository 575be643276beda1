"""Small geographic files in each layout, and batches of flows to enrich."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tapiary.enrich.addresses import binary_column
from tapiary.enrich.writer import mmdb
from tapiary.schema import address_bytes

#: Records per layout: MaxMind's nested one, ip-location-db's (DB-IP) flat one, IPinfo's flat one.
NESTED = [
    {"country": {"iso_code": "DE", "names": {"en": "Germany"}}, "city": {"names": {"de": "Köln", "en": "Cologne"}}},
    {"registered_country": {"iso_code": "FR"}},
    {"country": {"iso_code": "US", "names": {"en": "United States"}}, "city": {"names": {"en": "Boston"}}},
]
FLAT = [
    {"country_code": "DE", "state1": "", "city": "Köln", "latitude": 50.9, "longitude": 6.9, "timezone": ""},
    {"country_code": "FR", "city": "", "latitude": 48.8},
    {"country_code": "us", "city": "x" * 40, "is_anycast": True},
]
IPINFO = [
    {"country": "Germany", "country_code": "DE", "asn": "AS3320", "as_name": "Deutsche Telekom AG"},
    {"country": "FR", "asn": "AS3215", "as_name": "Orange S.A."},
    {"country": "US", "asn": "", "as_name": ""},
]
ASN = [
    {"autonomous_system_number": 3320, "autonomous_system_organization": "Deutsche Telekom AG"},
    {"autonomous_system_number": 70000, "autonomous_system_organization": "Ünïcode Ltd"},
    {"autonomous_system_number": 4200000000},
]
LAYOUTS = {"nested": NESTED, "flat": FLAT, "ipinfo": IPINFO}

#: IPv4 and IPv6 networks with the number of their record, sorted.
NETWORKS = (
    ("2.0.0.0", "2.0.0.255", 0),
    ("2.0.1.0", "2.0.1.127", 1),
    ("2.0.1.128", "2.0.1.128", 2),
    ("5.5.0.0", "5.7.255.255", 1),
    ("2a00::", "2a00:ff:ffff:ffff:ffff:ffff:ffff:ffff", 0),
    ("2a01:1::5", "2a01:1::5", 2),
    ("2a01:1::6", "2a01:1::ff", 1),
)


def low(text: str) -> bytes:
    """An address as the writer wants it: IPv4 as ::a.b.c.d."""
    stored = address_bytes(text)
    return bytes(12) + stored[12:] if stored[:12] == bytes(10) + b"\xff\xff" else stored


def small_mmdb(records: Sequence[dict[str, object]], size: int = 24, kind: str = "Test-City") -> bytes:
    """NETWORKS with these records as a file's bytes."""
    ranges = [(low(first), low(last), number) for first, last, number in NETWORKS]
    return mmdb(ranges, records, database_type=kind, record_size=size, build_epoch=1_700_000_000)  # type: ignore[arg-type]


def flows(clients: Sequence[str], servers: Sequence[str]) -> pa.RecordBatch:
    """A batch with nothing but addresses and one more column."""
    columns = [
        binary_column(np.frombuffer(b"".join(map(address_bytes, side)), np.uint8).reshape(-1, 16), pa.binary())
        for side in (clients, servers)
    ]
    ended = pa.array(["idle"] * len(clients))
    return pa.RecordBatch.from_arrays([*columns, ended], ["client_ip", "server_ip", "ended"])


@pytest.fixture(scope="session")
def geo_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes a small file of a layout and says where it is."""
    folder = tmp_path_factory.mktemp("geo")

    def write(layout: str, size: int = 24) -> Path:
        path = folder / f"{layout}-{size}.mmdb"
        if not path.exists():
            path.write_bytes(small_mmdb(ASN if layout == "asn" else LAYOUTS[layout], size))
        return path

    return write


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the fetched data; skips where there is none."""
    for folder in (os.environ.get("TEST_GEO_DATA"), "~/.local/share/tapiary/geo"):
        if folder and (Path(folder).expanduser() / "city.mmdb").exists():
            return Path(folder).expanduser()
    pytest.skip("no geographic data here: python -m tapiary.enrich.fetch ~/.local/share/tapiary")
