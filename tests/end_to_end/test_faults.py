"""What breaks in the middle of a job loses and doubles nothing, and the user sees what goes on.

A drone on a real line records numbered datagrams; something breaks in one of the phases and is mended; in the end every
number between the first and the last captured is in the merged file once. With FAULT_TABLE=FILE each case
appends its line to a table.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from pytci import PyTCI, PyTCIError
from tests.end_to_end.counted import FILTER, Sender, Tally, tally
from tests.end_to_end.drone import DroneProcess, wait_until
from tests.end_to_end.network import Network, free_port, require, run
from tests.end_to_end.server import Server


class Watcher:
    """Asks for the job all the time, as a page does, and keeps every status and message that it sees."""

    def __init__(self, address: str, port: int, token: str, job_id: int) -> None:
        self._tci = PyTCI(address, port, retries=0, timeout=2)
        self._tci.set_access_token(token)
        self._job_id = job_id
        self.seen: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stop.wait(0.03):
            try:
                job = self._tci.get_job(self._job_id)
                words = f"{job.status}: {job.status_msg}"
                if job.drones[0].status_msg and job.status in ("In progress", "Uploading data"):
                    words += f" [{job.drones[0].status}: {job.drones[0].status_msg.split(' - ')[0]}]"
            except PyTCIError as error:
                words = f"(hive: {type(error).__name__})"
            if not self.seen or self.seen[-1] != words:
                self.seen.append(words)

    def stop(self) -> list[str]:
        self._stop.set()
        self._thread.join()
        self._tci.close()
        return list(dict.fromkeys(self.seen))


class Case:
    """A hive, a drone on a line, a job, and the hands that break things."""

    def __init__(self, folder: Path, network: Network, *, rate: int = 1000, size: int = 1000,
                 hive_settings: dict[str, str] | None = None, drone_settings: str = "",
                 drone_folder: Path | None = None) -> None:
        self.folder = folder
        self.network = network
        self.port = free_port()
        self.data = folder / "hive"
        self.server = Server(self.data, **{
            "TAPIARY_SERVER_HOST": "0.0.0.0", "TAPIARY_SERVER_PORT": str(self.port),
            "TAPIARY_CAPTURE_MIN_FREE_BYTES": "0", "TAPIARY_CAPTURE_ANSWER_S": "2", **(hive_settings or {})}).start()
        self.tci = PyTCI("127.0.0.1", self.port)
        self.tci.set_access_token(self.server.token)
        self.sender = Sender(network.probes[0], network.server_address(0), rate=rate, size=size)
        self.drone = DroneProcess(
            drone_folder or folder / "drone", f"http://{network.hive_address(0)}:{self.port}",
            self.tci.create_drone("probe", "").token, "line", host=network.probes[0],
            settings=f"segment_bytes = 1000000\nlive = false\n{drone_settings}").start()
        wait_until("the drone is there", self.drone_is("Sleeping"), log=self.drone.log)

    def drone_is(self, status: str) -> Callable[[], bool]:
        def look() -> bool:
            with suppress(PyTCIError):
                return self.tci.get_drone("probe").status == status
            return False

        return look

    def order(self, *, process: bool = True) -> None:
        self.job_id = self.tci.create_job("counted", 120, 1_000_000_000, lines=["probe"], filter=FILTER,
                                          process=process).id
        self.watcher = Watcher("127.0.0.1", self.port, self.server.token, self.job_id)

    def captured(self, at_least: int) -> None:
        wait_until(f"{at_least} bytes are captured", lambda: self.job().captured_data >= at_least, log=self.drone.log)

    def job(self):  # type: ignore[no-untyped-def]
        return self.tci.get_job(self.job_id)

    def stop_job(self) -> None:
        self.tci.stop_job(self.job_id)

    def limit_uploads(self, rate: str) -> None:
        self.network.probes[0].run("tc", "qdisc", "add", "dev", "mgmt", "root", "tbf", "rate", rate, "burst", "32k",
                                   "latency", "400ms")

    def free_uploads(self) -> None:
        self.network.probes[0].run("tc", "qdisc", "del", "dev", "mgmt", "root", check=False)

    def uploading(self) -> None:
        wait_until("the rest is uploaded", lambda: self.job().status == "Uploading data"
                   and self.job().drones[0].received > 0, log=self.drone.log)

    def restart_hive(self, away_s: float = 2.0) -> None:
        self.server.kill()
        time.sleep(away_s)
        self.server.start()

    def restart_drone(self, away_s: float = 2.0) -> None:
        self.drone.kill()
        time.sleep(away_s)
        self.drone.start()

    def row(self, sql: str) -> object:
        """The first value that the hive's database has for a question."""
        with sqlite3.connect(f"file:{self.data}/tapiary.db?mode=ro", uri=True, timeout=5) as connection:
            found = connection.execute(sql).fetchone()
        return found[0] if found else None

    def finish(self, name: str, *, processed: bool = True) -> Tally:
        job = self.tci.wait(self.job_id, timeout=90, progress=False, processed=processed)
        path = self.tci.download_job(self.job_id, self.folder / "counted.pcapng")
        found, seen = tally(path), self.watcher.stop()
        if processed:
            assert job.processing is not None
            assert (job.processing.state, job.processing.flows) == ("finished", 1), job.processing
        wait_until("the drone has nothing left", lambda: not [f for f in self.drone.files() if ".pcap" in f.name],
                   log=self.drone.log)
        note(name, found, seen)
        assert found.packets > 1000
        # A kernel too busy to hand packets to tcpdump says so; whatever else is missing was lost by us.
        dropped = job.drones[0].dropped or 0
        assert (max(0, found.lost - dropped), found.doubled, found.out_of_order) == (0, 0, 0), (dropped, seen)
        return found

    def close(self) -> None:
        with suppress(AttributeError):
            self.watcher.stop()
        self.tci.close()
        self.drone.stop()
        self.server.stop()


