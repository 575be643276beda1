"""A hive over a new data folder, and drones played at the seam of the channel."""

from __future__ import annotations

import base64
import hashlib
import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tapiary.accounts import SCOPES, Actor, Permission
from tapiary.capture import CHUNK_BYTES, Completion, Dialect, Init, JobState, PartInfo, StatusUpdate, Upload
from tapiary.config import CaptureConfig, Config
from tapiary.services import Order, Services
from tapiary.services.hive import Hive


def pcap(packets: int, *, first: int = 0, size: int = 60) -> bytes:
    """A capture of so many packets, a second apart."""
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)
    return head + b"".join(
        struct.pack("<IIII", 1_700_000_000 + first + n, n, size, size) + bytes(size) for n in range(packets))


class PlayedDrone:
    """A drone without a network: keeps the orders it gets; tests let it act. TCI's protocol unless `ours`."""

    def __init__(self, services: Services, name: str, *, ours: bool = False) -> None:
        self.hive: Hive = services.hive
        self.ours = ours
        self.name = name
        _, self.token = services.drones.create(ADMIN, name)
        self.orders: list[tuple[str, Any]] = []
        self.closed = False
        self.verdict = '{"ok": true}'
        self.id = self.hive.authenticate(self.token)

    # The channel.

    def send(self, event: str, message: Any | None) -> None:
        self.orders.append((event, message))

    def call(self, event: str, message: Any | None, timeout_s: float) -> Any:
        assert event == "check_filter"
        return self.verdict

    def close(self) -> None:
        self.closed = True

    # What it does.

    def connect(self, status: str = "Sleeping", job: dict[str, Any] | None = None) -> None:
        self.hive.connected(self.id, self)
        dialect = Dialect(1, interfaces=["eth0", "eth1"], checks_filters=True) if self.ours else None
        self.hive.initialised(self.id, Init("tcpdump", dialect))
        self.say(status, job)

    def disconnect(self) -> None:
        self.hive.disconnected(self.id, self)

    def say(self, status: str, job: dict[str, Any] | None = None) -> None:
        self.hive.status(self.id, StatusUpdate(status, job or {}))
        self.hive.round()

    def capturing(self, job: int, captured: int = 0) -> None:
        self.say("Working", {"id": job, "status": "In progress", "status_msg": "Capturing.", "captured": captured})

    def update(self, job: int, status: str, message: str = "", captured: int = 0) -> None:
        self.hive.job(self.id, JobState(job, status, message, captured))
        self.hive.round()

    def ended(self, job: int, status: str = "Captured", captured: int = 0) -> None:
        self.update(job, "Collecting", captured=captured)
        self.update(job, status, "Max capture time reached.", captured)
        self.say("Working")

    def upload(self, job: int, data: bytes, number: int) -> int:
        part = data[(number - 1) * CHUNK_BYTES : number * CHUNK_BYTES]
        total = max(1, -(-len(data) // CHUNK_BYTES))
        code = self.hive.chunk(self.id, Upload(number, base64.b64encode(part).decode(), job, total))
        self.hive.round()
        return code

    def upload_all(self, job: int, data: bytes) -> None:
        """Answer every question for a chunk until the last one is stored."""
        while True:
            order = self.take("get_chunk")
            assert order is not None, f"{self.name} was not asked for a chunk"
            if self.upload(job, data, order.chunk_number) == 200:
                break
        self.say("Sleeping")

    def send_parts(self, job: int, parts: dict[str, bytes]) -> list[int]:
        infos = []
        for number, (interface, data) in enumerate(parts.items(), 1):
            self.hive.receive(self.id, job, number, interface, 0, io.BytesIO(data))
            infos.append(PartInfo(number, interface, len(data), hashlib.sha256(data).hexdigest()))
        again = self.hive.complete(self.id, job, Completion(infos, packets=3, dropped=0))
        self.say("Sleeping")
        return again

    def take(self, event: str) -> Any:
        """The latest order of a kind, with all before it forgotten; None when there is none."""
        found = [message for name, message in self.orders if name == event]
        self.orders = [order for order in self.orders if order[0] != event]
        return found[-1] if found else None


ADMIN = Actor("admin", 1, 1, Permission.ADMIN, frozenset(SCOPES), "test")


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    services = Services(Config(data_dir=str(tmp_path), capture=CaptureConfig(min_free_bytes=0, answer_s=0.2)))
    services.accounts.users.first()
    yield services
    services.close()


@pytest.fixture
def order() -> Order:
    return Order("web traffic", 10, 1_000_000, ("a",))


def finish(services: Services) -> None:
    """Let the queue's work be done here: merging and processing."""
    from tapiary.jobs import register
    from tapiary.services.ingest import make_handlers

    for kind, call in make_handlers(services.config).items():
        register(kind, call)
    while jobs := services.queue.list(states=["queued"]):
        services.queue.run_inline(jobs[-1].id)
