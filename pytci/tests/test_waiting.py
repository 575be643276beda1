"""Waiting for jobs."""

from __future__ import annotations

import contextlib
import os
import pty
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from hive_stub import TOKEN, Answer, Hive, job
from pytci import ConnectionFailed, JobFailed, NotFound, PyTCI, ServerError, Timeout, _waiting
from pytci._progress import Line, size

PROCESSING = {"job_id": 3, "file_name": "x", "state": "in_progress", "flows": None, "error": None,
              "progress": {"flows": 5}}


def states(hive: Hive, *members: dict[str, Any]) -> None:
    """Let job 1 pass these states, one a look, and stay in the last."""
    left = list(members)

    def look(*_: Any) -> Answer:
        told = left.pop(0) if len(left) > 1 else left[0]
        return Answer(200, job(1, **told))

    hive.on("GET /jobs/1", look)


@pytest.mark.parametrize("end", ["Done", "Done - Files moved", "To process", "Archived"])
def test_to_its_end(tci: Any, hive: Hive, end: str) -> None:
    states(hive, {"status": "In queue", "start_time": None}, {"status": "In progress"}, {"status": "Stopped"},
           {"status": "Uploading data"}, {"status": end})
    told: list[str] = []
    assert tci.wait(1, interval=0.01, progress=lambda job: told.append(job.status)).status == end
    assert told == ["In queue", "In progress", "Stopped", "Uploading data", end]


def test_until_the_flows_are_there(tci: Any, hive: Hive) -> None:
    ended = {"status": "Done", "processing": {**PROCESSING, "state": "finished", "flows": 9}}
    states(hive, {"status": "Done", "processing": PROCESSING}, ended)
    assert tci.wait(1, interval=0.01).processing.flows == 9
    states(hive, {"status": "Done", "processing": PROCESSING})
    assert tci.wait(1, interval=0.01, processed=False).processing.flows is None
    states(hive, {"status": "Done", "processing": {**PROCESSING, "state": "failed", "error": "torn"}})
    with pytest.raises(JobFailed, match="could not be processed into flows: torn") as told:
        tci.wait_for_job(1)
    assert told.value.job.status == "Done"


def test_failures(tci: Any, hive: Hive) -> None:
    states(hive, {"status": "In progress"}, {"status": "Failed", "status_msg": "no such interface"})
    with pytest.raises(JobFailed, match=r"job 1 \(My new job!\): no such interface") as told:
        tci.wait(1, interval=0.01)
    assert told.value.job.id == 1
    states(hive, {"status": "Dangling", "status_msg": ""})
    with pytest.raises(JobFailed, match="Dangling"):
        tci.wait(1)
    with pytest.raises(NotFound):
        tci.wait(2)


def test_its_end_in_time(tci: Any, hive: Hive) -> None:
    states(hive, {"status": "In progress"})
    with pytest.raises(Timeout, match=r"job 1 has not ended after 0.1 s: In progress"):
        tci.wait(1, timeout=0.1, interval=0.01)
    assert tci.get_job(1).status == "In progress"


def test_stopped_is_the_end_of_what_never_began(tci: Any, hive: Hive, monkeypatch: pytest.MonkeyPatch) -> None:
    states(hive, {"status": "Stopped", "start_time": None})
    assert tci.wait(1).status == "Stopped"
    monkeypatch.setattr(_waiting, "STOPPED_S", 0.05)
    states(hive, {"status": "Stopped"})
    assert tci.wait(1, interval=0.01).status == "Stopped", "nothing more has happened for a while"


def test_a_hive_that_is_started_again(make: Any) -> None:
    first = Hive()
    states(first, {"status": "In progress"})
    tci = make("127.0.0.1", first.port, retries=0)
    tci.set_access_token(TOKEN)
    second: list[Hive] = []

    def restart() -> None:
        first.close()
        second.append(Hive(first.port, {1: job(1, status="Done")}))

    restarter = threading.Timer(0.2, restart)
    restarter.start()
    try:
        assert tci.wait(1, timeout=20, interval=0.05).status == "Done"
    finally:
        restarter.join()
        second[0].close()


def test_a_hive_that_stays_away_or_is_broken(tci: Any, hive: Hive, monkeypatch: pytest.MonkeyPatch) -> None:
    hive.on("GET /jobs/1", Answer(500, {"error": "internal", "message": "a bug"}))
    with pytest.raises(ServerError, match="a bug"):
        tci.wait(1)
    monkeypatch.setattr(_waiting, "AWAY_S", 0.1)
    hive.close()
    with pytest.raises(ConnectionFailed):
        tci.wait(1, interval=0.01)


def test_one_line_on_a_terminal(hive: Hive, monkeypatch: pytest.MonkeyPatch) -> None:
    states(hive, {"status": "In progress", "name": "evil \x1b[2J name"},
           {"status": "Done", "processing": PROCESSING},
           {"status": "Done", "processing": {**PROCESSING, "state": "finished", "flows": 7}})
    counts = {"flows": 2, "packets": 1, "bytes": 1}
    hive.on("GET /jobs/1/live", Answer(200, {"flows": 3, "labels": {"DNS": counts}}))
    text = shown(hive, monkeypatch)
    assert "evil ?[2J name (1): In progress  1.2 kB of 50.0 kB  CaptureLine1 1.2 kB  3 flows, 2 labelled" in text
    assert "processing, 5 flows" in text
    assert "processed, 7 flows" in text
    assert text.count("\n") == 1
    assert text.endswith("\n")
    assert text.count("\r") >= 3


def test_hives_without_live_flows_are_asked_once(hive: Hive, monkeypatch: pytest.MonkeyPatch) -> None:
    states(hive, {"status": "In progress"}, {"status": "In progress"}, {"status": "Done"})
    assert "In progress" in shown(hive, monkeypatch)
    assert [seen.path for seen in hive.seen].count("/api/v1/jobs/1/live") == 1


def shown(hive: Hive, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a terminal gets while job 1 is waited for."""
    controller, terminal = pty.openpty()
    monkeypatch.setenv("COLUMNS", "200")
    with os.fdopen(terminal, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        with PyTCI("127.0.0.1", hive.port) as tci:
            tci.set_access_token(TOKEN)
            tci.wait(1, progress=True, interval=0.01)
        monkeypatch.undo()
    pieces = []
    with contextlib.suppress(OSError):  # how Linux tells that the other side is closed
        while piece := os.read(controller, 100_000):
            pieces.append(piece)
    os.close(controller)
    return b"".join(pieces).decode().replace("\r\n", "\n")


def test_nothing_where_there_is_no_terminal(tci: Any, hive: Hive, capfd: pytest.CaptureFixture[str],
                                            tmp_path: Path) -> None:
    states(hive, {"status": "Done"})
    tci.wait(1, progress=True)
    assert capfd.readouterr() == ("", "")


def test_sizes_in_words() -> None:
    assert [size(n) for n in (0, 999, 1000, 1_500_000, 2e9, 5e15)] == [
        "0 B", "999 B", "1.0 kB", "1.5 MB", "2.0 GB", "5000.0 TB"]
    Line(False).end()
