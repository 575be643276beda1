"""The secret key: made once, for the owner alone."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tapiary.errors import Unavailable
from tapiary.services.secret import FILE, secret_key


def test_it_is_made_once(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    key = secret_key(folder)
    assert len(key) == 32
    assert secret_key(folder) == key
    assert stat.S_IMODE((folder / FILE).stat().st_mode) == 0o600
    assert os.listdir(folder) == [FILE]
    assert secret_key(tmp_path / "other") != key


def test_many_at_once_get_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(lambda _: secret_key(tmp_path / "data"), range(64)))
    assert len(keys) == 1
    assert os.listdir(tmp_path / "data") == [FILE]


@pytest.mark.parametrize("content", ["", "abc", "zz" * 32, "ab" * 31, "ü" * 64])
def test_what_is_no_key_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(Unavailable, match=f"{FILE} does not hold a key"):
        secret_key(tmp_path)
    assert (tmp_path / FILE).read_text() == content


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot read or make"):
        secret_key(tmp_path / "file")
