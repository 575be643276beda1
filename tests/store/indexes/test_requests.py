"""Keys of requests: remembered from entries and from files, forgotten in time."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tapiary.store import entries
from tapiary.store.indexes import requests
from tapiary.store.indexes.fields import layout
from tapiary.store.indexes.requests import MEMBER, Requests, digest
from tests.store.indexes.rows import FIELDS

TABLE = layout("events", FIELDS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "_delta_log").mkdir()
    return tmp_path


def write(folder: Path, version: int, *keys: str, ms: int | None = None) -> None:
    now = int(time.time() * 1000) if ms is None else ms
    info = {"timestamp": now, MEMBER: [digest(key) for key in keys]}
    entries.write(folder / "_delta_log", version, [{"commitInfo": info}])


def known(requests: Requests, *keys: str) -> list[int | None]:
    return [requests.version(digest(key)) for key in keys]


def test_keys_come_from_entries(folder: Path) -> None:
    write(folder, 0)
    write(folder, 1, "a", "b")
    write(folder, 2, "c")
    seen = Requests(folder, TABLE)
    seen.follow(1)
    assert known(seen, "a", "b", "c") == [1, 1, None]
    seen.follow(2)
    assert known(seen, "a", "c", "A") == [1, 2, None]


def test_keys_outlive_their_entries(folder: Path) -> None:
    for version in range(10):
        write(folder, version, f"{version}")
    seen, late = Requests(folder, TABLE), Requests(folder, TABLE)
    late.follow(2)
    for upto in (4, 7):
        seen.follow(upto)
        assert seen.save() == upto
        assert seen.save() == upto
    for version in range(8):
        entries.path_of(folder / "_delta_log", version).unlink()
    assert len(list((folder / "_requests").iterdir())) == 2
    for other in (late, Requests(folder, TABLE), seen):
        other.follow(9)
        assert known(other, *map(str, range(10))) == list(range(10))


def test_entries_that_are_gone_without_a_trace_are_passed_over(folder: Path) -> None:
    write(folder, 50_000_000, "a")  # one by one, this would take an hour
    seen = Requests(folder, TABLE)
    seen.follow(50_000_000)
    assert known(seen, "a") == [50_000_000]


def test_old_keys_are_forgotten(folder: Path) -> None:
    old = int(time.time() * 1000) - requests.KEPT_MS - 1000
    write(folder, 0, "old", ms=old)
    write(folder, 1, "new")
    seen = Requests(folder, TABLE)
    seen.follow(1)
    assert known(seen, "old", "new") == [None, 1]


def test_of_many_keys_the_newest_are_known(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "KEPT_KEYS", 6)
    seen = Requests(folder, TABLE)
    for version in range(8):
        write(folder, version, f"{version}a", f"{version}b")
        seen.follow(version)
        seen.save()
    assert known(seen, "4b", "5a", "5b", "7b") == [None, 5, 5, 7]
    files = sorted((folder / "_requests").iterdir())
    assert len(files) == 3
    os.utime(files[0], (0, 0))
    write(folder, 8, "8a")
    seen.follow(8)
    seen.save()
    assert files[0] not in (folder / "_requests").iterdir()
