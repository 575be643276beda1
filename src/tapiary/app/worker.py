"""gunicorn's worker of threads, which lets go of its drones as soon as it is told to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from gunicorn.workers.gthread import ThreadWorker


def worker_class(on_stop: Callable[[], None]) -> type[ThreadWorker]:
    """The class for gunicorn's settings; `on_stop` runs in a thread of its own at the first signal.

    A drone's connection is one request that does not end: gunicorn would wait for it as long as it waits at all.
    """

    class Worker(ThreadWorker):  # type: ignore[misc]
        """The worker."""

        _told = False

        def handle_exit(self, sig: Any, frame: Any) -> None:
            super().handle_exit(sig, frame)
            self._tell()

        def handle_quit(self, sig: Any, frame: Any) -> None:
            self._tell()
            super().handle_quit(sig, frame)

        def _tell(self) -> None:
            if not self._told:
                self._told = True
                threading.Thread(target=on_stop, name="drop-drones", daemon=True).start()

    return Worker
