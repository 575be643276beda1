"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from tapiary.cli.output import echo_json, write

if TYPE_CHECKING:
    from tests.cli.conftest import Run


def broken() -> Iterator[bytes]:
    yield b"half"
    raise RuntimeError("stop")


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_bytes(b"old")
    assert write([b"ne", b"w"], str(out)) == 3
    assert out.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["out"]


def test_what_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_bytes(b"old")
    with pytest.raises(RuntimeError):
        write(broken(), str(out))
    assert out.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["out"]


def test_an_error_before_the_first_piece_touches_nothing(tmp_path: Path) -> None:
    def never() -> Iterator[bytes]:
        raise RuntimeError("no")
        yield b""

    with pytest.raises(RuntimeError):
        write(never(), str(tmp_path / "out"))
    assert os.listdir(tmp_path) == []


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write([b"x"], str(tmp_path / "link"))
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"x"


def test_a_pipe_is_written_directly(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(fifo.read_bytes()))
    reader.start()
    write([b"x", b"y"], str(fifo))
    reader.join(5)
    assert read == [b"xy"]


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="folder"):
        write([b"x"], str(tmp_path))


def test_binary_output_is_kept_off_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    with pytest.raises(click.UsageError, match="no text"):
        write([b"x"], "-", binary=True)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_told_in_one_line(processed: Run, sample: Path) -> None:
    for words in (["flows", "--csv", "/dev/full"], ["process", sample, "--no-store", "--csv", "/dev/full"]):
        result = processed(*words)
        assert result.code == 1
        assert result.err.endswith("No space left on device\n")
        assert len(result.err.splitlines()) == 1


def test_json_stays_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    echo_json({"a": "ü\n", "b": [1]})
    assert capsys.readouterr().out == '{"a":"ü\\n","b":[1]}\n'
