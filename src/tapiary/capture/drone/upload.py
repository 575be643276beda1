"""Parts to our hive by HTTP: streamed, resumed where they broke off, in a thread of its own."""

from __future__ import annotations

import hashlib
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

from tapiary import telemetry
from tapiary.capture.drone.pace import Pace, compressor
from tapiary.capture.messages import Completion, encode

if TYPE_CHECKING:
    import requests

_log = telemetry.logger("drone")
BLOCK_BYTES = 1 << 18
CONNECT_S, ANSWER_S = 10.0, 120.0
#: How slow a hive may be at comparing checksums before it answers.
HASHED_BYTES_A_SECOND = 20e6
#: Waits between attempts, in seconds: doubled from the first to the last, with jitter.
FIRST_WAIT_S, LAST_WAIT_S = 1.0, 60.0
UNKNOWN_WAIT_S = 60.0
#: Captures go first: this thread works when nothing else wants to.
NICE = 10


class PutTask(NamedTuple):
    """A part to send."""

    job_id: int
    number: int
    interface: str
    path: Path
    size: int
    sha256: str


class CompleteTask(NamedTuple):
    """A job to confirm."""

    job_id: int
    completion: Completion


class Done(NamedTuple):
    """What came of a task. `kind`: put, completed, postponed (for `wait_s`), gone."""

    kind: str
    job_id: int
    number: int = 0
    sha256: str = ""
    again: tuple[int, ...] = ()
    #: The hive has compared the part's checksum.
    checked: bool = False
    wait_s: float = 0.0


