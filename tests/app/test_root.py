"""The composition root: what is built when, what starts, what stops."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from tapiary.app import build
from tapiary.config import Config
from tapiary.jobs import Workers


def test_building_writes_nothing(config: Config) -> None:
    app = build(config)
    assert not config.data_path.exists()
    assert app.flask is app.flask


def test_start_works_and_stop_ends_everything(config: Config, sample: Path) -> None:
    config = replace(config, repository=replace(config.repository, settle_s=0.0, scan_interval_s=0.05))
    app = build(config)
    before = set(threading.enumerate())
    app.start()
    try:
        (config.repository_path / "x.pcap").write_bytes(sample.read_bytes())
        end = time.monotonic() + 30
        while not any(view.state == "finished" for view in app.services.files.list()):
            assert time.monotonic() < end, app.services.files.list()
            time.sleep(0.05)
    finally:
        app.stop()
    assert {t for t in threading.enumerate() if t.is_alive()} - before == set()


def test_a_step_that_fails_is_tried_again(
    config: Config, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Workers, "start", lambda self: None)
    monkeypatch.setattr(Workers, "stop", lambda self: None)
    app = build(replace(config, repository=replace(config.repository, scan_interval_s=0.01)))
    calls: list[int] = []

    def broken() -> None:
        calls.append(1)
        raise RuntimeError("a step that fails")

    monkeypatch.setattr(app.services.upkeep, "watch", broken)
    app.start()
    end = time.monotonic() + 10
    while len(calls) < 3:
        assert time.monotonic() < end
        time.sleep(0.01)
    app.stop()
    assert "a step that fails" in caplog.text


def test_importing_the_app_loads_nothing_heavy() -> None:
    script = (
        "import sys, tapiary.app;"
        "heavy = {'flask', 'pydantic', 'gunicorn', 'sqlalchemy', 'duckdb', 'pyarrow'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
