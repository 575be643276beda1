"""Whatever breaks in between, every byte that a drone captured arrives once, and every job comes to its end.

A hive over a real database and drones that behave as TCI's drone 1.2.0 and as ours, under a clock of the test's own.
Hypothesis chooses what happens: time passes, links are cut, the hive is killed and begins anew, users pause, stop and
order more. Then all faults end, and every job must be collected, byte for byte.
"""

from __future__ import annotations

import base64
import hashlib
import io
import tempfile
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tapiary.accounts import SCOPES, Actor, Permission
from tapiary.capture import CHUNK_BYTES, Completion, Dialect, Init, JobState, PartInfo, StatusUpdate, Upload
from tapiary.config import CaptureConfig, Config
from tapiary.errors import Conflict, NotFound
from tapiary.services import Order, Services

ADMIN = Actor("admin", 1, 1, Permission.ADMIN, frozenset(SCOPES), "test")
MODULES = ("hive.hive", "hive.links", "hive.driving", "hive.rounds", "hive.chunks", "captures.captures")


class Clock:
    """Stands in for the module `time`."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


class World:
    """A hive that can be killed, and who is connected to it."""

    def __init__(self, folder: str, clock: Clock) -> None:
        self.clock = clock
        self.config = Config(data_dir=folder, capture=CaptureConfig(min_free_bytes=0))
        self.services = Services(self.config)
        self.services.accounts.users.first()
        self.drones = [TciDrone(self, "tci"), OurDrone(self, "ours")]
        self.jobs: list[int] = []

    def kill_hive(self) -> None:
        """No goodbye: what is in memory is gone, what is in the database and the folder stays."""
        for drone in self.drones:
            drone.connected = False
        self.services.close()
        self.services = Services(self.config)

    def order(self, drones: tuple[str, ...], priority: int) -> None:
        order = Order("job", 5, 50_000_000, drones, priority=priority)
        self.jobs.append(self.services.captures.create(ADMIN, order).id)
        self.settle()

    def settle(self) -> None:
        """Let hive and drones talk until nobody has anything to say."""
        for _ in range(200):
            self.services.hive.round()
            busy = [drone.work() for drone in self.drones]
            if not any(busy):
                return

    def tick(self, seconds: float) -> None:
        self.clock.now += seconds
        for drone in self.drones:
            drone.capture(seconds)
        self.settle()


class Drone:
    """What both kinds share: capturing, and the orders that came."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        _, token = world.services.drones.create(ADMIN, name)
        self.id = world.services.hive.authenticate(token)
        self.connected = False
        self.orders: list[tuple[str, Any]] = []
        self.active: int | None = None
        self.left_s = 0.0
        self.paused: set[int] = set()
        #: Bytes by job, here until they are the hive's.
        self.files: dict[int, bytearray] = {}
        #: All that was ever captured of a job.
        self.captured: dict[int, bytes] = {}
        self.seed = 0

    @property
    def hive(self) -> Any:
        return self.world.services.hive

    def send(self, event: str, message: Any | None) -> None:
        if self.connected:
            self.orders.append((event, message))

    def close(self) -> None:
        self.connected = False

    def connect(self) -> None:
        if not self.connected:
            self.connected = True
            self.orders.clear()
            self.hive.connected(self.id, self)
            self.hive.initialised(self.id, Init("tcpdump", self.dialect()))
            self.report()

    def cut(self) -> None:
        if self.connected:
            self.connected = False
            self.orders.clear()
            self.hive.disconnected(self.id, self)

    def capture(self, seconds: float) -> None:
        if self.active is None:
            return
        self.seed += 1
        data = hashlib.sha256(f"{self.name} {self.seed}".encode()).digest() * 7000  # 224,000 bytes
        self.files.setdefault(self.active, bytearray()).extend(data)
        self.left_s -= seconds
        if self.left_s <= 0:
            self.end("Captured")
        else:
            self.report()

    def start(self, message: Any) -> None:
        if self.active is not None:
            return  # the same one again is ignored, another one refused
        self.active, self.left_s = message.job_id, message.duration
        self.paused.discard(message.job_id)
        self.files.setdefault(message.job_id, bytearray())
        self.say("In progress")

    def say(self, status: str) -> None:
        if self.connected and self.active is not None:
            size = len(self.files[self.active])
            self.hive.job(self.id, JobState(self.active, status, captured=size))

    def end(self, status: str) -> None:
        job = self.active
        assert job is not None
        self.say("Collecting")
        self.say(status)
        self.active = None
        if status == "Paused":
            self.paused.add(job)
        else:
            self.captured[job] = bytes(self.files[job])
        self.report()

    def report(self) -> None:
        if not self.connected:
            return
        job: dict[str, Any] = {}
        if self.active is not None:
            job = {"id": self.active, "status": "In progress", "captured": len(self.files[self.active])}
        self.hive.status(self.id, StatusUpdate(self.status(), job))

    def work(self) -> bool:
        if not self.connected or not self.orders:
            return False
        event, message = self.orders.pop(0)
        if event == "start_job":
            self.start(message)
        elif event == "stop_job" and self.active == message.job_id:
            self.end("Stopped")
        elif event == "pause_job" and self.active == message.job_id:
            self.end("Paused")
        elif event == "delete_job" and self.active != message.job_id:
            self.files.pop(message.job_id, None)
            self.deleted(message.job_id)
        else:
            self.more(event, message)
        return True

    def dialect(self) -> Dialect | None:
        raise NotImplementedError

    def status(self) -> str:
        raise NotImplementedError

    def more(self, event: str, message: Any) -> None:
        pass

    def deleted(self, job: int) -> None:
        pass


