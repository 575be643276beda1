"""The stand-in of TCI's drone behaves as documented: what other tests of the hive stand on."""

from __future__ import annotations

import base64
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.hive.conftest import Hive
from tests.public_drone import PublicDrone

ORDER = {"job_id": 5, "filter": "", "duration": 60, "max_capture_data": 1 << 30}


class Talk:
    """A drone, and the hive's side of its connection."""

    def __init__(self, hive: Hive, drone: PublicDrone) -> None:
        self.hive = hive
        self.drone = drone

    @property
    def channel(self) -> Any:
        return self.hive.told.channels[1]

    def order(self, event: str, **message: Any) -> Any:
        return self.channel.call(event, json.dumps(message), 10)

    def words(self, since: int = 0) -> list[str]:
        """What the drone said, shortened: a status with its job's, an update."""
        said = []
        for event, message in self.drone.sent[since:]:
            if event == "drone_update_status":
                said.append(f"{message['status']}/{message['active_job'].get('status', '')}")
            elif event == "job_update":
                said.append(message["status"])
            else:
                said.append(event)
        return said

    def until(self, word: str, since: int = 0, seconds: float = 15) -> list[str]:
        end = time.monotonic() + seconds
        while word not in self.words(since):
            assert time.monotonic() < end, self.words(since)
            time.sleep(0.02)
        return self.words(since)

    def upload(self) -> bytes:
        """Fetch the file of job 5 as a hive does."""
        data, number = b"", 1
        while True:
            total = 10**9

            def take(_drone: int, upload: Any) -> int:
                nonlocal data, total
                data += base64.b64decode(upload.chunk_bytes)
                total = upload.total_number_of_chunks
                self.hive.told.tell("taken", upload.chunk_number)
                return 200 if upload.chunk_number == total else 202

            self.hive.told.chunk = take  # type: ignore[method-assign]
            self.channel.send("get_chunk", json.dumps({"chunk_number": number, "job_id": 5}))
            self.hive.told.wait("taken", number)
            if number == total:
                return data
            number += 1


@pytest.fixture
def talk(hive: Hive, tmp_path: Path, sample: Path, request: pytest.FixtureRequest) -> Iterator[Talk]:
    polling = getattr(request, "param", False)
    address = hive.address + "/hive/v1"
    drone = PublicDrone(address, "tok-1", tmp_path / "drone", play=sample, play_seconds=0.3, polling=polling).start()
    hive.told.wait("status", 1)
    yield Talk(hive, drone)
    hive.sockets.stop()
    drone.stop()


@pytest.mark.parametrize("talk", [False, True], ids=["websocket", "polling"], indirect=True)
def test_a_capture_and_its_upload(talk: Talk, sample: Path) -> None:
    assert talk.words() == ["drone_init", "Sleeping/"]
    assert talk.order("start_job", **ORDER | {"duration": 2}) is None
    said = talk.until("Captured")
    assert said[2:5] == ["Sleeping/Waiting", "Working/Waiting", "In progress"]
    assert "Working/In progress" in said
    said = talk.until("Working/")
    assert said[-4:] == ["In progress", "Collecting", "Captured", "Working/"]
    assert talk.drone.sent[-2][1]["status_msg"] == "Max capture time reached."
    assert talk.upload() == sample.read_bytes()
    talk.until("Sleeping/", since=len(said))
    assert not list((talk.drone._folder).iterdir())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_limits_stops_and_refusals(talk: Talk) -> None:
    assert talk.order("stop_job", job_id=5)[0] == 400
    assert talk.order("start_job", **ORDER | {"ndp_trim_bytes": None})[0] == 406
    assert talk.order("start_job", **ORDER | {"ndp_capture_all": None})[0] == 406
    assert talk.order("start_job", **ORDER) is None
    assert talk.order("start_job", **ORDER) is None
    assert talk.order("start_job", **ORDER | {"job_id": 6})[0] == 400
    assert talk.order("delete_job", job_id=5)[0] == 400
    got: list[Any] = []
    talk.hive.sockets.socketio.server.emit(
        "stop_job", {"job_id": 5}, to=talk.channel.sid, callback=lambda *values: got.append(values)
    )
    assert talk.order("stop_job", job_id=99)[0] == 400
    assert got == [], "an object in place of a string is never acknowledged"
    since = len(talk.drone.sent)
    assert talk.order("stop_job", job_id=5) is None
    assert talk.until("Working/", since)[-3:] == ["Collecting", "Stopped", "Working/"]
    assert talk.order("delete_job", job_id=5) is None
    since = len(talk.drone.sent)
    talk.order("start_job", **ORDER | {"max_capture_data": 1000})
    talk.until("Captured", since)
    assert [m["status_msg"] for e, m in talk.drone.sent if e == "job_update"][-1] == "Max capture data reached."


