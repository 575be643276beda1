"""The example of TCI's documentation, word for word."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hive_stub import TOKEN, Hive, job

HERE = Path(__file__).parent
EXAMPLE = (HERE / "documented_example.py").read_text(encoding="utf-8")
PLACEHOLDER = "<token generated via web interface>"
PRELUDE = f"import sys; sys.path.insert(0, {str(HERE.parent / 'src')!r})\n"


def run(text: str, hive: Hive, token: str) -> str:
    """What the program prints; the hive knows one job already, and the token."""
    hive.jobs[1] = job(1, name="An older job")
    done = subprocess.run([sys.executable, "-c", PRELUDE + text], capture_output=True, text=True, timeout=60,
                          check=False)
    assert done.returncode == 0, done.stderr
    asked = [f"{seen.method} {seen.path}" for seen in hive.seen]
    assert asked == ["GET /api/v1/jobs", "POST /api/v1/jobs", "GET /api/v1/jobs/2"]
    assert {seen.headers["authorization"] for seen in hive.seen} == {f"Bearer {token}"}
    assert hive.seen[1].json == {"name": "My new job!", "duration": 10, "max_capture_data": 50_000,
                                 "drones": ["CaptureLine1"], "filter": "", "priority": 0}
    return done.stdout


def test_the_example_with_a_port_and_a_token_of_the_test(hive: Hive) -> None:
    text = EXAMPLE.replace("8080", str(hive.port)).replace(PLACEHOLDER, TOKEN)
    assert run(text, hive, TOKEN) == "An older job\nIn progress\n"


def test_the_example_word_for_word() -> None:
    """On its own port; the hive of the test takes the words in the place of the token for one."""
    try:
        hive = Hive(8080)
    except OSError:
        pytest.skip("port 8080 is taken")
    try:
        hive.access = PLACEHOLDER
        assert run(EXAMPLE, hive, PLACEHOLDER) == "An older job\nIn progress\n"
    finally:
        hive.close()
