"""A drone on the hive's own machine: its row, its token, and its process, which lives as long as the server."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from tapiary.accounts import LOCAL
from tapiary.errors import NotFound
from tapiary.telemetry import logger

if TYPE_CHECKING:
    from pathlib import Path

    from tapiary.services import Services

log = logger("app")

NAME = "local"
#: Rest before a drone that ended is started again, and time that it has to end when told to.
RESTART_S, STOP_S = 5.0, 5.0


class LocalDrone:
    """Starts `tapiary drone` beside the server; `stop` leaves what it records to the next start."""

    def __init__(self, services: Services, address: str, certificate: Path | None) -> None:
        self._services = services
        config = services.config
        self._command = [
            sys.executable, "-m", "tapiary.cli", "drone", "--hive", address,
            "--folder", str(config.data_path / "drone"),
        ]
        for interface in config.capture.local_drone:
            self._command += ["--interface", interface]
        if certificate is not None:
            self._command += ["--ca-cert", str(certificate)]
        self._stop = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="local-drone", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End the program."""
        self._stop.set()
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
        self._thread.join(timeout=STOP_S)
        if self._process is not None and self._process.poll() is None:
            self._process.kill()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                # A token for this run alone: nothing has to be kept beside its hash.
                environ = {**os.environ, "TAPIARY_DRONE_TOKEN": self._token()}
                self._process = subprocess.Popen(self._command, env=environ, stdin=subprocess.DEVNULL)
                code = self._process.wait()
            except Exception:
                log.exception("the local drone cannot be started")
                code = -1
            if not self._stop.is_set():
                log.warning("the local drone ended with code %d; it is started again", code)
            self._stop.wait(RESTART_S)

    def _token(self) -> str:
        drones = self._services.drones
        try:
            return drones.renew_token(LOCAL, NAME)
        except NotFound:
            return drones.create(LOCAL, NAME, "the hive's own machine")[1]
