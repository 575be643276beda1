"""The worker processes: started, watched, replaced when they die, stopped."""

from __future__ import annotations

import contextlib
import pickle
import signal
import subprocess
import sys
import threading
import time

from tapiary.config import Config
from tapiary.database import Database
from tapiary.jobs.owner import name_of
from tapiary.jobs.queue import Queue
from tapiary.jobs.worker import Orders
from tapiary.telemetry import counter, logger

log = logger("jobs")

#: Pause between two looks at the processes, and between two searches for jobs of dead owners.
WATCH_S = 0.05
RECOVER_S = 1.0
#: A worker that dies at once is replaced only this often, so that a broken installation does not spin.
RESTART_S = 1.0


class Workers:
    """The processes that work on the queue of `config.database_url`.

    make_handlers names a function as `module:function`; each worker calls it with the config at its start. It imports
    what its jobs need and returns `{kind: handler}`. The constructor does no I/O. Start it in the process that serves,
    not before a fork: a worker ends when every copy of its parent's pipe is closed.
    """

    def __init__(self, config: Config, make_handlers: str) -> None:
        self.config = config
        self._orders = Orders(config, make_handlers, [])
        self._workers: list[_Worker] = []
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the processes and take up the jobs of a server that died; returns at once."""
        self._stop.clear()
        self._orders = Orders(self.config, self._orders.make_handlers, list(sys.path))
        queue = Queue(Database(self.config.database_url), self.config.jobs)
        queue.recover("the server was killed")
        self._workers = [_Worker(self._orders) for _ in range(self.config.jobs.worker_count)]
        self._thread = threading.Thread(target=self._watch, args=(queue,), name="workers-watch", daemon=True)
        self._thread.start()

    def stop(self, grace_s: float = 10.0) -> None:
        """Let the workers put back what they are doing and end; kill those that take longer than the grace."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        for worker in self._workers:
            worker.ask_to_stop()
        end = time.monotonic() + grace_s
        for worker in self._workers:
            worker.end(end - time.monotonic())
        if self._thread is not None:
            database = Database(self.config.database_url)
            Queue(database, self.config.jobs).recover("the server was stopped")
            database.close()
        self._workers, self._thread = [], None

    def pids(self) -> list[int]:
        """The process numbers of the living workers."""
        return [w.process.pid for w in self._workers if w.process.poll() is None]

    def _watch(self, queue: Queue) -> None:
        next_recovery = time.monotonic() + RECOVER_S
        while not self._stop.wait(WATCH_S):
            try:
                for number, worker in enumerate(self._workers):
                    code = worker.process.poll()
                    if code is not None and time.monotonic() - worker.born >= RESTART_S:
                        self._workers[number] = self._replace(worker, queue, code)
                    elif code is not None and not worker.mourned:
                        worker.mourned = True
                        queue.recover(_how(code), worker.name)
                if time.monotonic() >= next_recovery:
                    queue.recover()
                    next_recovery = time.monotonic() + RECOVER_S
            except Exception:
                log.exception("the workers cannot be watched")
                self._stop.wait(RECOVER_S)
        queue.database.close()

    def _replace(self, worker: _Worker, queue: Queue, code: int) -> _Worker:
        log.error("worker %d: %s", worker.process.pid, _how(code))
        counter("jobs", "workers_lost").add()
        queue.recover(_how(code), worker.name)
        worker.end(0)
        return _Worker(self._orders)


class _Worker:
    """One process."""

    def __init__(self, orders: Orders) -> None:
        self.born = time.monotonic()
        self.mourned = False
        self.process = subprocess.Popen([sys.executable, "-m", "tapiary.jobs.worker"], stdin=subprocess.PIPE)
        self.name = name_of(self.process.pid)
        data = pickle.dumps(orders)
        self._tell(len(data).to_bytes(8, "little") + data)

    def ask_to_stop(self) -> None:
        self._tell(b"s")

    def end(self, wait_s: float) -> None:
        try:
            self.process.wait(max(wait_s, 0.0))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # a ring of the bell that nobody hears any more
                self.process.stdin.close()

    def _tell(self, data: bytes) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(data)
            self.process.stdin.flush()
        except BrokenPipeError:  # it died already; the watch will see
            pass


def _how(code: int) -> str:
    if code < 0:
        return f"the worker was killed by {signal.Signals(-code).name}"
    return f"the worker ended with code {code}"