class Uploader:
    """One thread, one task after the other; `told` is called in it with what came of each."""

    def __init__(
        self, session: requests.Session, base_url: str, token: str, told: Callable[[Done], None], *,
        compression: str = "auto",
    ) -> None:
        self._session, self._base, self._told = session, base_url, told
        self._headers = {"Authorization": f"Bearer {token}"}
        self._make = compressor()
        self._pace = Pace(compression, available=self._make is not None)
        self._received: dict[int, dict[int, int]] = {}
        self._failures = 0
        self._tasks: SimpleQueue[PutTask | CompleteTask | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="tapiary-drone-upload", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def add(self, task: PutTask | CompleteTask) -> None:
        """Do this next."""
        self._tasks.put(task)

    def stop(self) -> None:
        """Let the thread end after what it is at; what it sends meanwhile is not waited for."""
        self._tasks.put(None)

    def _run(self) -> None:
        if hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        while (task := self._tasks.get()) is not None:
            try:
                done = self._put(task) if isinstance(task, PutTask) else self._complete(task)
            except Exception as error:  # noqa: BLE001 - whatever it is, the part must be tried again
                self._received.pop(task.job_id, None)
                done = self._later(task.job_id, f"{type(error).__name__}: {error}")
            else:
                if done.kind != "postponed":
                    self._failures = 0
            self._told(done)

    def _later(self, job_id: int, why: str, wait_s: float = 0.0) -> Done:
        self._failures += 1
        wait = wait_s or min(LAST_WAIT_S, FIRST_WAIT_S * 2 ** min(self._failures - 1, 10))
        wait *= random.uniform(0.5, 1.5)  # so that drones whose hive was away do not come back all at once
        _log.warning("job %d: upload rests for %.1f s: %s", job_id, wait, why)
        return Done("postponed", job_id, wait_s=wait)

    def _url(self, job_id: int, rest: str) -> str:
        return f"{self._base}/hive/v1/captures/{job_id}/{rest}"

    def _put(self, task: PutTask) -> Done:
        sha256 = task.sha256 or _sha256(task.path)
        if task.job_id not in self._received:
            answer = self._session.get(self._url(task.job_id, "parts"), headers=self._headers,
                                       timeout=(CONNECT_S, ANSWER_S))
            if answer.status_code != 200:
                return self._refused(task.job_id, answer)
            self._received[task.job_id] = {p["number"]: int(p["received"]) for p in answer.json()["parts"]}
        received, checked = self._received[task.job_id], False
        while True:
            offset = received.get(task.number, 0)
            if offset == task.size and (offset or task.number in received):
                return Done("put", task.job_id, task.number, sha256, checked=checked)
            if offset > task.size:
                return self._later(task.job_id, f"part {task.number}: the hive has {offset} bytes of {task.size}",
                                   UNKNOWN_WAIT_S)
            answer = self._patch(task, offset, sha256)
            if answer.status_code not in (200, 409) or "received" not in _body(answer):
                self._received.pop(task.job_id, None)
                return self._refused(task.job_id, answer)
            now = int(_body(answer)["received"])
            if answer.status_code == 200 and now <= offset < task.size:
                return self._later(task.job_id, f"part {task.number}: the hive took nothing")
            received[task.number], checked = now, _body(answer).get("complete") is True

    def _patch(self, task: PutTask, offset: int, sha256: str) -> requests.Response:
        compress = self._pace.compress()
        headers = {**self._headers, "Upload-Offset": str(offset), "Upload-Length": str(task.size),
                   "Upload-Checksum": f"sha256 {sha256}", "Content-Type": "application/octet-stream"}
        started = time.monotonic()
        with task.path.open("rb") as file:
            body: Any = _Window(file, offset, task.size)
            if compress and self._make is not None:
                headers["Content-Encoding"] = "zstd"
                body = _compressed(body, self._make())
            answer = self._session.patch(
                self._url(task.job_id, f"parts/{task.number}"), params={"interface": task.interface}, data=body,
                headers=headers, timeout=(CONNECT_S, ANSWER_S))
        if answer.status_code == 200:
            self._pace.measured(compress, task.size - offset, time.monotonic() - started)
        return answer

    def _complete(self, task: CompleteTask) -> Done:
        size = sum(part.size for part in task.completion.parts)
        answer = self._session.post(
            self._url(task.job_id, "complete"), data=encode(task.completion),
            timeout=(CONNECT_S, ANSWER_S + size / HASHED_BYTES_A_SECOND),
            headers={**self._headers, "Content-Type": "application/json"})
        self._received.pop(task.job_id, None)
        if answer.status_code == 200:
            return Done("completed", task.job_id)
        if answer.status_code == 409 and (again := _body(answer).get("again")):
            return Done("completed", task.job_id, again=tuple(int(number) for number in again))
        return self._refused(task.job_id, answer)

    def _refused(self, job_id: int, answer: requests.Response) -> Done:
        if answer.status_code == 410:
            return Done("gone", job_id)
        # A part may be busy with the request that broke off; what else is refused will not be taken soon.
        refused = 400 <= answer.status_code < 500 and answer.status_code != 409
        wait = UNKNOWN_WAIT_S if refused else _retry_after(answer)
        return self._later(job_id, f"the hive answers {answer.status_code} {_body(answer).get('message', '')}", wait)


def _body(answer: requests.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _retry_after(answer: requests.Response) -> float:
    text = answer.headers.get("Retry-After", "")
    return min(600.0, float(text)) if text.isdecimal() else 0.0


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Window:
    """A file from an offset to a size, with a length that `requests` can announce."""

    def __init__(self, file: Any, offset: int, size: int) -> None:
        self._file, self._left = file, size - offset
        file.seek(offset)
        self.len = self._left

    def __iter__(self) -> Iterator[bytes]:
        while block := self.read():
            yield block

    def read(self, _size: int = -1) -> bytes:
        """The next block, of our size: the library asks for smaller ones than are good, and sends what it gets."""
        block: bytes = self._file.read(min(self._left, BLOCK_BYTES))
        self._left -= len(block)
        return block


def _compressed(window: _Window, packer: Any) -> Iterator[bytes]:
    while block := window.read():
        if packed := packer.compress(block):
            yield packed
    yield packer.flush()
