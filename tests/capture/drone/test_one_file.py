"""A job's parts as one file: appended, merged, and after a crash in between."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tapiary.capture.drone.one_file import unite
from tapiary.capture.drone.records import JobRecord, Part
from tapiary.capture.messages import StartJob
from tapiary.errors import InvalidInput
from tests.capture.drone.captures import pcap, times_in, write


class Crash(Exception):
    pass


class Job:
    def __init__(self, folder: Path, files: list[tuple[str, bytes]]) -> None:
        self.folder = folder
        parts = [Part(n, interface, f"{n:06d}.pcap", f"o{n}", len(data), 0.0)
                 for n, (interface, data) in enumerate(files, 1)]
        for part, (_interface, data) in zip(parts, files, strict=True):
            write(folder / part.file, data)
        self.record = JobRecord(StartJob(1, "", 1, 1), [], parts=parts)
        self.commits = 0
        self.crash_at = 0

    def unite(self, mergecap: str = "no-such-program") -> bytes:
        unite(self.record, lambda part: self.folder / part.file, self.commit, mergecap)
        assert len(self.record.parts) == 1
        assert [p.name for p in self.folder.iterdir()] == [self.record.parts[0].file]
        data = (self.folder / self.record.parts[0].file).read_bytes()
        assert len(data) == self.record.parts[0].size
        return data

    def commit(self, parts: list[Part]) -> None:
        self.commits += 1
        if self.commits == self.crash_at:
            raise Crash
        self.record.parts = parts
        for path in self.folder.iterdir():
            if path.name not in {part.file for part in parts}:
                path.unlink()


FOUR = [("eth0", pcap([1.0, 2.0])), ("eth0", pcap([3.0])), ("eth0", pcap([])), ("eth0", pcap([4.0, 5.0]))]


def test_parts_of_one_interface_are_appended(tmp_path: Path) -> None:
    assert times_in(Job(tmp_path, FOUR).unite()) == [1.0, 2.0, 3.0, 4.0, 5.0]


@pytest.mark.parametrize("crash_at", [1, 2, 3])
def test_a_crash_between_appending_and_noting_it_doubles_nothing(tmp_path: Path, crash_at: int) -> None:
    job = Job(tmp_path, FOUR)
    job.crash_at = crash_at
    with pytest.raises(Crash):
        job.unite()
    assert times_in(job.unite()) == [1.0, 2.0, 3.0, 4.0, 5.0]


TWO = [("eth0", pcap([1.0, 3.0])), ("eth1", pcap([0.5, 3.5])), ("eth0", pcap([4.0]))]


def test_several_interfaces_are_merged_by_time_without_mergecap(tmp_path: Path) -> None:
    assert times_in(Job(tmp_path, TWO).unite()) == [0.5, 1.0, 3.0, 3.5, 4.0]


@pytest.mark.skipif(not shutil.which("mergecap"), reason="mergecap is not installed (wireshark-common)")
def test_mergecap_takes_other_link_types_too(tmp_path: Path) -> None:
    data = Job(tmp_path, [TWO[0], ("any", pcap([2.0], link_type=113))]).unite("mergecap")
    assert data[:4] == b"\x0a\x0d\x0d\x0a"
    assert data.count(b"2.000") == 1


def test_other_link_types_without_mergecap_say_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="mergecap"):
        Job(tmp_path, [TWO[0], ("any", pcap([2.0], link_type=113))]).unite()
    assert len(list(tmp_path.iterdir())) == 2


def test_one_part_and_none_need_nothing(tmp_path: Path) -> None:
    assert times_in(Job(tmp_path / "one", FOUR[:1]).unite()) == [1.0, 2.0]
    empty = JobRecord(StartJob(1, "", 1, 1), [])
    unite(empty, lambda part: tmp_path / part.file, lambda parts: None, "mergecap")
