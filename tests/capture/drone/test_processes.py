"""Recorders as processes: a signal that only arrives where it does no harm."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tapiary.capture.drone import processes
from tapiary.capture.drone.processes import Process

#: Waits in poll(2) for ever; says when it was told something.
WAITS = """
import select, signal, sys
signal.signal(signal.SIGUSR2, lambda *_: print("told", flush=True))
print("ready", flush=True)
while True:
    select.poll().poll()
"""
#: Never waits; a signal would end it.
WORKS = """
print("ready", flush=True)
while True:
    pass
"""


@pytest.fixture
def start() -> Iterator[object]:
    children: list[subprocess.Popen[str]] = []

    def begin(program: str) -> tuple[subprocess.Popen[str], Process]:
        child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        children.append(child)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        found = Process(child.pid, processes._stat(child.pid)[1])
        return child, found

    yield begin
    for child in children:
        child.kill()
        child.wait()


def state(process: Process) -> str:
    return processes._stat(process.pid)[0]


def test_who_waits_is_told(start) -> None:  # type: ignore[no-untyped-def]
    child, process = start(WAITS)
    assert any(process.signal_at_rest("SIGUSR2") for _ in range(100))
    assert child.stdout.readline() == "told\n"
    assert state(process) in "SR"


def test_who_works_is_left_alone(start) -> None:  # type: ignore[no-untyped-def]
    child, process = start(WORKS)
    assert not any(process.signal_at_rest("SIGUSR2") for _ in range(50))
    assert child.poll() is None
    assert state(process) in "SR"


def test_who_is_gone_is_no_error(start) -> None:  # type: ignore[no-untyped-def]
    child, process = start(WAITS)
    child.kill()
    child.wait()
    assert not process.signal_at_rest("SIGUSR2")


def test_one_that_was_left_stopped_goes_on(start, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    _, process = start(WAITS)
    process.signal("SIGSTOP")
    end = time.monotonic() + 10
    while state(process) != "T":
        assert time.monotonic() < end
    process.go_on()
    while state(process) == "T":
        assert time.monotonic() < end
