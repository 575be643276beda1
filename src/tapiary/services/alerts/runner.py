"""The threads that look for triggers that are due, run them, and do what alerts set going."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterable
from queue import SimpleQueue
from typing import TYPE_CHECKING

from tapiary.services.alerts.delivery import Delivery
from tapiary.services.alerts.running import Running
from tapiary.telemetry import logger

if TYPE_CHECKING:
    from tapiary.services import Services

log = logger("alerts")

#: Threads for queries (more of them only wait for the engine), and for webhooks, which wait for others.
QUERY_THREADS, DELIVERY_THREADS = 2, 4
#: A trigger rests so many times as long as its run took, up to a limit: rows that never stop coming must not keep the
#: engine busy with one query for ever.
RESTS, LONGEST_REST_S = 4.0, 30.0
#: Seconds at least between two looks, however much comes in.
PAUSE_S = 0.2
#: Seconds that the end waits for what is under way; what is cut off is taken up at the next start.
END_S = 10.0


class Runner:
    """One a server process; nothing runs before `start`."""

    def __init__(self, services: Services, running: Running) -> None:
        self._services = services
        self._running = running
        self._delivery = Delivery(services)
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._pools: list[Pool] = []
        #: Until when triggers rest that have just run.
        self._rests: dict[str, float] = {}

    def start(self) -> None:
        """Begin; returns at once."""
        self._stop.clear()
        runs = Pool("trigger", QUERY_THREADS, self._run)
        deliveries = Pool("delivery", DELIVERY_THREADS, self._delivery.deliver)
        self._pools = [runs, deliveries]
        self._thread = threading.Thread(target=self._loop, args=(runs, deliveries), name="triggers", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; what is under way may still end for a while."""
        self._stop.set()
        self.wake()
        if self._thread is not None:
            self._thread.join(timeout=END_S)
            self._thread = None
        for pool in self._pools:
            pool.stop()
        self._pools = []

    def wake(self) -> None:
        """Let the next look begin now: there are new rows, or a trigger is new."""
        self._wake.set()

    def once(self) -> int:
        """Look, run and deliver what is due, here and now; returns how many alerts were written."""
        written = sum(self._running.step(trigger_id) for trigger_id in self._running.candidates())
        for alert_id in self._delivery.due():
            self._delivery.deliver(alert_id)
        return written

    def _run(self, trigger_id: str) -> None:
        began = time.monotonic()
        if self._running.step(trigger_id):
            self.wake()
        ended = time.monotonic()
        self._rests[trigger_id] = ended + min((ended - began) * RESTS, LONGEST_REST_S)

    def _loop(self, runs: Pool, deliveries: Pool) -> None:
        while not self._stop.is_set():
            try:
                now = time.monotonic()
                runs.add(each for each in self._running.candidates() if self._rests.get(each, 0.0) <= now)
                deliveries.add(self._delivery.due())
            except Exception:
                log.exception("looking for triggers that are due failed")
            self._stop.wait(PAUSE_S)
            self._wake.wait(self._services.config.alerts.interval_s)
            self._wake.clear()


class Pool:
    """Threads that work on named things, each of them by one thread at a time."""

    def __init__(self, name: str, threads: int, work: Callable[..., object]) -> None:
        self._work = work
        self._queue: SimpleQueue[Hashable] = SimpleQueue()
        self._lock = threading.Lock()
        #: What waits or is worked on.
        self._taken: set[Hashable] = set()
        self._threads = [
            threading.Thread(target=self._loop, name=f"{name}-{n}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    def add(self, things: Iterable[Hashable]) -> None:
        """Let work be done on what is not waiting or under way."""
        for thing in things:
            with self._lock:
                if thing in self._taken:
                    continue
                self._taken.add(thing)
            self._queue.put(thing)

    def stop(self) -> None:
        """End the threads when each has done what it is at."""
        while not self._queue.empty():
            self._queue.get()
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(timeout=END_S)

    def _loop(self) -> None:
        while (thing := self._queue.get()) is not None:
            try:
                self._work(thing)
            except Exception:
                log.exception("%r failed", thing)
            with self._lock:
                self._taken.discard(thing)
