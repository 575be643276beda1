"""A real drone process, here or in a network namespace."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.conftest import ROOT
from tests.end_to_end.network import PATH, Host


class DroneProcess:
    """`tapiary drone`; may be killed and started again over the same folder."""

    def __init__(self, folder: Path, hive: str, token: str, *interfaces: str, host: Host | None = None,
                 settings: str = "") -> None:
        self.folder = folder
        self.host = host
        self._token = token
        folder.mkdir(parents=True, exist_ok=True)
        self._config = folder / "config.toml"
        names = ", ".join(f'"{name}"' for name in interfaces)
        self._config.write_text(
            f'output_folder = "{folder}/captures"\ninterface = [{names}]\n{settings}\n[hive]\nurl = "{hive}"\n')
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> DroneProcess:
        command = self.command()
        if self.host is not None:
            command = ["ip", "netns", "exec", self.host.name, *command]
        environ = {k: v for k, v in os.environ.items() if not k.startswith("TAPIARY_")}
        with (self.folder / "drone.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT,
                env={**environ, "PATH": PATH, "TAPIARY_DRONE_TOKEN": self._token}, start_new_session=True)
        return self

    def command(self) -> list[str]:
        """The program and its arguments."""
        return [sys.executable, "-m", "tapiary.cli", "drone", "--config", str(self._config)]

    def kill(self) -> None:
        """kill -9 of the program; what it records with goes on."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)  # `ip netns exec` has become the program
        self._process.wait()

    def stop(self) -> None:
        """SIGTERM, then the end of what it still records."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        subprocess.run(["pkill", "-KILL", "-f", str(self.folder / "captures")], check=False)

    def log(self) -> str:
        return (self.folder / "drone.log").read_text(errors="replace")

    def files(self) -> list[Path]:
        """All that lies in its folder of captures."""
        return [path for path in (self.folder / "captures").rglob("*") if path.is_file()]

    def __enter__(self) -> DroneProcess:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def wait_until(what: str, condition: object, seconds: float = 30.0, log: object = None) -> None:
    """Wait until a condition holds."""
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"in {seconds} s: {what} did not happen; {log() if callable(log) else ''}")
        time.sleep(0.05)
