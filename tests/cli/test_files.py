"""`tapiary files`: the repository and its states."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import Run


def put(sample: Path, tmp_path: Path, name: str) -> Path:
    """A capture in the repository, old enough not to count as in use."""
    path = tmp_path / "data" / "repository" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(sample, path)
    os.utime(path, (1e9, 1e9))
    return path


def test_an_empty_repository(tapiary: Run) -> None:
    result = tapiary("files")
    assert (result.code, result.out) == (0, "")
    assert "no captures" in result.err


def test_states(tapiary: Run, sample: Path, tmp_path: Path) -> None:
    done = put(sample, tmp_path, "done.pcap")
    put(sample, tmp_path, "deep/new.pcap")
    assert tapiary("process", done).code == 0
    assert [(view["name"], view["state"], view["flows"]) for view in tapiary("files", "--json").objects()] == [
        ("deep/new.pcap", "new", None), ("done.pcap", "finished", 27),
    ]
    head, new, finished = tapiary("files").out.splitlines()
    assert head.split()[:5] == ["name", "state", "job", "size", "flows"]
    assert new.split()[:2] == ["deep/new.pcap", "new"]
    assert finished.split()[:3] == ["done.pcap", "finished", "1"]


def test_what_is_passed_over_is_said(tapiary: Run, sample: Path, tmp_path: Path) -> None:
    path = put(sample, tmp_path, "new.pcap")
    (path.parent / "notes.txt").write_text("hello")
    os.utime(path.parent / "notes.txt", (1e9, 1e9))
    shutil.copyfile(sample, path.parent / "young.pcap")
    result = tapiary("files")
    assert "young.pcap is still being written" in result.err
    assert "notes.txt is passed over" in result.err
    assert "young.pcap" not in tapiary("files", "--no-scan").out


def test_files_outside_and_failures(tapiary: Run, sample: Path, tmp_path: Path) -> None:
    broken = put(sample, tmp_path, "broken.pcap")
    broken.write_bytes(b"not a capture at all")
    assert tapiary("process", sample, broken).code == 1
    assert str(sample) not in tapiary("files").out
    result = tapiary("files", "--all")
    assert str(sample) in result.out
    assert "broken.pcap: " in result.err
