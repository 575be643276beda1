"""A stand-in of TCI's public drone 1.2.0: what a hive sees of it, written anew from its documented behaviour.

It keeps the quirks that a hive has to live with: job_updates are lost while there is no connection; `get_chunk` 1 is
ignored while a capture is collected or sent; null in the NDP fields is refused with 406; a drone stays "Working" until
its file is sent; a resumed job counts what it captured before; a filter that tcpdump refuses is not noticed; being told
to disconnect, or being refused, forgets the capture.

It captures by a real tcpdump, or plays a capture file as if it came from a line:

    python tests/public_drone.py --hive http://127.0.0.1:8080 --token TOKEN --play examples/sample.pcap
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import math
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import socketio

CHUNK_BYTES = 700_000
CRITICAL = -99
#: Seconds between two looks at the file's size, and between two statuses.
LOOK_S, STATUS_S = 0.05, 1.0


@dataclass
class Job:
    """The drone's one active job."""

    id: int
    filter: str
    duration: int
    max_capture_data: int
    trim_bytes: int = 0
    ndp_capture_all: bool = False
    status: str = "Waiting"
    status_msg: str = "Just Created."
    captured: int = 0
    before: int = 0
    began: float = 0.0
    done: threading.Event = field(default_factory=threading.Event)

    def report(self) -> dict[str, Any]:
        names = ("id", "filter", "duration", "max_capture_data", "trim_bytes", "ndp_capture_all", "captured")
        return {name: getattr(self, name) for name in (*names, "status", "status_msg")}


class Tcpdump:
    """A capture by tcpdump; the drone does not look whether the program lives."""

    def __init__(self, interface: str, path: Path, filter_: str) -> None:
        command = ["tcpdump", "-i", interface, "-w", str(path), filter_]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def end(self) -> None:
        if self.alive:
            self._process.send_signal(signal.SIGTERM)
        self._process.wait()


class Playing:
    """A capture file that grows as if its packets came now; the filter is applied by tcpdump where there is one."""

    def __init__(self, source: Path, seconds: float, path: Path, filter_: str) -> None:
        self._stop = threading.Event()
        self.alive = True
        self._source = self._path = path
        data = source.read_bytes()
        if filter_ and shutil.which("tcpdump"):
            command = ["tcpdump", "-r", str(source), "-U", "-w", "-", filter_]
            done = subprocess.run(command, capture_output=True, check=False)
            if done.returncode:  # it has died, and there is no file
                self.alive = False
                return
            data = done.stdout
        self._thread = threading.Thread(target=self._write, args=(data, seconds), daemon=True)
        self._thread.start()

    def _write(self, data: bytes, seconds: float) -> None:
        packets = list(_records(data))
        with self._path.open("wb") as file:
            file.write(data[:24])
            file.flush()
            began = time.monotonic()
            for n, packet in enumerate(packets):
                due = began + seconds * n / len(packets)
                if due - time.monotonic() > 0.01:
                    file.flush()
                    if self._stop.wait(due - time.monotonic()):
                        break
                file.write(packet)
        self._stop.wait()

    def end(self) -> None:
        self._stop.set()
        if self.alive:
            self._thread.join()
        self.alive = False


def _records(data: bytes) -> Any:
    order = "little" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else "big"
    at = 24
    while at + 16 <= len(data):
        size = int.from_bytes(data[at + 8 : at + 12], order)
        yield data[at : at + 16 + size]
        at += 16 + size


