"""The program of one worker process: `python -m tapiary.jobs.worker`, started by `Workers` only.

Standard input carries a pickled `Orders` first; afterwards a byte means "stop when you can", and its end means that the
parent is gone: the worker then ends at once, since a half-done job is safe to do again.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
from dataclasses import dataclass
from importlib import import_module

from tapiary.config import Config


@dataclass(frozen=True)
class Orders:
    """What a worker is told at its start."""

    config: Config
    make_handlers: str
    search_path: list[str]


def main(orders: Orders, stopping: threading.Event) -> None:
    """Take and do jobs until told to stop."""
    # The handlers' imports are heavy: they are done before the first job comes.
    from tapiary.database import Database
    from tapiary.jobs.owner import own_name
    from tapiary.jobs.queue import Queue
    from tapiary.jobs.registry import register_all
    from tapiary.jobs.runner import run
    from tapiary.telemetry import log_to_file, logger, setup_logging

    config = orders.config
    setup_logging(config.log_level)
    log_to_file(config.logs_path / config.log.name, config.log.max_bytes, config.log.keep)
    log = logger("jobs")
    queue = Queue(Database(config.database_url), config.jobs)
    module, _, function = orders.make_handlers.partition(":")
    register_all(getattr(import_module(module), function)(config))
    bell = queue.bell()
    while not stopping.is_set():
        try:
            job = queue.claim(own_name()) if queue.has_waiting() else None
        except Exception:
            log.exception("the queue cannot be read")
            time.sleep(1.0)
            continue
        if job is None:
            bell.wait(stopping)
        else:
            run(queue, job, stopping=stopping)


def _watch(stopping: threading.Event) -> None:
    if os.read(0, 1):
        stopping.set()
        os.read(0, 1)
    os._exit(3)


def _read_orders() -> Orders:
    # Not through sys.stdin: its lock, held by a thread that waits in it, would break the interpreter's shutdown.
    size = int.from_bytes(_read(8), "little")
    orders: Orders = pickle.loads(_read(size))
    return orders


def _read(size: int) -> bytes:
    parts: list[bytes] = []
    while size:
        part = os.read(0, size)
        if not part:
            os._exit(3)
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _start() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent tells us when to stop
    orders = _read_orders()
    sys.path[:] = orders.search_path
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    threading.Thread(target=_watch, args=(stopping,), name="parent-watch", daemon=True).start()
    main(orders, stopping)


if __name__ == "__main__":
    from tapiary.jobs import worker  # under its own name, which is how the parent pickled the orders

    worker._start()
