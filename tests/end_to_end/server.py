"""A real server process on a free port, and a client of it."""

from __future__ import annotations

import os
import random
import re
import signal
import ssl
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from tapiary.accounts import LOCAL
from tapiary.config import load
from tapiary.services import Services
from tests.conftest import ROOT


class Server:
    """`tapiary serve` over a data folder; may be killed and started again."""

    def __init__(self, data: Path, **settings: str) -> None:
        self.data = data
        self.settings = settings
        self.address = ""
        self.token = ""
        #: What the server said at its start, up to the first example.
        self.greeting = ""
        #: How clients of ours know the server, as httpx has it.
        self.verify: ssl.SSLContext | bool = True
        self.seconds_to_start = 0.0
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> Server:
        """Start it and wait for its first answer."""
        environ = {k: v for k, v in os.environ.items() if not k.startswith("TAPIARY_")}
        environ |= {"TAPIARY_DATA_DIR": str(self.data), "TAPIARY_SERVER_PORT": "0", **self.settings}
        self.token = self.token or make_token(environ)
        began = time.monotonic()
        with (self.data.parent / "server.log").open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tapiary.cli", "serve"],
                env=environ,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=ROOT,
                start_new_session=True,
            )
        assert self._process.stdout is not None
        self.greeting = ""
        for line in self._process.stdout:
            self.greeting += line
            if "/statistics" in line:
                break
        found = re.search(r"serves (https?://\S+)", self.greeting)
        assert found, self.greeting + self.log()
        self.address = found[1]
        if self.verify is True and self.address.startswith("https"):
            self.verify = ssl.create_default_context(cafile=self.data / "tls" / "cert.pem")
        assert httpx.get(self.address + "/health", verify=self.verify).status_code == 200
        self.seconds_to_start = time.monotonic() - began
        return self

    def log(self) -> str:
        """What the server has said on standard error."""
        return (self.data.parent / "server.log").read_text()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """kill -9 of the process that the user started."""
        assert self._process is not None
        os.kill(self.pid, signal.SIGKILL)
        self._process.wait()

    def wait(self) -> int:
        """Wait for its end; returns the exit code."""
        assert self._process is not None
        return self._process.wait(timeout=30)

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.terminate()
        return self._process.wait(timeout=30)

    def client(self, **options: Any) -> httpx.Client:
        """A client with a token of the first administrator."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.Client(base_url=self.address, headers=headers, timeout=30, verify=self.verify, **options)

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def make_token(environ: dict[str, str]) -> str:
    """A token with all rights, as `tapiary token create` makes it."""
    services = Services(load(None, {k: v for k, v in environ.items() if k.startswith("TAPIARY_")}))
    try:
        services.accounts.users.first(password=False)
        return services.accounts.tokens.create(LOCAL, "test", owner="admin")[1]
    finally:
        services.close()


def wait_for(client: httpx.Client, job_id: int, seconds: float = 60.0) -> dict[str, Any]:
    """The job's status when it has ended."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        status: dict[str, Any] = client.get(f"/file/{job_id}/status").json()
        if status["state"] not in ("new", "in_progress"):
            return status
        time.sleep(0.02)
    raise AssertionError(f"job {job_id} did not end: {client.get(f'/file/{job_id}/progress').text}")


def descendants(pid: int) -> list[int]:
    """The living processes below one, itself not included."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z":
                parents[int(entry.name)] = int(fields[1])
    found: list[int] = []
    layer = [pid]
    while layer:
        layer = [child for child, parent in parents.items() if parent in layer]
        found += layer
    return found


def ten_megabytes() -> bytes:
    """10 MB of ordinary flows: 2,000 flows of 10 packets of 500 bytes."""
    rng = random.Random(7)
    parts = [b"\xd4\xc3\xb2\xa1" + struct.pack("<HHiIII", 2, 4, 0, 0, 65535, 101)]
    body = bytes(rng.randrange(256) for _ in range(472))
    for n in range(20_000):
        flow = n % 2000
        ip = struct.pack(
            ">BBHHHBBHII", 0x45, 0, 500, n & 0xFFFF, 0, 64, 17, 0, 0x0A000000 + flow, 0xC0000200 + flow % 200
        )
        udp = struct.pack(">HHHH", 10_000 + flow, 5000 + flow % 50, 480, 0)
        parts.append(struct.pack("<IIII", 1_700_000_000 + n // 1000, n % 1000 * 1000, 500, 500) + ip + udp + body)
    return b"".join(parts)
