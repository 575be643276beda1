"""A hive that decides nothing: it notes what it is told and answers as it is set."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, BinaryIO

from tapiary.capture import Completion, Init, JobState, Live, StatusUpdate, Upload
from tapiary.config import Config
from tapiary.errors import Unauthenticated

TOKENS = {"tok-1": 1, "tok-2": 2, "tok-3": 3}


class RecordingHive:
    """`services.hive` as the sockets see it."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.channels: dict[int, Any] = {}
        self.dialect = 1
        self.chunk_answer = 202
        self.parts_now: list[dict[str, Any]] = []
        self.data: dict[tuple[int, int, int], bytearray] = {}
        self.again: list[int] = []
        self.error: Exception | None = None
        self.on_connected: Callable[[int, Any], None] | None = None
        self._changed = threading.Condition()

    def tell(self, *what: Any) -> None:
        with self._changed:
            self.told.append(what)
            self._changed.notify_all()

    def wait(self, *what: Any, seconds: float = 10.0) -> tuple[Any, ...]:
        """The first thing told that begins with these values."""
        with self._changed:
            end = time.monotonic() + seconds
            while True:
                for each in self.told:
                    if each[: len(what)] == what:
                        return each
                assert self._changed.wait(end - time.monotonic()), (what, self.told)

    def count(self, *what: Any) -> int:
        return sum(each[: len(what)] == what for each in self.told)

    def authenticate(self, token: str) -> int:
        if token not in TOKENS:
            raise Unauthenticated("the drone's token is not valid")
        return TOKENS[token]

    def connected(self, drone_id: int, channel: Any) -> None:
        former = self.channels.get(drone_id)
        self.channels[drone_id] = channel
        self.tell("connected", drone_id, channel)
        if self.on_connected:
            self.on_connected(drone_id, channel)
        if former is not None:
            former.close()

    def disconnected(self, drone_id: int, channel: Any) -> None:
        if self.channels.get(drone_id) is channel:
            del self.channels[drone_id]
        self.tell("disconnected", drone_id, channel)

    def initialised(self, drone_id: int, init: Init) -> int:
        self.tell("init", drone_id, init)
        return self.dialect if init.dialect else 0

    def status(self, drone_id: int, status: StatusUpdate) -> None:
        status.job()
        self.tell("status", drone_id, status)
        if self.error:
            raise self.error

    def job(self, drone_id: int, job: JobState) -> None:
        self.tell("job", drone_id, job)

    def chunk(self, drone_id: int, upload: Upload) -> int:
        self.tell("chunk", drone_id, upload)
        return self.chunk_answer

    def live(self, drone_id: int, live: Live) -> None:
        self.tell("live", drone_id, live)

    def parts(self, drone_id: int, capture_id: int) -> list[dict[str, Any]]:
        if self.error:
            raise self.error
        return self.parts_now

    def receive(
        self, drone_id: int, capture_id: int, number: int, interface: str, offset: int, stream: BinaryIO
    ) -> int:
        if self.error:
            raise self.error
        data = self.data.setdefault((drone_id, capture_id, number), bytearray())
        if offset != len(data):
            from tapiary.errors import Conflict

            error = Conflict(f"the part ends at {len(data)}", code="wrong_offset")
            error.received = len(data)  # type: ignore[attr-defined]
            raise error
        while chunk := stream.read(1 << 20):
            data += chunk
            if len(data) > 1 << 30:
                break
        self.tell("received", drone_id, capture_id, number, interface, len(data))
        return len(data)

    def complete(self, drone_id: int, capture_id: int, completion: Completion) -> list[int]:
        if self.error:
            raise self.error
        self.tell("complete", drone_id, capture_id, completion)
        return self.again


def recording_services(config: Config) -> Any:
    """Services of which there is only the hive."""
    return SimpleNamespace(hive=RecordingHive(), config=config)
