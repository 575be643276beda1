"""What comes as a file: captures whole and in part, packets of flows, exports."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import dpkt
import pyarrow.parquet as pq
import pytest

from tests.api.conftest import Face


def packets(data: bytes) -> list[tuple[float, bytes]]:
    return list(dpkt.pcap.Reader(io.BytesIO(data)))


def test_download_in_ranges(reader: Face, sample: Path) -> None:
    data = sample.read_bytes()
    path = f"/file/{reader.job_id}/download"
    whole = reader.get(path)
    assert whole.data == data
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert "sample.pcap" in whole.headers["Content-Disposition"]
    part = reader.get(path, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.data) == (206, data[100:200])
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(data)}"
    assert reader.get(path, headers={"Range": "bytes=-5"}).data == data[-5:]
    beyond = reader.get(path, headers={"Range": f"bytes={len(data)}-"})
    assert beyond.status_code == 416
    assert set(beyond.json) == {"status", "code", "message"}
    assert reader.get(path, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304
    stale = reader.get(path, headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert (stale.status_code, stale.data) == (200, data)
    assert reader.request("HEAD", path).headers["Content-Length"] == str(len(data))


def test_packets_of_a_flow_are_those_it_counted(reader: Face, sample: Path) -> None:
    all_packets = packets(sample.read_bytes())
    for flow in reader.get(
        f"/file/{reader.job_id}/flows?sort=-packets&limit=5&columns=flow_id,packets,wire_bytes"
    ).json:
        found = packets(reader.get(f"/file/{reader.job_id}/pcap?flow={flow['flow_id']}").data)
        assert len(found) == flow["packets"]
        assert found[0] == all_packets[flow["flow_id"] - 1]
        assert all(packet in all_packets for packet in found)


def test_packets_by_label_and_address(reader: Face) -> None:
    whole = packets(reader.get(f"/file/{reader.job_id}/pcap").data)
    total = sum(f["packets"] for f in reader.get(f"/file/{reader.job_id}/flows?limit=10000&columns=packets").json)
    assert len(whole) == total
    groups = reader.get(f"/file/{reader.job_id}/statistics?limit=1000").json[2]["content"]
    assert (
        sum(
            len(packets(reader.get(f"/file/{reader.job_id}/pcap", query_string={"label": g["label"]}).data))
            for g in groups
        )
        == total
    )
    assert packets(reader.get(f"/file/{reader.job_id}/pcap?ip=198.18.77.77").data) == []
    v4 = len(packets(reader.get(f"/file/{reader.job_id}/pcap?ip=0.0.0.0/0").data))
    v6 = len(packets(reader.get(f"/file/{reader.job_id}/pcap", query_string={"ip": "!0.0.0.0/0"}).data))
    assert v4 + v6 == total


def test_a_changed_file_is_not_cut(face: Face) -> None:
    face.put("sample.pcap", b"something else altogether")
    answer = face.get(f"/file/{face.job_id}/pcap")
    assert answer.status_code == 409
    (face.services.files.root / "sample.pcap").unlink()
    assert face.get(f"/file/{face.job_id}/pcap").status_code == 404
    assert face.get(f"/file/{face.job_id}/download").status_code == 404


@pytest.mark.parametrize("query", ["", "&label=dns", "&ip=198.18.77.77"])
def test_exports_agree(reader: Face, query: str) -> None:
    base = f"/file/{reader.job_id}/export?format="
    parquet = pq.read_table(io.BytesIO(reader.get(base + "parquet" + query).data))
    lines = reader.get(base + "ndjson" + query).text.splitlines()
    rows = list(csv.DictReader(io.StringIO(reader.get(base + "csv" + query).text)))
    total = int(reader.get(f"/file/{reader.job_id}/flows?limit=1{query}").headers["X-Total-Count"])
    assert parquet.num_rows == len(lines) == len(rows) == total
    for flow, line, row in zip(parquet.to_pylist(), map(json.loads, lines), rows, strict=True):
        assert flow["client_ip"] == line["client_ip"] == row["client_ip"]
        assert flow["flow_id"] == line["flow_id"] == int(row["flow_id"])
        assert flow["packet_sizes"] == line["packet_sizes"] == json.loads(row["packet_sizes"])
        assert flow["client_mac"] == line.get("client_mac") == (row["client_mac"] or None)
        assert (
            flow["first_seen"].timestamp()
            == pytest.approx(float(reader_time(line["first_seen"])), abs=1e-6)
            == pytest.approx(float(reader_time(row["first_seen"])), abs=1e-6)
        )


def reader_time(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()


def test_names_beyond_ascii(face: Face, sample: Path) -> None:
    face.put("größe 日本.pcap", sample.read_bytes())
    job = face.process("größe 日本.pcap")
    for what in ("export?format=csv", "pcap", "download"):
        disposition = face.get(f"/file/{job}/{what}").headers["Content-Disposition"]
        assert "filename*=UTF-8''gr%C3%B6%C3%9Fe%20" in disposition
