"""A disk that fills up, a link between two namespaces, and a user who is not root."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.capture.drone.conftest import Running, Traffic, need, numbers
from tests.capture.drone.hive import Hive, until

pytestmark = pytest.mark.usefixtures("tcpdump")
Drone = Callable[..., Running]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MB."""
    need(os.geteuid() == 0, "mounting needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)], check=False)
    if done.returncode:
        pytest.skip("mounting is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("reserve", [3_000_000, 1_000_000], ids=["with-a-reserve", "nearly-to-the-last-byte"])
def test_a_full_disk_ends_the_capture_and_keeps_all_until_then(
    our_hive: Hive, drone: Drone, traffic: Traffic, small_disk: Path, reserve: int
) -> None:
    our_hive.refuse = [("507 Insufficient Storage", {"error": "disk_full", "message": "full"})] * 10_000
    running = drone(our_hive, output_folder=str(small_disk / "drone"), min_free_bytes=reserve)
    our_hive.call("start_job", {"job_id": 1, "filter": traffic.filter, "duration": 600, "max_capture_data": 10**9})
    until(lambda: "In progress" in our_hive.updates(1))
    traffic.start(pause_s=0.0002)
    until(lambda: "Stopped" in our_hive.updates(1), 60)
    traffic.stop()
    assert "disk is full" in our_hive.said("job_update")[-1]["status_msg"]
    assert shutil.disk_usage(small_disk).free > reserve / 2
    our_hive.refuse.clear()
    running.agent.call(lambda: running.agent.core._rest_until.clear())
    until(lambda: 1 in our_hive.files, 60)
    found = numbers(our_hive.files[1])
    assert found == list(range(len(found)))
    assert len(our_hive.files[1]) > 7_000_000
    running.stop()


def test_what_the_hive_has_makes_room_on_a_small_disk(
    our_hive: Hive, drone: Drone, traffic: Traffic, small_disk: Path
) -> None:
    running = drone(our_hive, output_folder=str(small_disk / "drone"), min_free_bytes=5_000_000)
    our_hive.call("start_job", {"job_id": 1, "filter": traffic.filter, "duration": 600, "max_capture_data": 10**9})
    until(lambda: "In progress" in our_hive.updates(1))
    traffic.start(pause_s=0.0005)
    until(lambda: sum(map(len, our_hive.parts.get(1, {}).values())) > 20_000_000, 60)
    assert our_hive.updates(1) == ["In progress"]
    traffic.stop()
    our_hive.call("stop_job", {"job_id": 1})
    until(lambda: 1 in our_hive.files, 60)
    assert numbers(our_hive.files[1]) == list(range(traffic.sent))
    running.stop()


@pytest.fixture
def link() -> Iterator[tuple[str, Callable[[], None], Callable[[], None], Callable[[int, int], None]]]:
    """A veth pair whose other end is in a namespace: the name of the end that is here, making it, removing it, and
    sending numbered datagrams from there.
    """
    need(os.geteuid() == 0 and shutil.which("ip") is not None, "network namespaces need root and iproute2")
    space, here, there = (f"{word}{os.getpid()}" for word in ("tapd", "tvh", "tvt"))

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True)

    def make() -> None:
        ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", space)
        ip("addr", "add", "198.18.77.1/24", "dev", here)
        ip("link", "set", here, "up")
        ip("-n", space, "addr", "add", "198.18.77.2/24", "dev", there)
        ip("-n", space, "link", "set", there, "up")

    def send(first: int, last: int) -> None:
        subprocess.run(["ip", "netns", "exec", space, "python3", "-c", SENDER, str(first), str(last)], check=True)

    try:
        ip("netns", "add", space)
        make()
    except subprocess.CalledProcessError:
        pytest.skip("network namespaces are not allowed here")
    yield here, make, lambda: ip("link", "del", here), send
    subprocess.run(["ip", "netns", "del", space], check=False)
    subprocess.run(["ip", "link", "del", here], check=False, capture_output=True)


SENDER = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(int(sys.argv[1]), int(sys.argv[2])):
    s.sendto(f"<{n:08d}>".encode().ljust(500, b"."), ("198.18.77.1", 9))
"""


def test_an_interface_that_vanishes_and_comes_back(
    our_hive: Hive, drone: Drone, link: tuple[str, Callable[[], None], Callable[[], None], Callable[[int, int], None]],
    tmp_path: Path,
) -> None:
    here, make, remove, send = link
    drone(our_hive, interface=here)
    our_hive.call("start_job", {"job_id": 1, "filter": "udp dst port 9", "duration": 600, "max_capture_data": 10**9})
    until(lambda: "In progress" in our_hive.updates(1))
    send(0, 100)
    rec = tmp_path / "drone" / "jobs" / "1" / "rec"
    until(lambda: any(b"<00000099>" in path.read_bytes() for path in rec.glob("*.pcap")))
    remove()
    until(lambda: "interrupted" in our_hive.said("job_update")[-1]["status_msg"])
    make()
    latest = lambda: max(rec.glob("*.log")).read_text()  # noqa: E731
    until(lambda: "listening" in latest() and "disappeared" not in latest())
    send(100, 200)
    our_hive.call("stop_job", {"job_id": 1})
    until(lambda: 1 in our_hive.files)
    assert numbers(our_hive.files[1]) == list(range(200))
