"""All rooms over one configuration: built, started, stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from tapiary.telemetry import logger

if TYPE_CHECKING:
    from flask import Flask

    from tapiary.app.local_drone import LocalDrone
    from tapiary.config import Config

log = logger("app")

#: Seconds between sweeps of what crashes left, and between merges of the tables' small files.
SWEEP_S, TIDY_S = 600.0, 900.0


class App:
    """All rooms over one configuration; nothing runs before `start`."""

    def __init__(self, config: Config) -> None:
        from tapiary.jobs import Workers
        from tapiary.services import Services

        self.config = config.resolve()
        self.services = Services(self.config)
        self._workers = Workers(self.config, "tapiary.services.ingest:make_handlers")
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._flask: Flask | None = None
        self._drone: LocalDrone | None = None

    @property
    def flask(self) -> Flask:
        """The WSGI app, made at first use."""
        if self._flask is None:
            from tapiary.api import create_app

            self._flask = create_app(self.services)
        return self._flask

    def start(self) -> None:
        """Start the workers, the watch over the repository and the tables' upkeep; returns at once."""
        self._stop.clear()
        self.config.repository_path.mkdir(parents=True, exist_ok=True)
        _ = self.services.database
        self.services.scripts.install_shipped()
        self.services.hive.start()
        self.services.triggers.runner.start()
        self._workers.start()
        upkeep = self.services.upkeep
        self._run("watch", upkeep.watch, self.config.repository.scan_interval_s, first=upkeep.begin)
        self._run("sweep", upkeep.sweep, SWEEP_S)
        self._run("tidy", upkeep.tidy, TIDY_S, wait_first=True)

    def add_drone(self, drone: LocalDrone) -> None:
        """Start a drone on this machine, which ends with the rest."""
        self._drone = drone
        drone.start()

    def stop(self) -> None:
        """Stop what `start` started; jobs that were under way go on at the next start."""
        self._stop.set()
        if self._drone is not None:
            self._drone.stop()
        self.services.triggers.runner.stop()
        self.services.hive.stop()
        self._workers.stop()
        for thread in self._threads:
            thread.join(timeout=10.0)
        self._threads = []
        self.services.close()

    def _run(
        self,
        name: str,
        step: Callable[[], object],
        interval_s: float,
        *,
        first: Callable[[], object] | None = None,
        wait_first: bool = False,
    ) -> None:
        """Repeat a step in a thread of its own; one that fails is told in the log and tried again."""

        def loop() -> None:
            if first is not None:
                _attempt(name, first)
            if wait_first and self._stop.wait(interval_s):
                return
            while True:
                _attempt(name, step)
                if self._stop.wait(interval_s):
                    return

        thread = threading.Thread(target=loop, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)


def build(config: Config) -> App:
    """The app over a configuration; nothing is started, nothing is written."""
    return App(config)


def _attempt(name: str, step: Callable[[], object]) -> None:
    try:
        step()
    except Exception:
        log.exception("%s failed", name)