class PublicDrone:
    """The drone; `run` works until `stop`, `start` does so in a thread. `sent` holds all that it told, in order."""

    def __init__(
        self,
        hive: str,
        token: str,
        folder: Path,
        *,
        name: str = "public",
        interface: str = "lo",
        play: Path | None = None,
        play_seconds: float = 2.0,
        backend: str = "tcpdump",
        polling: bool = False,
        ca: Path | None = None,
        certificate: tuple[Path, Path] | None = None,
        wait_s: float = 5.0,
    ) -> None:
        address = urlsplit(hive)
        self._url = f"{address.scheme}://{address.netloc}"  # the path is dropped
        self._token = token
        self._folder = folder
        self._name = name
        self._backend = backend
        self._polling = polling
        self._wait_s = wait_s
        self._begin: Callable[[Path, str], Any] = (
            (lambda path, filter_: Playing(play, play_seconds, path, filter_))
            if play
            else (lambda path, filter_: Tcpdump(interface, path, filter_))
        )
        self._session = requests.Session()
        # Variables such as REQUESTS_CA_BUNDLE would win over the CA given here.
        self._session.trust_env = False
        if ca:
            self._session.verify = str(ca)
        if certificate:
            self._session.cert = (str(certificate[0]), str(certificate[1]))
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._client: socketio.Client | None = None
        self.job: Job | None = None
        self._capture: Any = None
        self._uploading: set[int] = set()
        self.status = "Sleeping"
        self.sent: list[tuple[str, Any]] = []
        self.refused: list[Any] = []
        folder.mkdir(parents=True, exist_ok=True)

    # Its life.

    def start(self) -> PublicDrone:
        self._thread = threading.Thread(target=self.run, daemon=True)
        self._thread.start()
        return self

    def run(self) -> None:
        """Connect again and again; each round begins with an idle drone."""
        threading.Thread(target=self._tick, daemon=True).start()
        while not self._ended.is_set():
            self._forget()
            self._client = client = self._make_client()
            try:
                transports = ["polling"] if self._polling else None
                client.connect(self._url, auth={"token": self._token}, transports=transports, wait_timeout=20)
                client.wait()
                pause = 1.0
            except socketio.exceptions.SocketIOError:
                pause = random.uniform(0, self._wait_s)
            self._ended.wait(pause)

    def stop(self) -> None:
        """End the program, with its capture."""
        self._ended.set()
        self._forget()
        if self._client is not None:
            self.break_connection(come_back=False)
        if self._thread is not None:
            self._thread.join(10)

    def break_connection(self, *, come_back: bool = True) -> None:
        """Lose the network: nothing is said to the hive."""
        client = self._client
        if client is None:
            return
        client.reconnection = come_back
        transport = client.eio
        if transport.ws is not None:
            with contextlib.suppress(OSError, AttributeError):
                transport.ws.sock.shutdown(2)
        else:
            transport.base_url += "-lost"  # the next request fails

    def _make_client(self) -> socketio.Client:
        client = socketio.Client(http_session=self._session, reconnection_delay=0.2, reconnection_delay_max=5)
        client.on("connect", self._connected)
        client.on("connect_error", self.refused.append)
        for event in ("start_job", "stop_job", "pause_job", "delete_job", "get_chunk"):
            # An object in place of a string fails here, so no acknowledgement is ever sent.
            handler = getattr(self, f"_{event}")
            client.on(event, lambda text, handler=handler: handler(json.loads(text)))
        client.on("update_info", self._tell_status)
        client.on("force_disconnect", self._leave)
        return client

    def _connected(self) -> None:
        with self._lock:
            if self.job is None:
                self.status = "Sleeping"
            self._emit("drone_init", {"capture_backend": self._backend})
            self._tell_status()

    def _leave(self) -> None:
        self._forget()
        assert self._client is not None
        self._client.disconnect()

    def _forget(self) -> None:
        with self._lock:
            if self.job is not None:
                self.job.done.set()
            if self._capture is not None:
                self._capture.end()
            self.job = self._capture = None
            self._uploading.clear()
            self.status = "Sleeping"

    def _tick(self) -> None:
        while not self._ended.wait(STATUS_S):
            with self._lock:
                if self.job is not None and self.job.status == "In progress":
                    self._tell_status()

    # What it tells.

    def _emit(self, event: str, message: Any, callback: Any = None) -> None:
        try:
            assert self._client is not None
            self._client.emit(event, json.dumps(message), callback=callback)
        except socketio.exceptions.SocketIOError:
            return  # lost
        self.sent.append((event, message))

    def _tell_status(self) -> None:
        with self._lock:
            job = self.job.report() if self.job else {}
            self._emit("drone_update_status", {"status": self.status, "active_job": job})

    def _step(self, job: Job, status: str, message: str) -> None:
        job.status, job.status_msg = status, message
        self._emit("job_update", job.report())

    # What it is told.

    def _start_job(self, order: Any) -> Any:
        with self._lock:
            if (wrong := _check(order)) is not None:
                return 406, wrong
            if self.job is not None and self.job.id == order["job_id"]:
                return None
            if self.job is not None and order.get("priority") == CRITICAL:
                self._end("Paused", "Paused by critical job.")
            if self.job is not None:
                return 400, "another job is active"
            job = Job(order["job_id"], order["filter"], order["duration"], order["max_capture_data"])
            job.trim_bytes = order.get("ndp_trim_bytes", 0)
            job.ndp_capture_all = order.get("ndp_capture_all", False)
            paused = self._paused(job.id)
            job.before = job.captured = paused.stat().st_size if paused.exists() else 0
            self.job = job
            self._tell_status()
            self.status = "Working"
            self._tell_status()
            job.began = time.monotonic()
            self._capture = self._begin(self._path(job.id), job.filter)
            self._step(job, "In progress", "Capturing.")
            threading.Thread(target=self._look, args=(job, self._capture), daemon=True).start()
            return None

    def _stop_job(self, order: Any) -> Any:
        with self._lock:
            if self.job is None or self.job.id != order["job_id"]:
                return 400, "the job is not running"
            if order.get("paused"):
                self._end("Paused", "Paused by critical job.")
            else:
                self._end("Stopped", "Stopped by user.")
            return None

    def _pause_job(self, order: Any) -> Any:
        with self._lock:
            if self.job is None or self.job.id != order["job_id"]:
                return 400, "the job is not running"
            self._end("Paused", "Paused by critical job.")
            return None

    def _delete_job(self, order: Any) -> Any:
        with self._lock:
            if self.job is not None and self.job.id == order["job_id"]:
                return 400, "the job is running"
            for path in (self._path(order["job_id"]), self._paused(order["job_id"])):
                path.unlink(missing_ok=True)
            if order["job_id"] in self._uploading:
                self._sent_all(order["job_id"])
            return None

    def _get_chunk(self, order: Any) -> None:
        number, job_id = order["chunk_number"], order["job_id"]
        with self._lock:
            if number == 1:
                active = self.job is not None and self.job.id == job_id
                if job_id in self._uploading or (active and self.job and self.job.status == "Collecting"):
                    return
                self._uploading.add(job_id)
                if active and self.job:
                    # Too early: the job is dropped, while tcpdump goes on.
                    self.job.done.set()
                    self.job = self._capture = None
            path = self._path(job_id)
            size = path.stat().st_size  # fails where there is no file: nothing is sent
            with path.open("rb") as file:
                file.seek((number - 1) * CHUNK_BYTES)
                data = file.read(CHUNK_BYTES)
            message = {
                "chunk_number": number,
                "chunk_bytes": base64.b64encode(data).decode(),
                "job_id": job_id,
                "total_number_of_chunks": max(1, math.ceil(size / CHUNK_BYTES)),
            }
        self._emit("upload", message, lambda code, of: self._acknowledged(code, of, job_id))

    def _acknowledged(self, code: int, _of: Any, job_id: int) -> None:
        if code == 200:
            with self._lock:
                self._path(job_id).unlink(missing_ok=True)
                self._sent_all(job_id)

    def _sent_all(self, job_id: int) -> None:
        self._uploading.discard(job_id)
        if self.job is None:
            self.status = "Sleeping"
        self._tell_status()

    # Its captures.

    def _path(self, job_id: int) -> Path:
        return self._folder / f"{job_id}-{self._name}.pcap"

    def _paused(self, job_id: int) -> Path:
        return self._folder / f"{job_id}-{self._name}.pcap.paused"

    def _look(self, job: Job, capture: Any) -> None:
        """Watch size and time; a program that has died ends the watch, and nobody is told."""
        while not job.done.wait(LOOK_S) and capture.alive:
            with contextlib.suppress(FileNotFoundError):
                job.captured = job.before + self._path(job.id).stat().st_size
            late = time.monotonic() - job.began >= job.duration
            if late or job.captured >= job.max_capture_data:
                with self._lock:
                    if self.job is job:
                        self._step(job, job.status, job.status_msg)
                        self._end("Captured", f"Max capture {'time' if late else 'data'} reached.")
                return

    def _end(self, status: str, message: str) -> None:
        job, capture = self.job, self._capture
        assert job is not None
        job.done.set()
        self._step(job, "Collecting", "Collecting data.")
        if capture is not None:
            capture.end()
        path, paused = self._path(job.id), self._paused(job.id)
        if paused.exists():
            if path.exists():
                merged = path.with_suffix(".merged")
                subprocess.run(["mergecap", "-w", str(merged), str(paused), str(path)], check=True)
                merged.replace(path)
                paused.unlink()
            else:
                paused.rename(path)
        if path.exists():
            job.captured = path.stat().st_size
            if status == "Paused":
                path.rename(paused)
        self._step(job, status, message)
        self.job = self._capture = None
        if status == "Paused":
            self.status = "Sleeping"
        self._tell_status()