@pytest.mark.skipif(not shutil.which("mergecap"), reason="no mergecap")
def test_pausing_and_resuming(talk: Talk) -> None:
    talk.order("start_job", **ORDER)
    time.sleep(0.5)
    since = len(talk.drone.sent)
    # A critical job drives the other one away.
    assert talk.order("start_job", **ORDER | {"job_id": 6, "priority": -99}) is None
    assert talk.until("Sleeping/", since)[:3] == ["Collecting", "Paused", "Sleeping/"]
    assert [path.name for path in talk.drone._folder.glob("5-*")] == ["5-public.pcap.paused"]
    talk.order("stop_job", job_id=6)
    size = (talk.drone._folder / "5-public.pcap.paused").stat().st_size
    assert talk.order("start_job", **ORDER) is None
    assert talk.drone.job is not None
    assert talk.drone.job.captured >= size
    talk.order("stop_job", job_id=5)
    assert talk.upload()[:4] == b"\x0a\x0d\x0d\x0a", "merged files are pcapng"


def test_a_lost_connection(talk: Talk) -> None:
    talk.order("start_job", **ORDER)
    talk.until("Working/In progress")
    since = len(talk.drone.sent)
    talk.drone.break_connection()
    talk.until("drone_init", since)
    assert "Sleeping/" not in talk.words(since)
    assert talk.until("Working/In progress", talk.words().index("drone_init", since))
    # The end while there is no connection is told to nobody; the file is still there.
    since = len(talk.drone.sent)
    with talk.drone._lock:
        talk.channel.close()
        end = time.monotonic() + 10
        while talk.drone._client and talk.drone._client.connected:
            assert time.monotonic() < end
            time.sleep(0.01)
        talk.drone._end("Captured", "Max capture time reached.")
    said = talk.until("Sleeping/", since)
    assert said[:2] == ["drone_init", "Sleeping/"]
    assert talk.upload()


def test_being_told_to_leave_forgets_the_capture(talk: Talk) -> None:
    talk.order("start_job", **ORDER)
    talk.until("In progress")
    since = len(talk.drone.sent)
    began = time.monotonic()
    talk.channel.send("force_disconnect")
    assert talk.until("Sleeping/", since, 40)[-2:] == ["drone_init", "Sleeping/"]
    assert time.monotonic() - began >= 1.0


def test_a_bad_filter_is_not_noticed(talk: Talk) -> None:
    if not shutil.which("tcpdump"):
        pytest.skip("no tcpdump")
    assert talk.order("start_job", **ORDER | {"duration": 1, "filter": "port or nonsense"}) is None
    time.sleep(1.5)
    assert talk.words()[-1] == "Working/In progress"
    assert talk.order("stop_job", job_id=5) is None
    assert talk.until("Stopped")
    assert talk.drone.sent[-1][1]["status"] == "Working"


def test_a_refused_drone_tries_again(hive: Hive, tmp_path: Path) -> None:
    drone = PublicDrone(hive.address, "wrong", tmp_path, wait_s=0.05).start()
    end = time.monotonic() + 10
    while len(drone.refused) < 3:
        assert time.monotonic() < end
        time.sleep(0.02)
    drone.stop()
    assert drone.refused[0] == {"message": "the drone's token is not valid"}
    assert drone.sent == []
