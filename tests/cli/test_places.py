"""The attribution of geographic data stands wherever the command line shows places, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tapiary.enrich.writer import mmdb
from tapiary.schema import address_bytes

if TYPE_CHECKING:
    from tests.cli.conftest import Run

CREDIT = "IP geolocation by DB-IP, https://db-ip.com (CC BY 4.0)"


@pytest.fixture
def placed(tapiary: Run, tmp_path: Path) -> Run:
    """`tapiary` with a city file in which 8.8.8.8 lies somewhere."""
    geo = tmp_path / "data" / "geo"
    geo.mkdir(parents=True)
    address = bytes(12) + address_bytes("8.8.8.8")[12:]
    records = [{"country_code": "US", "city": "x"}]
    (geo / "city.mmdb").write_bytes(mmdb([(address, address, 0)], records, database_type="DBIP-City-Lite"))
    return tapiary


def test_beside_places(placed: Run, sample: Path) -> None:
    for options in ([], ["--no-store"]):
        lines = placed("process", sample, *options).out.splitlines()
        assert lines[-1] == CREDIT
        assert lines.count(CREDIT) == 1
    assert placed("process", sample, sample).out.splitlines()[-1] == CREDIT
    assert placed("stats").out.splitlines()[-1] == CREDIT
    assert placed("flows", "--where", "country=US").err.splitlines()[-1] == CREDIT


def test_not_where_there_are_none(placed: Run, sample: Path) -> None:
    placed("process", sample)
    assert CREDIT not in placed("stats", "--label", "ARP").out
    assert CREDIT not in placed("flows", "--where", "server_country=").err
    assert CREDIT not in placed("stats", "--json").out
    placed("process", "--no-store", "--json", sample).objects()
