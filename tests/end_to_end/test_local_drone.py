"""A server that captures the lines of its own machine."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from tests.end_to_end.drone import wait_until
from tests.end_to_end.network import PATH
from tests.end_to_end.server import Server, descendants


@pytest.mark.skipif(bool(os.getuid()) or shutil.which("tcpdump", path=PATH) is None, reason="needs root and tcpdump")
def test_the_drone_beside_the_server_comes_back_and_goes_with_it(tmp_path: Path) -> None:
    with Server(tmp_path / "data", TAPIARY_CAPTURE_LOCAL_DRONE='["lo"]') as server, server.client() as client:
        def status() -> str:
            drones = client.get("/api/v1/drones").json()
            return str(drones[0]["status"]) if drones else ""

        wait_until("it is there", lambda: status() == "Sleeping", log=server.log)
        (drone,) = [pid for pid in descendants(server.pid) if b"\0drone\0" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        os.kill(drone, signal.SIGKILL)
        wait_until("it is missed", lambda: status() == "Disconnected", log=server.log)
        wait_until("it is back", lambda: status() == "Sleeping", log=server.log)
        (drone,) = [pid for pid in descendants(server.pid) if b"\0drone\0" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        server.stop()
        wait_until("it is gone", lambda: not Path(f"/proc/{drone}").exists(), seconds=10)