def note(name: str, found: Tally, seen: list[str]) -> None:
    """A line of the table."""
    if path := os.environ.get("FAULT_TABLE"):
        words = " → ".join(seen).replace("|", "/")
        with Path(path).open("a") as file:
            file.write(f"| {name} | {found.packets} | {found.lost} | {found.doubled} | {words} |\n")


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    require()
    with Network(tmp_path) as network:
        yield network


@contextmanager
def case(folder: Path, network: Network, **options: object) -> Iterator[Case]:
    made = Case(folder, network, **options)  # type: ignore[arg-type]
    try:
        with made.sender:
            yield made
    finally:
        made.close()


@contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[Path]:
    path.mkdir(parents=True, exist_ok=True)
    run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(path)])
    try:
        yield path
    finally:
        run(["umount", "-l", str(path)])


def fill(folder: Path, leave: int) -> Path:
    """Occupy a disk but for so many bytes."""
    ballast = folder / "ballast"
    subprocess.run(["fallocate", "-l", str(max(1, free_bytes(folder) - leave)), str(ballast)], check=True)
    return ballast


def free_bytes(folder: Path) -> int:
    """What the disk of a folder has left."""
    return os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize


# While it captures.


@pytest.mark.parametrize("fault", ["hive killed", "drone killed", "link cut"])
def test_while_it_captures(tmp_path: Path, network: Network, fault: str) -> None:
    with case(tmp_path, network) as it:
        it.order()
        it.captured(2_000_000)
        if fault == "hive killed":
            it.restart_hive()
        elif fault == "drone killed":
            it.restart_drone()
        else:
            network.cut(0)
            time.sleep(3)
            network.mend(0)
        before = it.job().captured_data
        it.captured(before + 2_000_000)
        it.stop_job()
        found = it.finish(f"{fault}, capture")
        assert found.packets > 5000


# While it uploads.


