"""The command line, run in this process as its users run it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tapiary.cli import main


@dataclass(frozen=True)
class Result:
    """What a command line gave."""

    code: int
    out: str
    err: str

    def objects(self) -> list[Any]:
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Result]


@pytest.fixture
def tapiary(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Run]:
    """Runs `tapiary` with a data folder of this test's own."""

    def run(*arguments: str | Path, stdin: bytes = b"") -> Result:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        code = main(["--data-dir", str(tmp_path / "data"), *map(str, arguments)])
        return Result(code, *capsys.readouterr())

    yield run
    log = logging.getLogger("tapiary")  # its handler holds this test's standard error
    log.handlers.clear()
    log.propagate = True
    log.setLevel(logging.NOTSET)
    logging.getLogger("tapiary.jobs").setLevel(logging.NOTSET)


@pytest.fixture
def processed(tapiary: Run, sample: Path) -> Run:
    """`tapiary` with the sample capture in the tables."""
    assert tapiary("process", sample).code == 0
    return tapiary