class TciDrone(Drone):
    """As tci's drone 1.2.0: stays at work until its file was taken, forgets that when the link is cut."""

    uploading: int | None = None

    def dialect(self) -> None:
        return None

    def status(self) -> str:
        return "Working" if self.active is not None or self.uploading is not None else "Sleeping"

    def end(self, status: str) -> None:
        if status != "Paused":
            self.uploading = self.active
        super().end(status)

    def cut(self) -> None:
        super().cut()
        self.uploading = None

    def deleted(self, job: int) -> None:
        if self.uploading == job:
            self.uploading = None
            self.report()

    def more(self, event: str, message: Any) -> None:
        if event != "get_chunk":
            return
        assert self.active != message.job_id, "a chunk was asked for while it captures"
        data = self.files.get(message.job_id)
        total = max(1, -(-len(data) // CHUNK_BYTES)) if data is not None else 0
        if data is None or message.chunk_number > total:
            return
        part = bytes(data[(message.chunk_number - 1) * CHUNK_BYTES : message.chunk_number * CHUNK_BYTES])
        code = self.hive.chunk(
            self.id, Upload(message.chunk_number, base64.b64encode(part).decode(), message.job_id, total))
        if self.world.lose_answers:  # the hive has it, the drone does not know
            return
        if code == 200:
            del self.files[message.job_id]
            self.uploading = None
            self.report()


class OurDrone(Drone):
    """As ours: keeps its files until the hive has confirmed them, and goes on uploading by itself."""

    def dialect(self) -> Dialect:
        return Dialect(1, interfaces=["eth0"])

    def status(self) -> str:
        return "Working" if self.active is not None else "Sleeping"

    def more(self, event: str, message: Any) -> None:
        if event == "stop_job" and message.job_id in self.paused:
            self.paused.discard(message.job_id)
            self.captured[message.job_id] = bytes(self.files[message.job_id])
            self.hive.job(self.id, JobState(message.job_id, "Stopped", captured=len(self.files[message.job_id])))

    def work(self) -> bool:
        if super().work():
            return True
        if not self.connected:
            return False
        for job in list(self.files):
            if job != self.active and job not in self.paused:
                return self.upload(job)
        return False

    def upload(self, job: int) -> bool:
        data = bytes(self.files[job])
        try:
            parts = self.hive.parts(self.id, job)
            have = parts[0]["received"] if parts else 0
            cut = have + 100_000 if self.world.lose_answers else len(data)
            self.hive.receive(self.id, job, 1, "eth0", have, io.BytesIO(data[have:cut]))
            if cut < len(data):
                return False
            digest = hashlib.sha256(data).hexdigest()
            again = self.hive.complete(self.id, job, Completion([PartInfo(1, "eth0", len(data), digest)]))
            assert again == []
        except NotFound as error:
            if error.code != "gone":
                raise
        if self.world.lose_answers:
            return False
        del self.files[job]
        return True


World.lose_answers = False  # type: ignore[attr-defined]

ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("tick"), st.sampled_from([0.5, 1.0, 3.0, 12.0])),
        st.tuples(st.just("cut"), st.sampled_from([0, 1])),
        st.tuples(st.just("connect"), st.sampled_from([0, 1])),
        st.tuples(st.just("order"), st.sampled_from([(("tci",), 0), (("ours",), 0), (("tci", "ours"), 0),
                                                     (("tci", "ours"), -99), (("ours",), -99)])),
        st.tuples(st.just("stop"), st.integers(0, 5)),
        st.tuples(st.just("pause"), st.integers(0, 5)),
        st.tuples(st.just("resume"), st.integers(0, 5)),
        st.tuples(st.just("kill"), st.none()),
        st.tuples(st.just("lose"), st.booleans()),
    ),
    min_size=3, max_size=25,
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(actions=ACTIONS)
def test_every_byte_arrives_once_and_every_job_ends(actions: list[tuple[str, Any]]) -> None:
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        for module in MODULES:
            patch.setattr(f"tapiary.services.{module}.time", clock)
        world = World(folder, clock)
        try:
            for drone in world.drones:
                drone.connect()
            world.order(("tci", "ours"), 0)
            for action, value in actions:
                act(world, action, value)
            finish(world)
            world.tick(15.0)
            world.tick(15.0)
            check(world)
        finally:
            world.services.close()


