"""Counters count exactly, from any thread; logging keeps to our own loggers."""

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tapiary.telemetry import LogFile, counter, counters, log_to_file, logger, setup_logging


def test_counting_from_many_threads_loses_nothing() -> None:
    count = counter("test_room", "things")
    threads = [threading.Thread(target=lambda: [count.add() for _ in range(2000)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count.value == 16000
    assert counters()["test_room"] == {"things": 16000}


def test_the_same_name_is_the_same_counter() -> None:
    assert counter("test_same", "a") is counter("test_same", "a")
    assert counter("test_same", "a") is not counter("test_same", "b")


@pytest.fixture
def tapiary_logger() -> Iterator[logging.Logger]:
    ours = logging.getLogger("tapiary")
    before = ours.level, ours.handlers[:], ours.propagate
    ours.handlers.clear()
    yield ours
    ours.level, ours.handlers[:], ours.propagate = before


def test_setting_up_twice_changes_the_level_and_adds_one_handler(tapiary_logger: logging.Logger) -> None:
    others = logging.getLogger().handlers[:]
    setup_logging("warning")
    setup_logging("debug")
    assert len(tapiary_logger.handlers) == 1
    assert logger("meter").isEnabledFor(logging.DEBUG)
    assert logging.getLogger().handlers == others


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("tapiary.x", logging.WARNING, __file__, 1, text, None, None)


def test_a_log_file_and_the_former_ones(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "t.log"
    file = LogFile(path, 1000, 2)
    for n in range(60):
        file.emit(record(f"number {n:04} " + "x" * 40))
    file.close()
    names = sorted(each.name for each in path.parent.iterdir())
    assert names == [".t.log.lock", "t.log", "t.log.1", "t.log.2"]
    assert all(each.stat().st_size <= 1000 for each in path.parent.iterdir())
    told = "".join((path.parent / name).read_text() for name in ("t.log.2", "t.log.1", "t.log"))
    numbers = [int(line.split("number ")[1][:4]) for line in told.splitlines()]
    assert numbers == list(range(numbers[0], 60))
    assert len(numbers) > 20


def test_a_log_file_without_former_ones(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "t.log", 300, 0)
    for n in range(20):
        file.emit(record(f"number {n}"))
    file.close()
    assert (tmp_path / "t.log").read_text().splitlines()[-1].endswith("number 19")
    assert sorted(each.name for each in tmp_path.iterdir()) == [".t.log.lock", "t.log"]


def test_text_from_outside_is_no_record(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "t.log", 1000, 1)
    file.emit(record("a drone says: x\n2026-01-01 00:00:00,000 ERROR   tapiary: all is lost \udc80"))
    file.close()
    lines = (tmp_path / "t.log").read_text().splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("    2026")


WRITER = """
import logging, sys
from pathlib import Path
from tapiary.telemetry import log_to_file, logger
log_to_file(Path(sys.argv[1]), 20000, 100)
logging.getLogger("tapiary").setLevel("INFO")
for n in range(2000):
    logger(sys.argv[2]).info("%d %s", n, "x" * 50)
"""


def test_several_processes_lose_and_tear_nothing(tmp_path: Path) -> None:
    path = tmp_path / "t.log"
    command = [sys.executable, "-c", WRITER, str(path)]
    writers = [subprocess.Popen([*command, name]) for name in ("a", "b", "c")]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    seen: dict[str, set[int]] = {"a": set(), "b": set(), "c": set()}
    files = [each for each in tmp_path.iterdir() if not each.name.startswith(".")]
    assert len(files) > 10
    for each in files:
        assert each.stat().st_size <= 20_000 + 3 * 200
        for line in each.read_text().splitlines():
            name, _, text = line.partition("tapiary.")[2].partition(": ")
            number, _, rest = text.partition(" ")
            assert rest == "x" * 50
            seen[name].add(int(number))
    assert all(len(numbers) == 2000 for numbers in seen.values())


def test_logging_into_a_file_is_set_up_once(tmp_path: Path, tapiary_logger: logging.Logger) -> None:
    setup_logging("info")
    for _ in range(2):
        log_to_file(tmp_path / "t.log", 1000, 1)
    logger("x").info("hello")
    assert (tmp_path / "t.log").read_text().endswith("tapiary.x: hello\n")
    for handler in tapiary_logger.handlers:
        handler.close()


def test_a_log_file_that_cannot_be_written_breaks_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    file = LogFile(tmp_path / "file" / "t.log", 1000, 1)
    file.emit(record("lost"))
    assert "Logging error" in capsys.readouterr().err