@pytest.mark.parametrize("fault", ["hive killed", "drone killed", "link cut"])
def test_while_it_uploads(tmp_path: Path, network: Network, fault: str) -> None:
    with case(tmp_path, network, drone_settings='compression = "none"') as it:
        it.limit_uploads("4mbit")
        it.order()
        it.captured(5_000_000)
        it.stop_job()
        it.uploading()
        if fault == "hive killed":
            it.restart_hive()
        elif fault == "drone killed":
            it.restart_drone()
        else:
            network.cut(0)
            time.sleep(3)
            network.mend(0)
        it.free_uploads()
        it.finish(f"{fault}, upload")


# While the hive merges and processes.


@pytest.mark.parametrize("phase", ["merge", "processing"])
def test_the_hive_is_killed_at_work(tmp_path: Path, network: Network, phase: str) -> None:
    with case(tmp_path, network, rate=15_000, size=1400) as it:
        it.order()
        it.captured(60_000_000)
        it.stop_job()
        questions = {
            "merge": "SELECT 1 FROM job WHERE kind = 'merge' AND state = 'in_progress'",
            "processing": "SELECT 1 FROM job WHERE kind = 'process' AND state = 'in_progress'",
        }
        end = time.monotonic() + 60
        while it.row(questions[phase]) is None:
            assert time.monotonic() < end, f"no {phase} was seen: {it.job()}"
        it.server.kill()
        assert it.row(questions[phase]) == 1, "too late: it was done already"
        time.sleep(1)
        it.server.start()
        it.finish(f"hive killed, {phase}")


# Disks that are full.


def test_the_drones_disk_is_full(tmp_path: Path, network: Network) -> None:
    """The hive is out of reach and the disk fills up: the capture ends by itself, and what was captured is kept."""
    with small_disk(tmp_path / "small", 12) as disk, case(
        tmp_path, network, rate=2000, drone_folder=disk / "drone", drone_settings="min_free_bytes = 4000000"
    ) as it:
        it.order()
        it.captured(1_000_000)
        network.cut(0)
        wait_until("the disk is full", lambda: free_bytes(disk) < 4_100_000, seconds=60, log=it.drone.log)
        time.sleep(2)
        network.mend(0)
        wait_until("the capture has ended", lambda: it.job().status != "In progress", seconds=60, log=it.drone.log)
        it.finish("drone's disk full, capture")


@pytest.mark.parametrize("phase", ["upload", "merge"])
def test_the_hives_disk_is_full(tmp_path: Path, network: Network, phase: str) -> None:
    """Less than the reserve is left: the hive takes nothing more until there is room, and then goes on."""
    settings = {"TAPIARY_CAPTURE_MIN_FREE_BYTES": "20000000"}
    with small_disk(tmp_path / "hive", 96) as disk, case(tmp_path, network, hive_settings=settings) as it:
        it.order()
        it.captured(3_000_000)
        if phase == "upload":
            ballast = fill(disk, 10_000_000)
            it.captured(5_000_000)
            it.stop_job()
        else:
            it.stop_job()
            ballast = fill(disk, 22_000_000)
        wait_until("the user is told", lambda: "disk is full" in it.job().status_msg, log=it.server.log)
        ballast.unlink()
        it.finish(f"hive's disk full, {phase}")


def test_the_tables_disk_is_full(tmp_path: Path, network: Network) -> None:
    """Flows cannot be written: the job says so, the capture is safe, and processing it again works."""
    with small_disk(tmp_path / "tables", 1) as disk, case(
        tmp_path, network, hive_settings={"TAPIARY_STORE_PATH": str(disk)}
    ) as it:
        ballast = fill(disk, 0)
        it.order()
        it.captured(2_000_000)
        it.stop_job()
        wait_until("processing has failed", lambda: it.job().processing is not None
                   and it.job().processing.state == "failed", log=it.server.log)
        assert "space" in it.job().processing.error or "disk" in it.job().processing.error, it.job().processing
        ballast.unlink()
        with it.server.client() as client:
            answer = client.post("/files/process", json={"file_name": it.job().processing.file_name})
            assert answer.status_code == 200, answer.text
        it.finish("tables' disk full, processing")
