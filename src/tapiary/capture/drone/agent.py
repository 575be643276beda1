"""The drone's one loop: it brings the hive's words and the recorders' files to the core, and does what that decides."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any, TypeVar

import msgspec

from tapiary import __version__, telemetry
from tapiary.capture.drone import phases
from tapiary.capture.drone.actions import Start
from tapiary.capture.drone.backends import backend_of
from tapiary.capture.drone.config import Settings
from tapiary.capture.drone.core import Core
from tapiary.capture.drone.hands import Hands
from tapiary.capture.drone.link import Link, session
from tapiary.capture.drone.metering import Metering
from tapiary.capture.drone.records import Records
from tapiary.capture.drone.running import GUARD_S
from tapiary.capture.drone.shelf import Shelf
from tapiary.capture.drone.spare import Spare
from tapiary.capture.drone.upload import Done, Uploader
from tapiary.capture.messages import DIALECT, CheckFilter, Dialect, FilterVerdict, Init, Live, decode, encode
from tapiary.errors import Conflict, InvalidInput, TapiaryError, Unavailable

_log = telemetry.logger("drone")
#: How often recorders are asked for their counts, and made to write what they hold back.
COUNT_S = 1.0
#: How long the loop sleeps at most when nothing records.
IDLE_S = 0.5
#: How long a hive may take to say which dialect it speaks; TCI's may never answer.
AGREE_S = 3.0
#: How long the acknowledgement of an order may take.
ANSWER_S = 30.0

Result = TypeVar("Result")


class Agent:
    """A drone that runs. Everything that changes a job happens in the thread that calls `run`.

    `meter` is the command of the program that meters while capturing, empty for none. Raises Conflict when another
    drone works in the folder, Unavailable when the folder or a library is missing.
    """

    def __init__(self, settings: Settings, *, meter: Sequence[str] = ()) -> None:
        self.settings = settings
        self._lock = lock_folder(settings.folder)
        self._clock_start = time.time() - time.monotonic()
        records = Records(settings.folder)
        self._backend = backend_of(settings)
        self._shelf = Shelf(records, self._backend)
        self.core = Core(
            records.load(), self._backend.sources, capture_limit=settings.capture_limit,
            min_free_bytes=settings.min_free_bytes, lag_s=self._backend.lag_s, copies=self._backend.copies,
        )
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._stopping = threading.Event()
        self._link = Link(
            settings, handle=self._event, connected=lambda: self._inbox.put(self._on_connected),
            disconnected=lambda: self._inbox.put(lambda: self._hands.do(self.core.disconnected())))
        self._uploader = Uploader(session(settings), settings.base_url, settings.hive.token, self._uploaded,
                                  compression=settings.compression)
        self._metering = Metering(meter if settings.live else (), self._shelf, self._live)
        self._hands = Hands(
            self.core, records, self._shelf, self._backend, link=self._link, uploader=self._uploader,
            metering=self._metering, mergecap=settings.mergecap_path, now=self.now, call=self.call,
            later=self._inbox.put)
        self._count_at = 0.0
        self._spare = Spare()
        self._agree_by: float | None = None
        self._connection = 0

    def run(self) -> None:
        """Work until `stop`. Recorders that run then go on, and the next start takes them over."""
        self._recover()
        self._uploader.start()
        self._link.start()
        try:
            while not self._stopping.is_set():
                self._turn()
        finally:
            self._metering.stop()
            self._uploader.stop()
            self._link.stop()
            self._lock.close()

    def stop(self) -> None:
        """Let `run` return soon; may be called from a signal handler."""
        self._stopping.set()

    def now(self) -> float:
        """Unix seconds that never jump while the program runs."""
        return self._clock_start + time.monotonic()

    def _turn(self) -> None:
        """Wait for something to do, do it, and look at the recorders."""
        wait: float | None = IDLE_S
        if self.core.active() is not None:
            wait = self.settings.update_captured_interval
        while True:
            try:
                job = self._inbox.get(timeout=wait) if wait is not None else self._inbox.get_nowait()
            except Empty:
                break
            self._guarded(job)
            wait = None
        self._guarded(self._look)
        if self._agree_by is not None and self.now() > self._agree_by:
            self._guarded(lambda: self._agreed(self._connection, 0))
        self._guarded(self._hands.save_again)
        self._guarded(lambda: self._hands.do(self.core.tick(self.now())))

    def _guarded(self, job: Callable[[], None]) -> None:
        """Nothing that fails may end the drone: captures depend on it."""
        try:
            job()
        except (TapiaryError, OSError) as error:
            _log.error("%s", error)
        except Exception:  # noqa: BLE001 - told with its trace
            _log.exception("an error of ours; the drone goes on")

    def _look(self) -> None:
        """See how the recorders are, and how full the disk is."""
        self.core.free_bytes = free_bytes(self.settings.folder)
        record = self.core.active()
        if record is None:
            return
        now = self.now()
        asked = now - self._count_at >= COUNT_S
        self._hands.do(self.core.observed(record, self._shelf.look(record, words=asked), now))
        if asked:
            self._count_at = now
            self.core.spare = self._spare.processors()
            self._shelf.signal(record, self._backend.count_signal, begun=True)
            self._shelf.flush(record)
            if now >= self.core.strained_until:
                self._metering.feed(record)

    def _recover(self) -> None:
        """Take over what an earlier run of the program left."""
        for record in self.core.jobs.values():
            self._shelf.sweep(record)
            _log.info("job %d is %s: %d files, %d bytes", record.id, record.phase, len(record.parts),
                      self.core.captured(record))
            if record.phase != phases.RECORDING:
                continue
            guard = min(1 << 30, record.order.duration) + GUARD_S
            for recording in record.recordings:
                if not recording.ended and self._shelf.process(record, recording) is None:
                    self._hands.do([Start(record, recording, guard)])   # it had been decided, but not done
            if record.since:
                self._metering.begin(record)

    def call(self, job: Callable[[], Result], timeout_s: float | None = ANSWER_S) -> Result:
        """Run something in the loop's thread and wait for its result. Raises what it raises, TimeoutError."""
        future: Future[Result] = Future()

        def run() -> None:
            try:
                future.set_result(job())
            except BaseException as error:  # noqa: BLE001 - it is raised where it was asked for
                future.set_exception(error)

        self._inbox.put(run)
        return future.result(timeout_s)

    def _event(self, event: str, data: Any) -> Any:
        """An event of the hive, in a thread of the connection; returns the acknowledgement."""
        if event == "check_filter":
            return self._check_filter(data)

        def handle() -> Any:
            actions, answer = self.core.message(event, data, self.now())
            self._hands.do(actions)
            return answer

        return self.call(handle)

    def _check_filter(self, data: Any) -> str:
        try:
            order = decode(data, CheckFilter, "check_filter")
            text = self._backend.check_filter(order.filter, order.interfaces)
        except InvalidInput as error:
            text = error.message
        return encode(FilterVerdict(not text, text))

    def _on_connected(self) -> None:
        self._connection += 1
        connection = self._connection
        dialect = Dialect(DIALECT, __version__, self.settings.interfaces, live=self._metering.possible,
                          checks_filters=self._backend.name != "ndp")

        def answered(*values: Any) -> None:
            self._inbox.put(lambda: self._agreed(connection, dialect_in(values)))

        self._agree_by = self.now() + AGREE_S
        self._link.send("drone_init", Init(self._backend.name, dialect), answered)
        self._hands.do(self.core.connected())

    def _agreed(self, connection: int, dialect: int) -> None:
        if connection != self._connection or self._agree_by is None:
            return
        self._agree_by = None
        _log.info("the hive speaks %s", f"our dialect {dialect}" if dialect else "TCI's protocol")
        self._hands.do(self.core.agreed(dialect))

    def _uploaded(self, done: Done) -> None:
        def tell() -> None:
            core = self.core
            match done.kind:
                case "put":
                    actions = core.put(done.job_id, done.number, done.sha256, done.checked)
                case "completed":
                    actions = core.completed(done.job_id, done.again)
                case "gone":
                    actions = core.gone(done.job_id)
                case _:
                    actions = core.postponed(done.job_id, self.now() + done.wait_s)
            self._hands.do(actions)

        self._inbox.put(tell)

    def _live(self, job_id: int, message: Live) -> None:
        def tell() -> None:
            if self.core.dialect and job_id in self.core.jobs:
                self._link.send("live", message)

        self._inbox.put(tell)


def dialect_in(values: Sequence[Any]) -> int:
    """The dialect in the acknowledgement of `drone_init`; 0 for TCI's hive, which answers with a boolean or nothing."""
    try:
        number = msgspec.json.decode(values[0])["dialect"] if values and isinstance(values[0], str) else 0
    except (msgspec.DecodeError, KeyError, TypeError):
        return 0
    return DIALECT if isinstance(number, int) and number >= DIALECT else 0


def free_bytes(folder: Path) -> int | None:
    """What the disk of a folder has left for ordinary users; None when it cannot be told."""
    try:
        status = os.statvfs(folder)
    except OSError:
        return None
    return status.f_bavail * status.f_frsize


def lock_folder(folder: Path) -> IO[bytes]:
    """Make the folder this process's own. Raises Conflict when another drone has it, Unavailable."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (folder / ".lock").open("wb")
    except OSError as error:
        raise Unavailable(f"output_folder {folder} cannot be used: {error.strerror}", field="output_folder") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise Conflict(f"another drone works in {folder}", field="output_folder") from None
    return lock
