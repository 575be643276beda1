"""Drones that really run, hives that really answer, traffic that is really there."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tapiary.capture.drone import Agent, Settings, load
from tests.capture.drone.hive import TOKEN, Hive, until


def need(there: bool, reason: str) -> None:
    """Skip where something of the machine is missing; on CI that is a failure."""
    if not there:
        if os.environ.get("CI"):
            pytest.fail(f"CI must have it: {reason}")
        pytest.skip(reason)


@pytest.fixture(scope="session")
def tcpdump() -> str:
    """The program, where it may capture."""
    program = shutil.which("tcpdump") or shutil.which("/usr/sbin/tcpdump") or ""
    need(bool(program), "tcpdump is not installed")
    done = subprocess.run([program, "-i", "lo", "-d"], capture_output=True, check=False)
    need(done.returncode == 0, "tcpdump may not capture here: run as root, or setcap cap_net_raw+eip tcpdump")
    return program


@pytest.fixture(params=[1, 0], ids=["ours", "tci"])
def hive(request: pytest.FixtureRequest) -> Iterator[Hive]:
    """A hive of ours, then one of TCI's."""
    made = Hive(request.param)
    yield made
    made.close()


@pytest.fixture
def our_hive() -> Iterator[Hive]:
    """A hive of ours."""
    made = Hive(1)
    yield made
    made.close()


class Traffic:
    """Numbered datagrams over loopback to a port of its own, so that a filter tells them from all else."""

    def __init__(self) -> None:
        self._sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sink.bind(("127.0.0.1", 0))
        self.port = self._sink.getsockname()[1]
        self._sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.filter = f"udp dst port {self.port}"
        self.sent = 0
        self._going = threading.Event()
        self._thread: threading.Thread | None = None

    def send(self, n: int = 1, size: int = 100) -> None:
        """Send so many datagrams; each begins with its number, from 0."""
        for _ in range(n):
            self._sender.sendto(f"<{self.sent:08d}>".encode().ljust(size, b"."), ("127.0.0.1", self.port))
            self.sent += 1

    def start(self, *, size: int = 1000, pause_s: float = 0.001) -> None:
        """Send one every `pause_s` until `stop`; a busy machine makes up for what it slept too long."""
        self._going.set()

        def run() -> None:
            began, sent = time.monotonic(), 0
            while self._going.is_set():
                due = int((time.monotonic() - began) / pause_s) - sent
                self.send(due, size)
                sent += due
                time.sleep(pause_s)

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Send no more."""
        self._going.clear()
        if self._thread is not None:
            self._thread.join()

    def close(self) -> None:
        """End all of it."""
        self.stop()
        self._sink.close()
        self._sender.close()


@pytest.fixture
def traffic() -> Iterator[Traffic]:
    """Traffic that no other test makes."""
    made = Traffic()
    yield made
    made.close()


def numbers(capture: bytes) -> list[int]:
    """The numbers of the datagrams in captures, in their order."""
    import re

    return [int(found) for found in re.findall(rb"<(\d{8})>", capture)]


class Running:
    """A drone in a thread."""

    def __init__(self, settings: Settings, meter: list[str]) -> None:
        self.agent = Agent(settings, meter=meter)
        self.thread = threading.Thread(target=self.agent.run, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Let it end; what it records goes on."""
        self.agent.stop()
        self.thread.join(20)
        assert not self.thread.is_alive()


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., Settings]:
    """Settings of a drone that captures loopback for a hive."""
    def make(hive: Hive, **more: Any) -> Settings:
        changes = {"hive.url": hive.url, "hive.token": TOKEN, "interface": "lo", "name": "probe", "live": False,
                   "output_folder": str(tmp_path / "drone"), "min_free_bytes": 1_000_000, "segment_bytes": 1_000_000,
                   **{key.replace("__", "."): value for key, value in more.items()}}
        return load(None, changes, environ={})

    return make


@pytest.fixture
def drone(settings: Callable[..., Settings], tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts drones; what they leave recording is ended."""
    made: list[Running] = []

    def start(hive: Hive, meter: list[str] | None = None, **more: Any) -> Running:
        made.append(Running(settings(hive, **more), meter or []))
        until(lambda: hive.sid and hive.said("drone_update_status"))
        return made[-1]

    yield start
    for running in made:
        if running.thread.is_alive():
            running.stop()
    end_recorders(tmp_path / "drone")


def end_recorders(folder: Path) -> None:
    """End every recorder that a drone of this folder left."""
    from tapiary.capture.drone import processes

    for file in folder.glob("jobs/*/rec/*.pid"):
        found = processes.find(file.with_suffix(""))
        if found is not None:
            found.signal("SIGKILL")
            until(lambda found=found: not found.alive())  # type: ignore[misc]
