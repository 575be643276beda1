"""Downloads: whole, in parts, broken off and gone on with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hive_stub import CONTENT, TOKEN, Answer, Hive, ranged, refusal
from pytci import ConnectionFailed, NotFound, PyTCIError, UnexpectedAnswer

ETAG = '"1-abc"'
WHOLE = len(CONTENT)


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_whole_file(tci: Any, hive: Hive, tmp_path: Path) -> None:
    hive.on("GET /jobs/1/file", ranged(CONTENT, ETAG))
    told: list[Any] = []
    target = tmp_path / "x.pcapng"
    target.write_bytes(b"an older one")
    assert tci.download_job(1, target, progress=lambda done, total: told.append((done, total))) == target
    assert target.read_bytes() == CONTENT
    assert left(tmp_path) == ["x.pcapng"]
    assert told[0] == (0, WHOLE)
    assert told[-1] == (WHOLE, WHOLE)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert hive.seen[-1].headers["accept-encoding"] == "identity"


def test_the_hives_name_in_a_folder(tci: Any, hive: Hive, tmp_path: Path) -> None:
    hive.on("GET /jobs/1/file", ranged(CONTENT, ETAG))
    assert tci.download_job(1, tmp_path) == tmp_path / "My_new_job.pcapng"
    with pytest.raises(PyTCIError, match=r"My_new_job.pcapng is there already; name the file to replace it"):
        tci.download_job(1, tmp_path)


@pytest.mark.parametrize(("told", "name"), [
    ('attachment; filename="../../etc/passwd"', "passwd"), (r'attachment; filename="C:\\x\\y.pcap"', "y.pcap"),
    ("attachment; filename=.bashrc", "bashrc"), ("attachment", "download"), ("", "download"),
    ("attachment; filename=x.pcap; filename*=UTF-8''%C4%8De%C5%A1i.pcap", "x.pcap"),
    ("attachment; filename*=UTF-8''%C4%8De%C5%A1i.pcap", "češi.pcap"),
    ('attachment; filename="a\tb.pcap"', "ab.pcap"),
])
def test_names_lead_nowhere_else(tci: Any, hive: Hive, tmp_path: Path, told: str, name: str) -> None:
    hive.on("GET /jobs/1/file", Answer(200, b"x", {"Content-Disposition": told} if told else {}))
    assert tci.download_job(1, tmp_path).name == name
    assert left(tmp_path) == [name]


def test_a_broken_connection_goes_on_where_it_was(tci: Any, hive: Hive, tmp_path: Path) -> None:
    hive.on("GET /jobs/1/file", ranged(CONTENT, ETAG, cuts=[300_000, 1, 500_000]))
    assert tci.download_job(1, tmp_path / "x").read_bytes() == CONTENT
    ranges = [seen.headers.get("range") for seen in hive.seen]
    assert ranges[0] is None
    assert all(each is not None and each != "bytes=0-" for each in ranges[1:])
    assert all(seen.headers["if-range"] == ETAG for seen in hive.seen[1:])
    assert left(tmp_path) == ["x"]


def test_and_in_a_later_run(tci: Any, hive: Hive, tmp_path: Path) -> None:
    hive.on("GET /jobs/1/file", ranged(CONTENT, ETAG, cuts=[600_000, 0, 0, 0, 0]))
    for where in (tmp_path / "x", tmp_path):
        with pytest.raises(ConnectionFailed):
            tci.download_job(1, where)
        part = "x.part" if where != tmp_path else "My_new_job.pcapng.part"
        have = (tmp_path / part).stat().st_size
        assert 0 < have <= 600_000
        hive.on("GET /jobs/1/file", ranged(CONTENT, ETAG))
        assert tci.download_job(1, where).read_bytes() == CONTENT
        assert hive.seen[-1].headers["range"] == f"bytes={have}-"
        hive.on("GET /jobs/1/file", ranged(CONTENT, ETAG, cuts=[600_000, 0, 0, 0, 0]))
    assert left(tmp_path) == ["My_new_job.pcapng", "x"]


def test_or_begins_anew_on_demand(tci: Any, hive: Hive, tmp_path: Path) -> None:
    (tmp_path / "x.part").write_bytes(b"rubbish")
    (tmp_path / "x.part.json").write_text(json.dumps({"etag": ETAG}))
    hive.on("GET /jobs/1/file", ranged(CONTENT, ETAG))
    assert tci.download_job(1, tmp_path / "x", resume=False).read_bytes() == CONTENT
    assert "range" not in hive.seen[-1].headers


@pytest.mark.parametrize("note", ['{"etag": "\\"older\\""}', "{}", "broken", "[1]"])
def test_another_version_is_fetched_whole(tci: Any, hive: Hive, tmp_path: Path, note: str) -> None:
    (tmp_path / "x.part").write_bytes(b"of an older version")
    (tmp_path / "x.part.json").write_text(note)
    hive.on("GET /jobs/1/file", ranged(CONTENT, ETAG))
    assert tci.download_job(1, tmp_path / "x").read_bytes() == CONTENT
    assert left(tmp_path) == ["x"]


def test_a_part_that_is_longer_than_the_file(tci: Any, hive: Hive, tmp_path: Path) -> None:
    (tmp_path / "x.part").write_bytes(CONTENT + b"more")
    (tmp_path / "x.part.json").write_text(json.dumps({"etag": ETAG}))
    hive.on("GET /jobs/1/file", ranged(CONTENT, ETAG))
    assert tci.download_job(1, tmp_path / "x").read_bytes() == CONTENT
    assert len(hive.seen) == 2


def test_a_part_other_than_the_wanted_one(tci: Any, hive: Hive, tmp_path: Path) -> None:
    (tmp_path / "x.part").write_bytes(b"12345")
    (tmp_path / "x.part.json").write_text(json.dumps({"etag": ETAG}))
    hive.on("GET /jobs/1/file", Answer(206, b"6789", {"Content-Range": "bytes 6-9/10", "ETag": ETAG}))
    with pytest.raises(UnexpectedAnswer, match="another part"):
        tci.download_job(1, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_tcis_hive_has_neither_lengths_nor_ranges(tci: Any, hive: Hive, tmp_path: Path) -> None:
    """It streams; what breaks is fetched anew, as often as retries allow."""
    plain = {"Content-Type": "application/zip", "Content-Disposition": "attachment; filename=x.zip"}
    torn = Answer(200, CONTENT, dict(plain), cut=200_000, chunked=True)
    hive.script.extend([torn, torn, Answer(200, CONTENT, dict(plain), chunked=True)])
    told: list[Any] = []
    assert tci.download_job(1, tmp_path, progress=lambda *each: told.append(each)).read_bytes() == CONTENT
    assert told[-1] == (WHOLE, None)
    assert all("range" not in seen.headers for seen in hive.seen)
    assert left(tmp_path) == ["x.zip"]
    hive.script.extend([torn] * 9)
    with pytest.raises(ConnectionFailed):
        tci.download_job(1, tmp_path / "y")
    assert len(hive.script) == 5
    assert not (tmp_path / "y").exists()


def test_refusals_leave_nothing(tci: Any, hive: Hive, tmp_path: Path) -> None:
    hive.on("GET /jobs/1/file", refusal(404, "the job has no file yet"))
    with pytest.raises(NotFound, match="no file yet"):
        tci.download_job(1, tmp_path / "x")
    hive.on("GET /jobs/1/file", Answer(200, b"<html>", {"Content-Type": "text/html"}))
    with pytest.raises(UnexpectedAnswer, match="web page"):
        tci.download_job(1, tmp_path / "x")
    hive.on("GET /jobs/1/file", Answer(200, b"zzz", {"Content-Encoding": "gzip"}))
    with pytest.raises(UnexpectedAnswer, match="compressed"):
        tci.download_job(1, tmp_path / "x")
    assert left(tmp_path) == []


def test_public_links_get_no_token(tci: Any, hive: Hive, tmp_path: Path) -> None:
    hive.on("GET /jobs/file/abc", ranged(CONTENT, ETAG))
    url = f"http://127.0.0.1:{hive.port}/api/v1/jobs/file/abc"
    assert tci.download_job_from_url(url, tmp_path / "x").read_bytes() == CONTENT
    assert "authorization" not in hive.seen[-1].headers
    assert TOKEN not in str(hive.seen[-1])
    with pytest.raises(ValueError, match="whole address"):
        tci.download_job_from_url("/api/v1/jobs/file/abc")


def test_logs(tci: Any, hive: Hive, tmp_path: Path) -> None:
    hive.on("GET /logs/hive.log/file", Answer(200, b"line\n", {"Content-Disposition": "attachment; filename=hive.log",
                                                                 "Content-Type": "text/plain"}))
    assert tci.download_log("hive.log", tmp_path).read_bytes() == b"line\n"


def test_an_empty_file(tci: Any, hive: Hive, tmp_path: Path) -> None:
    hive.on("GET /jobs/1/file", ranged(b"", ETAG))
    assert tci.download_job(1, tmp_path / "x").read_bytes() == b""
