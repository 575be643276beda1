"""A hive with many drones: what they cost, and how long other requests take meanwhile.

`python -m benchmarks.drones --drones 200 --seconds 30` starts a server of its own over a temporary folder. Simulated
drones, all in one process and over real websockets, connect at once; half of them then work on one job and report each
second, as TCI's drone does; the others idle.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import multiprocessing
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from benchmarks.machine import facts, is_busy
from tapiary.accounts import LOCAL
from tapiary.config import Config
from tapiary.services import Services

#: Pause between two requests of each kind.
ASK_S = 0.1


class Drone:
    """One simulated drone over a websocket; masks with zeros, so that the simulation costs little."""

    def __init__(self, host: str, port: int, token: str) -> None:
        self._address = host, port
        self._token = token
        self._job: dict[str, Any] | None = None
        self.connected_s = 0.0
        self.received = 0

    async def run(self, began: float) -> None:
        self._reader, self._writer = await asyncio.open_connection(*self._address)
        key = base64.b64encode(os.urandom(16)).decode()
        self._writer.write(
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        await self._reader.readuntil(b"\r\n\r\n")
        await self._next()
        self._send(f'40{{"token":"{self._token}"}}')
        said = await self._next()
        assert said.startswith("40{"), said
        self.connected_s = time.monotonic() - began
        self._emit("drone_init", {"capture_backend": "tcpdump"})
        self._tell()
        reports = asyncio.create_task(self._report())
        try:
            while True:
                self._take(await self._next())
        finally:
            reports.cancel()

    def _take(self, said: str) -> None:
        self.received += 1
        if said == "2":
            self._send("3")
        elif found := re.match(r"42(\d*)(\[.*)", said):
            if found[1]:
                self._send(f"43{found[1]}[]")
            event, *values = json.loads(found[2])
            if event == "start_job":
                order = json.loads(values[0])
                self._job = {
                    "id": order["job_id"], "filter": order["filter"], "duration": order["duration"],
                    "max_capture_data": order["max_capture_data"], "trim_bytes": 0, "ndp_capture_all": False,
                    "captured": 0, "status": "In progress", "status_msg": "Capturing.",
                }
                self._tell()
                self._emit("job_update", self._job)

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            if self._job is not None:
                self._job["captured"] += 1000
                self._tell()

    def _tell(self) -> None:
        self._emit("drone_update_status", {"status": "Working" if self._job else "Sleeping",
                                           "active_job": self._job or {}})

    def _emit(self, event: str, message: Any) -> None:
        self._send("42" + json.dumps([event, json.dumps(message)]))

    def _send(self, text: str) -> None:
        data = text.encode()
        length = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
        self._writer.write(b"\x81" + length + b"\0\0\0\0" + data)

    async def _next(self) -> str:
        head = await self._reader.readexactly(2)
        size = head[1]
        if size >= 126:
            size = int.from_bytes(await self._reader.readexactly(2 if size == 126 else 8), "big")
        return (await self._reader.readexactly(size)).decode()


def simulate(host: str, port: int, tokens: Sequence[str], said: Any) -> None:
    """The process of all drones; puts the seconds after which each was connected."""

    async def run() -> None:
        began = time.monotonic()
        drones = [Drone(host, port, token) for token in tokens]
        tasks = [asyncio.create_task(drone.run(began)) for drone in drones]
        while not all(drone.connected_s for drone in drones):
            await asyncio.sleep(0.02)
            for task in tasks:
                if task.done():
                    task.result()
        said.put([drone.connected_s for drone in drones])
        await asyncio.gather(*tasks)

    asyncio.run(run())


def ask(address: str, token: str, path: str, seconds: float, said: Any) -> None:
    """The process of a user: requests one after the other; puts their seconds."""
    took = []
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            began = time.perf_counter()
            assert client.get(path).status_code == 200
            took.append(time.perf_counter() - began)
            time.sleep(ASK_S)
    said.put((path, took))


class Server:
    """A server over a temporary folder, and its process that serves."""

    def __init__(self, data: Path) -> None:
        environ = {k: v for k, v in os.environ.items() if not k.startswith("TAPIARY_")}
        environ |= {"TAPIARY_DATA_DIR": str(data), "TAPIARY_SERVER_PORT": "0", "TAPIARY_LOG_LEVEL": "warning"}
        command = [sys.executable, "-m", "tapiary.cli", "serve"]
        self._process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if found := re.search(r"serves (http://(\S+):(\d+))", line):
                self.address, self.host, self.port = found[1], found[2], int(found[3])
            if "/statistics" in line:
                break
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        self.pid = int(children[0])

    def cpu_s(self) -> float:
        """Processor seconds of the serving process."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def status(self, name: str) -> int:
        """A number of /proc/PID/status; memory in kB."""
        found = re.search(rf"^{name}:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text(), re.MULTILINE)
        assert found
        return int(found[1])

    def stop(self) -> float:
        """The seconds that stopping takes."""
        began = time.monotonic()
        self._process.terminate()
        self._process.wait(60)
        return time.monotonic() - began


def _during(server: Server, token: str, seconds: float) -> list[tuple[str, str]]:
    """Latencies of requests, and the server's use of the processor meanwhile."""
    said: Any = multiprocessing.Queue()
    paths = ("/health", "/api/v1/drones")
    users = [multiprocessing.Process(target=ask, args=(server.address, token, path, seconds, said)) for path in paths]
    cpu, began = server.cpu_s(), time.monotonic()
    for user in users:
        user.start()
    answers = dict(said.get() for _ in users)
    used = (server.cpu_s() - cpu) / (time.monotonic() - began)
    rows = [("processor", f"{100 * used:.0f} % of a core")]
    for path in paths:
        took = sorted(1000 * second for second in answers[path])
        middle, high, worst = statistics.median(took), took[len(took) * 95 // 100], took[-1]
        rows.append((f"GET {path}", f"median {middle:.1f} ms, 95 % {high:.1f} ms, worst {worst:.0f} ms"))
    return rows


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--drones", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args()
    busy = is_busy()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        services = Services(Config(data_dir=str(data)).resolve())
        services.accounts.users.first(password=False)
        token = services.accounts.tokens.create(LOCAL, "bench", owner="admin")[1]
        names = [f"drone-{n}" for n in range(options.drones)]
        tokens = [services.drones.create(LOCAL, name, "")[1] for name in names]
        services.close()
        server = Server(data)
        rows = [("threads, memory before", f"{server.status('Threads')}, {server.status('VmRSS') / 1024:.0f} MB")]
        said: Any = multiprocessing.Queue()
        drones = multiprocessing.Process(target=simulate, args=(server.host, server.port, tokens, said), daemon=True)
        drones.start()
        connected = sorted(said.get(timeout=120))
        rows.append(("time to connect", f"median {statistics.median(connected):.2f} s, all {connected[-1]:.2f} s"))
        time.sleep(2)
        rows += [(f"idle: {name}", value) for name, value in _during(server, token, options.seconds / 2)]
        order = {"name": "bench", "filter": "", "duration": 3600, "max_capture_data": 1 << 40, "priority": 0,
                 "script_name": None, "drones": names[: options.drones // 2]}
        with httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
            began = time.monotonic()
            job = client.post(server.address + "/api/v1/jobs", json=order).json()
            at = f"{server.address}/api/v1/jobs/{job['id']}"
            while not all(drone["status"] == "In progress" for drone in client.get(at).json()["drones"]):
                assert time.monotonic() - began < 60, client.get(at).text
                time.sleep(0.05)
            rows.append(("order to all working", f"{time.monotonic() - began:.2f} s"))
        rows += [(f"half working: {name}", value) for name, value in _during(server, token, options.seconds / 2)]
        rows.append(("threads, memory", f"{server.status('Threads')}, {server.status('VmRSS') / 1024:.0f} MB, "
                     f"at most {server.status('VmHWM') / 1024:.0f} MB"))
        drones.terminate()
        drones.join()
        time.sleep(1)
        rows.append(("stopping", f"{server.stop():.2f} s"))
    print(f"{options.drones} drones" + (" (others use this machine: the figures say little)" if busy else ""))
    print(", ".join(f"{name} {value}" for name, value in facts().items()))
    for name, value in rows:
        print(f"{name:32} {value}")


if __name__ == "__main__":
    main()
