"""Countries and cities, from a small file that puts the sample's addresses somewhere."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from pathlib import Path

import pytest

from tapiary.enrich.writer import mmdb
from tapiary.schema import address_bytes
from tests.api.conftest import Face, make_face

PARIS = {"country": {"iso_code": "FR"}, "city": {"names": {"en": "Paris"}}}
GERMANY = {"country": {"iso_code": "DE"}}


def low(text: str) -> bytes:
    """An address as the writer wants it: IPv4 as ::a.b.c.d."""
    stored = address_bytes(text)
    return bytes(12) + stored[12:] if ipaddress.ip_address(text).version == 4 else stored


@pytest.fixture
def placed(tmp_path: Path, sample: Path) -> Iterator[Face]:
    """192.168.0.0/16 lies in Paris, 198.0.0.0/8 to 203.255.255.255 in Germany; the sample is processed."""
    geo = tmp_path / "data" / "geo"
    geo.mkdir(parents=True)
    ranges = [(low("192.168.0.0"), low("192.168.255.255"), 0), (low("198.0.0.0"), low("203.255.255.255"), 1)]
    (geo / "city.mmdb").write_bytes(mmdb(ranges, [PARIS, GERMANY], database_type="Test-City"))
    (geo / "ATTRIBUTION.txt").write_text("city.mmdb: Places by Ünï <Maps>, https://maps.example (CC BY 4.0)\n", "utf-8")
    face = make_face(tmp_path / "data")
    face.put("sample.pcap", sample.read_bytes())
    face.job_id = face.process("sample.pcap")
    yield face
    face.services.close()


def test_places_everywhere(placed: Face) -> None:
    flows = placed.get(f"/file/{placed.job_id}/flows?limit=10000").json
    french = [f for f in flows if "FR" in (f.get("client_country"), f.get("server_country"))]
    german = [f for f in flows if "DE" in (f.get("client_country"), f.get("server_country"))]
    assert french
    assert german
    statistics = {s["title"]: s["content"] for s in placed.get(f"/file/{placed.job_id}/statistics").json}
    counts = {item["label"]: item["count"] for item in statistics["countries"]}
    assert counts == {"France": len(french), "Germany": len(german)}
    assert placed.services.files.get("sample.pcap").summary["countries"] == {"FR": len(french), "DE": len(german)}
    paris = placed.get(f"/file/{placed.job_id}/statistics/ip?ip=192.168.0.0/16").json
    assert (paris["country"], paris["city"]) == ("France", "Paris")
    germany = placed.get(f"/file/{placed.job_id}/statistics/ip?ip=200.0.0.0/5").json
    assert (germany["country"], germany["city"]) == ("Germany", "unknown")
    nowhere = placed.get(f"/file/{placed.job_id}/statistics/ip?ip=8.8.8.8").json
    assert (nowhere["country"], nowhere["city"]) == ("unknown", "unknown")
    assert int(placed.get(f"/file/{placed.job_id}/flows?country=de&limit=1").headers["X-Total-Count"]) == len(german)
    assert int(placed.get(f"/file/{placed.job_id}/flows?city=Paris&limit=1").headers["X-Total-Count"]) == len(french)


def test_attribution_stands_where_places_do(placed: Face, reader: Face) -> None:
    job = f"/file/{placed.job_id}"
    for path in ("/statistics", "/statistics/labels?label=dns", "/statistics/ip?ip=8.8.8.8", "/flows", "/export"):
        found = placed.get(job + path).headers["X-Attribution"]
        assert found == "Places by ?n? <Maps>, https://maps.example (CC BY 4.0)"
    assert "X-Attribution" not in placed.get(f"{job}/status").headers
    assert "X-Attribution" not in placed.get("/file/999/statistics").headers
    page = placed.client.get("/").text
    assert 'Places by Ünï &lt;Maps&gt;, <a href="https://maps.example">https://maps.example</a> (CC BY 4.0)' in page
    assert "X-Attribution" not in reader.get(f"/file/{reader.job_id}/statistics").headers
    assert "Places" not in reader.client.get("/").text


def test_data_that_cannot_be_read_any_more_cost_the_attribution_alone(placed: Face, tmp_path: Path) -> None:
    placed.services.enricher.close()
    (tmp_path / "data" / "geo" / "city.mmdb").write_bytes(b"broken")
    answer = placed.get(f"/file/{placed.job_id}/statistics")
    assert answer.status_code == 200
    assert "X-Attribution" not in answer.headers
