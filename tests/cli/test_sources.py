"""Files, folders and patterns on the command line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tapiary.cli.sources import expand

PCAP = bytes.fromhex("d4c3b2a102000400") + bytes(16)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with captures, and with what is none."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "captures" / "deep").mkdir(parents=True)
    (tmp_path / "captures" / ".git").mkdir()
    for name, content in {
        "captures/b.pcap": PCAP, "captures/a": PCAP, "captures/notes.txt": b"hello", "captures/.hidden.pcap": PCAP,
        "captures/.git/x.pcap": PCAP, "captures/deep/c.pcapng": bytes.fromhex("0a0d0d0a") + bytes(24),
        "captures/d.pcap.gz": b"\x1f\x8b\x08", "captures/backup.tar.gz": b"\x1f\x8b\x08",
        "captures/e.pcap1.zst": b"\x28\xb5\x2f\xfd",
        "captures/f.cap.zst": b"\x28\xb5\x2f\xfd", "captures/empty.pcap": b"",
    }.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_a_folder_stands_for_its_captures(folder: Path) -> None:
    assert expand(["captures"]) == [
        f"captures{os.sep}{name}" for name in ("a", "b.pcap", "d.pcap.gz", "f.cap.zst", f"deep{os.sep}c.pcapng")
    ]


def test_named_files_are_taken_whatever_they_are_and_once(folder: Path) -> None:
    assert expand(["captures/notes.txt", "-", "missing", "captures/b.pcap", "captures/b.pcap"]) == [
        "captures/notes.txt", "-", "missing", "captures/b.pcap",
    ]


def test_patterns_that_the_shell_left(folder: Path) -> None:
    assert expand(["captures/*.pcap"]) == ["captures/b.pcap", "captures/empty.pcap"]
    assert expand(["captures/**/*.pcapng"]) == ["captures/deep/c.pcapng"]
    assert expand(["none*.pcap"]) == ["none*.pcap"]
    (folder / "odd[1].pcap").write_bytes(PCAP)
    assert expand(["odd[1].pcap"]) == ["odd[1].pcap"]
