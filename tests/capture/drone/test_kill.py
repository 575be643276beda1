"""`kill -9` of the drone in the middle of a capture and of an upload: nothing is lost, nothing comes twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tapiary.capture.drone import load, stop_captures
from tests.capture.drone.conftest import Traffic, end_recorders, numbers
from tests.capture.drone.hive import TOKEN, Hive, until

pytestmark = pytest.mark.usefixtures("tcpdump")


class Program:
    """`tapiary drone` as a process of its own."""

    def __init__(self, hive: Hive, folder: Path) -> None:
        self.hive, self.folder = hive, folder
        self.child: subprocess.Popen[bytes] | None = None
        self.config = folder.parent / "config.toml"
        self.config.write_text(
            f'output_folder = "{folder}"\ninterface = "lo"\nmin_free_bytes = 1000000\nsegment_bytes = 1000000\n'
            f'live = false\n[hive]\nurl = "{hive.url}"\n')

    def start(self) -> None:
        before = self.hive.connections
        self.child = subprocess.Popen(
            [sys.executable, "-m", "tapiary.cli", "drone", "--config", str(self.config)],
            env={**os.environ, "TAPIARY_DRONE_TOKEN": TOKEN})
        until(lambda: self.hive.connections > before)

    def kill(self, number: int = signal.SIGKILL) -> None:
        assert self.child is not None
        self.child.send_signal(number)
        self.child.wait(20)


@pytest.fixture
def program(our_hive: Hive, tmp_path: Path) -> Iterator[Program]:
    made = Program(our_hive, tmp_path / "drone")
    yield made
    if made.child is not None:
        made.kill()
    end_recorders(made.folder)


def start_job(hive: Hive, traffic: Traffic, **more: object) -> None:
    hive.call("start_job", {"job_id": 1, "filter": traffic.filter, "duration": 600, "max_capture_data": 10**9, **more})
    until(lambda: "In progress" in hive.updates(1))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_capture_goes_on_while_the_drone_is_dead(
    our_hive: Hive, program: Program, traffic: Traffic, how: signal.Signals
) -> None:
    program.start()
    start_job(our_hive, traffic)
    traffic.send(1500, 1000)
    program.kill(how)
    traffic.send(1500, 1000)
    program.start()
    until(lambda: our_hive.said("drone_update_status")[-1]["active_job"].get("status") == "In progress")
    traffic.send(1500, 1000)
    our_hive.call("stop_job", {"job_id": 1})
    until(lambda: 1 in our_hive.files)
    assert numbers(our_hive.files[1]) == list(range(4500))
    until(lambda: not list((program.folder / "jobs").iterdir()))


@pytest.mark.timeout(400)
def test_killed_again_and_again_while_segments_close_and_are_sent(
    our_hive: Hive, program: Program, traffic: Traffic
) -> None:
    program.start()
    start_job(our_hive, traffic)
    traffic.start(pause_s=0.0005)
    for _ in range(5):
        have = len(our_hive.parts.get(1, {}))
        until(lambda have=have: len(our_hive.parts.get(1, {})) > have, 60)  # type: ignore[misc]
        program.kill()
        program.start()
    traffic.stop()
    our_hive.call("stop_job", {"job_id": 1})
    until(lambda: 1 in our_hive.files)
    assert numbers(our_hive.files[1]) == list(range(traffic.sent))


def test_killed_in_the_middle_of_an_upload(our_hive: Hive, program: Program, traffic: Traffic) -> None:
    program.start()
    start_job(our_hive, traffic)
    our_hive.hold.clear()
    traffic.send(3000, 1000)
    our_hive.call("stop_job", {"job_id": 1})
    until(lambda: our_hive.holding)
    program.kill()
    our_hive.hold.set()
    program.start()
    until(lambda: 1 in our_hive.files)
    assert numbers(our_hive.files[1]) == list(range(3000))


def test_a_capture_that_reached_its_time_while_the_drone_was_dead_ends_when_it_is_back(
    our_hive: Hive, program: Program, traffic: Traffic
) -> None:
    program.start()
    start_job(our_hive, traffic, duration=2)
    traffic.send(10)
    program.kill()
    until(lambda: not our_hive.sid)
    traffic.send(10)
    program.start()
    until(lambda: 1 in our_hive.files)
    assert numbers(our_hive.files[1]) == list(range(20))


def test_recorders_can_be_ended_by_hand(our_hive: Hive, program: Program, traffic: Traffic) -> None:
    program.start()
    start_job(our_hive, traffic)
    traffic.send(10)
    program.kill(signal.SIGTERM)
    settings = load(program.config, environ={"TAPIARY_DRONE_TOKEN": TOKEN})
    assert stop_captures(settings) == [1]
    assert stop_captures(settings) == [1]   # ended, but not yet handed over
    traffic.send(10)
    program.start()
    until(lambda: 1 in our_hive.files)
    assert numbers(our_hive.files[1]) == list(range(10))
    assert our_hive.said("job_update")[-1]["status_msg"] == "Stopped on the probe."
