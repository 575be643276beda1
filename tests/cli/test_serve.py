"""`tapiary serve`: from the command line to the first answer, and down again."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from tapiary.cli import exit_codes

if TYPE_CHECKING:
    from tests.cli.conftest import Run


def test_it_serves_until_it_is_told_to_stop(tapiary: Run, tmp_path: Path) -> None:
    token = tapiary("token", "create", "test").out.strip()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tapiary.cli", "--data-dir", str(tmp_path / "data"), "serve", "--port", str(port)]
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/v1/files/list")
    request.add_header("Authorization", f"Bearer {token}")
    answer = b""
    until = time.monotonic() + 60
    while not answer and time.monotonic() < until and child.poll() is None:
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                answer = response.read()
        except OSError:
            time.sleep(0.1)
    child.send_signal(signal.SIGTERM)
    _, err = child.communicate(timeout=60)
    assert answer.strip() == b"[]", err
    assert child.returncode == exit_codes.OK, err


def test_wrong_options(tapiary: Run) -> None:
    assert tapiary("serve", "--port", "70000").code == exit_codes.USAGE
