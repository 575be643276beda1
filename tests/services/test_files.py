"""The repository: what a scan sees, what it leaves alone, what changes."""

from __future__ import annotations

import os
import struct
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from tapiary.errors import Conflict, InvalidInput, NotFound
from tapiary.services import Services, scan
from tapiary.services.fingerprint import EDGE_BYTES, fingerprint


def put(services: Services, name: str, data: bytes) -> Path:
    path = services.files.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.fixture
def capture(sample: Path) -> bytes:
    return sample.read_bytes()


def test_a_scan_sees_each_file_once(services: Services, capture: bytes) -> None:
    put(services, "a.pcap", capture)
    put(services, "b/c/d.pcapng", capture)
    report = services.files.scan()
    assert report.seen == ("a.pcap", "b/c/d.pcapng")
    assert services.files.scan() == type(report)()
    assert [v.name for v in services.files.list()] == ["a.pcap", "b/c/d.pcapng"]
    view = services.files.get("a.pcap")
    assert view.state == "new"
    assert view.time_start <= view.time_end
    assert view.time_start == pytest.approx(services.files.get("b/c/d.pcapng").time_start)


def test_what_is_passed_over(services: Services, capture: bytes, tmp_path: Path) -> None:
    put(services, ".hidden.pcap", capture)
    put(services, ".uploads/x.part", capture)
    put(services, "notes.txt", b"no capture")
    put(services, "capture-without-ending", capture)
    put(services, "broken.pcap", b"garbage")
    (tmp_path / "outside.pcap").write_bytes(capture)
    (services.files.root / "link.pcap").symlink_to(tmp_path / "outside.pcap")
    (services.files.root / "loop").symlink_to(services.files.root)
    os.mkfifo(services.files.root / "pipe.pcap")
    with open(os.fsencode(str(services.files.root)) + b"/\xff\xfe.pcap", "wb") as odd:
        odd.write(capture)
    report = services.files.scan()
    assert report.seen == ("broken.pcap", "capture-without-ending")
    assert set(report.refused) >= {"notes.txt", "link.pcap", "loop"}
    assert len(report.refused) == 4


def test_changes_are_noticed_even_with_the_same_size_and_time(services: Services, capture: bytes) -> None:
    path = put(services, "a.pcap", capture)
    services.files.scan()
    services.ingest.process_file(path)
    first = services.files.get("a.pcap")
    assert first.state == "finished"
    os.utime(path)
    assert services.files.scan().changed == (), "a touched file has not changed"
    assert services.files.get("a.pcap").state == "finished"
    path.write_bytes(capture + b"\0")
    os.utime(path, (1, 1))
    assert services.files.scan().changed == ("a.pcap",)
    changed = services.files.get("a.pcap")
    assert changed.state == "new"
    assert changed.run_id == first.run_id, "the old rows stay until new ones are there"


def test_files_in_use_are_left_alone(services: Services, capture: bytes) -> None:
    with (services.files.root / "growing.pcap").open("wb") as growing:
        growing.write(capture)
        growing.flush()
        assert services.files.scan().busy == ("growing.pcap",)
        with pytest.raises(Conflict, match="being written"):
            services.ingest.submit("growing.pcap")
    assert services.files.scan().seen == ("growing.pcap",)


def test_young_files_are_left_alone(services: Services, capture: bytes) -> None:
    config = replace(services.config, repository=replace(services.config.repository, settle_s=60.0))
    patient = Services(config)
    path = put(services, "young.pcap", capture)
    assert patient.files.scan().busy == ("young.pcap",)
    os.utime(path, (time.time() + 3600,) * 2)
    assert patient.files.scan().seen == ("young.pcap",), "a clock that is ahead does not hold a file back"
    patient.close()


def test_a_file_that_went_and_came_back(services: Services, capture: bytes) -> None:
    path = put(services, "a.pcap", capture)
    done = services.ingest.process_file(path)
    path.unlink()
    assert services.files.scan().gone == ("a.pcap",)
    assert services.files.list() == []
    with pytest.raises(NotFound):
        services.files.get("a.pcap")
    assert services.search.statistics(done.job_id), "its rows stay: the folder may just be unmounted"
    path.write_bytes(capture)
    assert services.files.scan().returned == ("a.pcap",)
    assert services.files.get("a.pcap").state == "finished"


def test_resolve_means_what_people_mean(
    services: Services, sample: Path, capture: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(services, "x/a.pcap", capture)
    job = services.ingest.process_file(path).job_id
    outside = services.ingest.process_file(sample).job_id
    monkeypatch.chdir(sample.parent)
    for reference in (job, str(job), "x/a.pcap", str(path)):
        assert services.files.resolve(reference).name == "x/a.pcap"
    for reference in (outside, sample.name, str(sample)):
        assert services.files.resolve(reference).outside
    for reference in ("none.pcap", "999", "../x"):
        with pytest.raises((NotFound, InvalidInput)):
            services.files.resolve(reference)
    with pytest.raises((NotFound, InvalidInput)):
        services.files.get(str(sample))


def test_deleting_outside_leaves_the_file(services: Services, sample: Path) -> None:
    services.ingest.process_file(sample)
    services.files.delete(services.files.resolve(str(sample)))
    assert sample.exists()
    assert services.files.list(outside=True) == []
    assert services.store.size()["flows"]["rows"] == 0


def test_fingerprint_sees_head_tail_and_size(tmp_path: Path) -> None:
    data = bytearray(os.urandom(5 * EDGE_BYTES))
    path = tmp_path / "x"
    path.write_bytes(data)
    first = fingerprint(path).quick_hash
    for position in (0, EDGE_BYTES - 1, len(data) - EDGE_BYTES, len(data) - 1):
        changed = bytearray(data)
        changed[position] ^= 1
        path.write_bytes(changed)
        assert fingerprint(path).quick_hash != first
    path.write_bytes(data + b"x")
    assert fingerprint(path).quick_hash != first
    with pytest.raises(OSError):
        fingerprint(tmp_path)


def block(kind: int, body: bytes) -> bytes:
    size = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + size + body + size


@pytest.mark.parametrize("offset_s", [2**62, -(2**62)])
def test_a_file_whose_clock_is_absurd_does_not_stop_the_scan(services: Services, capture: bytes, offset_s: int) -> None:
    section = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    interface = block(1, struct.pack("<HHIHHqHH", 1, 0, 0, 14, 8, offset_s, 0, 0))
    put(services, "a.pcapng", section + interface + block(6, struct.pack("<5I", 0, 0, 5, 0, 0)))
    put(services, "b.pcap", capture)
    assert services.files.scan().seen == ("a.pcapng", "b.pcap")
    assert 0 <= services.files.get("a.pcapng").time_start <= 253_402_300_800


def test_a_file_that_goes_during_the_scan(
    services: Services, capture: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(services, "a.pcap", capture)
    put(services, "b.pcap", capture)

    def late(name: str) -> str:
        path.unlink(missing_ok=True)
        return name

    monkeypatch.setattr(scan, "checked_name", late)
    assert services.files.scan().seen == ("b.pcap",)


def test_deleting_a_file_whose_job_has_just_ended(services: Services, capture: bytes) -> None:
    put(services, "a.pcap", capture)
    job = services.ingest.submit("a.pcap")
    view = services.files.get("a.pcap")
    services.queue.cancel(job.id)
    services.files.delete(view)
    assert services.files.list() == []