def act(world: World, action: str, value: Any) -> None:
    if action == "tick":
        world.tick(value)
    elif action == "cut":
        world.drones[value].cut()
        world.settle()
    elif action == "connect":
        world.drones[value].connect()
        world.settle()
    elif action == "order":
        world.order(*value)
    elif action == "kill":
        world.kill_hive()
    elif action == "lose":
        world.lose_answers = value
    elif value < len(world.jobs):
        with suppress(Conflict):
            getattr(world.services.captures, action)(ADMIN, world.jobs[value])
        world.settle()


def finish(world: World) -> None:
    """No more faults: links hold, paused jobs go on, time passes."""
    world.lose_answers = False
    end = time.monotonic() + 60
    for _ in range(300):
        for drone in world.drones:
            drone.connect()
        for job in world.services.captures.list(ADMIN):
            if job.status == "Paused":
                act(world, "resume", world.jobs.index(job.id))
        world.tick(2.0)
        if all(job.status in ("Collecting data", "Stopped", "Failed") for job in world.services.captures.list(ADMIN)):
            return
        assert time.monotonic() < end
    states = [(job.id, job.status, job.status_msg, [share.status for share in job.drones])
              for job in world.services.captures.list(ADMIN)]
    raise AssertionError(f"jobs do not come to their end: {states}")


def check(world: World) -> None:
    for job in world.services.captures.list(ADMIN):
        if job.status == "Stopped":
            assert job.start_time is None, job
            continue
        for drone in world.drones:
            if drone.name not in [share.name for share in job.drones]:
                continue
            path = world.services.hive.files.path(job.id, drone.id, 1)
            arrived = path.read_bytes() if path.exists() else b""
            assert arrived == drone.captured.get(job.id, b""), (job.id, drone.name, len(arrived), job.status)
    for drone in world.drones:
        assert not drone.files, f"{drone.name} keeps {list(drone.files)}"
