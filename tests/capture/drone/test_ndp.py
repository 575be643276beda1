"""The backends for CESNET's cards over stand-in programs; no real card was ever near these tests."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.capture.drone.captures import times_in
from tests.capture.drone.conftest import Running, Traffic, numbers
from tests.capture.drone.hive import Hive, until

Drone = Callable[..., Running]

FILTER = """#!{python}
import sys
open("{folder}/filter", "a").write(repr(sys.argv[1:]) + "\\n")
if "bad" in sys.argv[-1]:
    sys.exit("filterctl: unknown word: bad")
"""
RECEIVE = """#!{python}
import os, signal, struct, sys, time
words = dict(zip(sys.argv[1::2], sys.argv[2::2]))
going = [True]
signal.signal(signal.SIGINT, lambda *_: going.clear())
open("{folder}/receive", "a").write(repr(sys.argv[1:]) + "\\n")
with open(words["-f"], "wb") as out:
    out.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))
    second = int(words["-i"])
    while going:
        second += 10
        text = f"{{second}}.000".encode().ljust(int(words.get("-r", "60")), b".")
        out.write(struct.pack("<IIII", second, 0, len(text), len(text)) + text)
        out.flush()
        time.sleep(0.01)
        if os.path.exists("{folder}/overflow") and words["-i"] == "1":
            print("DMA 1: overflow, 5 packets lost", file=sys.stderr, flush=True)
"""


@pytest.fixture
def card(tmp_path: Path) -> dict[str, Any]:
    """Settings for a card with three DMA channels whose programs are scripts."""
    programs = {}
    for name, text in (("filterctl", FILTER), ("ndp-receive", RECEIVE)):
        path = tmp_path / name
        path.write_text(text.format(python=sys.executable, folder=tmp_path))
        path.chmod(0o755)
        programs[name] = str(path)
    return {
        "capture_backend": "ndp", "ndp__device": "/dev/nfb1", "ndp__dma": [0, 1, 2],
        "ndp__filter": [programs["filterctl"], "-d", "{device}", "-s", "{filter}"],
        "ndp__receive": [programs["ndp-receive"], "-d", "{device}", "-i", "{dma}", "-f", "{file}"],
    }


def order(**more: Any) -> dict[str, Any]:
    return {"job_id": 1, "filter": "tcp; rm -rf {file}", "duration": 600, "max_capture_data": 10**9, **more}


def test_all_channels_become_a_file_each_in_our_dialect(
    our_hive: Hive, drone: Drone, card: dict[str, Any], tmp_path: Path
) -> None:
    drone(our_hive, **card)
    our_hive.call("start_job", order(ndp_capture_all=True, ndp_trim_bytes=20))
    until(lambda: "In progress" in our_hive.updates(1))
    until(lambda: our_hive.said("drone_update_status")[-1]["active_job"].get("captured", 0) > 500)
    our_hive.call("stop_job", {"job_id": 1})
    until(lambda: 1 in our_hive.files)
    assert sorted(our_hive.interfaces.values()) == ["dma0", "dma1", "dma2"]
    for number, data in our_hive.parts[1].items():
        times = times_in(bytes(data))
        first = int(our_hive.interfaces[number][-1]) + 10.0
        assert times == [first + 10 * n for n in range(len(times))]
        assert len(times) > 3
    assert (tmp_path / "filter").read_text() == "['-d', '/dev/nfb1', '-s', 'tcp; rm -rf {file}']\n"
    assert "'-r', '20'" in (tmp_path / "receive").read_text()
    assert our_hive.said("drone_init")[0]["capture_backend"] == "ndp"


def test_one_channel_without_the_wish_for_all_and_tcis_hive_gets_one_file(
    drone: Drone, card: dict[str, Any]
) -> None:
    hive = Hive(0)
    try:
        drone(hive, **card, mergecap_path="no-such-program")
        for job, all_channels in ((1, False), (2, True)):
            hive.call("start_job", order(job_id=job, ndp_capture_all=all_channels))
            until(lambda job=job: "In progress" in hive.updates(job))  # type: ignore[misc]
            until(lambda: hive.said("drone_update_status")[-1]["active_job"].get("captured", 0) > 500)
            hive.call("stop_job", {"job_id": job})
            until(lambda job=job: hive.updates(job)[-1] == "Stopped")  # type: ignore[misc]
            hive.send("get_chunk", {"chunk_number": 1, "job_id": job})
            until(lambda job=job: job in hive.files)  # type: ignore[misc]
        assert {time % 10 for time in times_in(hive.files[1])} == {0}
        times = times_in(hive.files[2])
        assert {time % 10 for time in times} == {0, 1, 2}
        assert times == sorted(times)
    finally:
        hive.close()


def test_an_overflow_ends_the_job_with_its_message_and_keeps_what_came_before(
    our_hive: Hive, drone: Drone, card: dict[str, Any], tmp_path: Path
) -> None:
    drone(our_hive, **card)
    our_hive.call("start_job", order(ndp_capture_all=True))
    until(lambda: "In progress" in our_hive.updates(1))
    (tmp_path / "overflow").touch()
    until(lambda: 1 in our_hive.files)
    last = our_hive.said("job_update")[-1]
    assert last["status"] == "Captured"
    assert "DMA 1: overflow, 5 packets lost" in last["status_msg"]


def test_a_filter_that_the_card_refuses_fails_the_job(our_hive: Hive, drone: Drone, card: dict[str, Any]) -> None:
    drone(our_hive, **card)
    our_hive.call("start_job", order(filter="bad"))
    until(lambda: "Failed" in our_hive.updates(1))
    assert our_hive.said("job_update")[-1]["status_msg"] == "filterctl: unknown word: bad"


def test_programs_that_are_not_there(our_hive: Hive, drone: Drone, card: dict[str, Any]) -> None:
    drone(our_hive, **{**card, "ndp__receive": ["/no/such/program", "{file}"]})
    our_hive.call("start_job", order())
    until(lambda: "Failed" in our_hive.updates(1))
    assert "/no/such/program" in our_hive.said("job_update")[-1]["status_msg"]


@pytest.mark.usefixtures("tcpdump")
def test_the_stand_in_makes_four_copies_of_all_channels(our_hive: Hive, drone: Drone, traffic: Traffic) -> None:
    drone(our_hive, capture_backend="ndp_dummy")
    our_hive.call("start_job", order(filter=traffic.filter, ndp_capture_all=True))
    until(lambda: "In progress" in our_hive.updates(1))
    traffic.send(10)
    our_hive.call("stop_job", {"job_id": 1})
    until(lambda: 1 in our_hive.files)
    assert numbers(our_hive.files[1]) == list(range(10)) * 4
    assert sorted(our_hive.interfaces.values()) == [f"lo/dma{n}" for n in range(4)]
