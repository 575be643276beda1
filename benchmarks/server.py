"""A server of the benchmarks' own: a data folder with a token, the process, and requests to it."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_START_LIMIT_S = 60.0


class Failed(Exception):
    """The server did not do what was asked of it."""


class Home:
    """A data folder with a token."""

    def __init__(self, folder: Path, geo: Path | None) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TAPIARY_")}
        self.environment = {**clean, "TAPIARY_DATA_DIR": str(folder), "TAPIARY_LOG_LEVEL": "warning"}
        for name in ("city", "asn"):
            if geo is not None and (geo / f"{name}.mmdb").exists():
                self.environment[f"TAPIARY_GEO_{name.upper()}"] = str(geo / f"{name}.mmdb")
        self.command = [sys.executable, "-m", "tapiary.cli"]
        made = subprocess.run([*self.command, "token", "create", "benchmark"], env=self.environment, check=True,
                              capture_output=True, text=True)
        self.token = made.stdout.split()[-1]

    @contextmanager
    def server(self) -> Iterator[Server]:
        """A running server; its start is timed from the command to the first answer."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        begin = time.perf_counter()
        with open(self.folder / "server.log", "ab") as log:
            process = subprocess.Popen([*self.command, "serve", "--port", str(port)], env=self.environment,
                                       stdout=log, stderr=log)
        try:
            server = Server(port, self.token)
            while True:
                try:
                    server.get("/api/v1/files/list")
                    break
                except (OSError, http.client.HTTPException):
                    if process.poll() is not None or time.perf_counter() - begin > _START_LIMIT_S:
                        raise Failed((self.folder / "server.log").read_text(errors="replace")[-800:]) from None
                    time.sleep(0.005)
            server.started_s = time.perf_counter() - begin
            yield server
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Server:
    """Requests with the token over one connection."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._headers = {"Authorization": f"Bearer {token}"}
        self._connection: http.client.HTTPConnection | None = None
        self.started_s = 0.0

    def another(self) -> Server:
        """The same server over a connection of its own, for another thread."""
        return Server(self._port, self._headers["Authorization"].removeprefix("Bearer "))

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> tuple[int, Any]:
        """Status and decoded answer of one request; the connection is kept."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=600)
        headers = {**self._headers, **({"Content-Type": kind} if body is not None else {})}
        try:
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
            raw = response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._connection = None
            raise
        return response.status, json.loads(raw) if raw else None

    def get(self, path: str) -> Any:
        """The decoded answer; raises Failed when it is an error."""
        status, answer = self.ask("GET", path)
        if status != 200:
            raise Failed(f"GET {path}: {status} {answer}")
        return answer