def _check(order: Any) -> str | None:
    """What is wrong with a `start_job`."""
    for name, kind in (("job_id", int), ("filter", str), ("duration", int), ("max_capture_data", int)):
        if not isinstance(order.get(name), kind):
            return f"{name} is required"
    for name, kind in (("ndp_trim_bytes", int), ("ndp_capture_all", bool), ("priority", int)):
        if name in order and not isinstance(order[name], kind):
            return f"{name} has a wrong type"
    return None


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="A stand-in of TCI's public drone 1.2.0.")
    parser.add_argument("--hive", required=True, metavar="URL")
    parser.add_argument("--token", default=os.environ.get("TOKEN"), help="else $TOKEN")
    parser.add_argument("--name", default="public")
    parser.add_argument("--folder", type=Path, help="for captures; else a temporary one")
    parser.add_argument("--interface", default="lo")
    parser.add_argument("--play", type=Path, metavar="FILE", help="pcap file to play instead of capturing")
    parser.add_argument("--play-seconds", type=float, default=2.0)
    parser.add_argument("--backend", default="tcpdump")
    parser.add_argument("--polling", action="store_true", help="no websocket")
    parser.add_argument("--ca", type=Path, metavar="FILE")
    parser.add_argument("--cert", type=Path, nargs=2, metavar=("CERT", "KEY"))
    options = parser.parse_args()
    if not options.token:
        parser.error("--token is missing")
    with tempfile.TemporaryDirectory() as temporary:
        drone = PublicDrone(
            options.hive, options.token, options.folder or Path(temporary), name=options.name,
            interface=options.interface, play=options.play, play_seconds=options.play_seconds,
            backend=options.backend, polling=options.polling, ca=options.ca,
            certificate=tuple(options.cert) if options.cert else None,
        )
        signal.signal(signal.SIGTERM, lambda *_: drone.stop())
        drone.start()
        told = 0
        try:
            while drone._thread and drone._thread.is_alive():
                for event, message in drone.sent[told:]:
                    told += 1
                    print(event, {k: v for k, v in message.items() if k != "chunk_bytes"}, flush=True)
                for words in drone.refused:
                    print("refused:", words, flush=True)
                drone.refused.clear()
                time.sleep(0.1)
        except KeyboardInterrupt:
            drone.stop()


if __name__ == "__main__":
    main()
