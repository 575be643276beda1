"""The whole drone over real recorders and a real connection, against hives of both dialects."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tapiary.capture.drone import upload
from tapiary.errors import Conflict
from tests.capture.drone.conftest import Running, Traffic, need, numbers
from tests.capture.drone.hive import Hive, until

pytestmark = pytest.mark.usefixtures("tcpdump")
Drone = Callable[..., Running]


def order(traffic: Traffic, **more: Any) -> dict[str, Any]:
    return {"job_id": 1, "filter": traffic.filter, "duration": 600, "max_capture_data": 10**9, **more}


def collect(hive: Hive, job: int = 1) -> bytes:
    """Have TCI's hive ask for a job's file, ours be brought it."""
    until(lambda: set(hive.updates(job)) & {"Captured", "Stopped"})
    if not hive.dialect:
        hive.send("get_chunk", {"chunk_number": 1, "job_id": job})
    return bytes(until(lambda: job in hive.files and (hive.files[job] or b"\0")))


def test_everything_that_was_sent_until_the_stop_arrives(hive: Hive, drone: Drone, traffic: Traffic) -> None:
    running = drone(hive)
    assert hive.call("start_job", order(traffic)) is None
    until(lambda: "In progress" in hive.updates(1))
    traffic.send(3000, 1000)
    hive.call("stop_job", {"job_id": 1})
    assert numbers(collect(hive)) == list(range(3000))
    until(lambda: hive.said("drone_update_status")[-1]["status"] == "Sleeping")
    assert hive.updates(1) == ["In progress", "Collecting", "Stopped"]
    assert not list((running.agent.settings.folder / "jobs").iterdir())
    if hive.dialect:
        (_, completion), = hive.completions
        assert len(completion["parts"]) == 4
        assert (completion["packets"], completion["dropped"]) == (3000, 0)


def test_a_capture_ends_by_its_time_with_all_of_its_time_in_it(hive: Hive, drone: Drone, traffic: Traffic) -> None:
    drone(hive)
    hive.call("start_job", order(traffic, duration=2))
    until(lambda: "In progress" in hive.updates(1))
    traffic.start(size=100)
    data = collect(hive)
    traffic.stop()
    found = numbers(data)
    assert found == list(range(len(found)))
    assert hive.said("job_update")[-1]["status_msg"] == "Max capture time reached."


def test_a_capture_ends_by_its_size(hive: Hive, drone: Drone, traffic: Traffic) -> None:
    drone(hive)
    hive.call("start_job", order(traffic, max_capture_data=2_500_000))
    until(lambda: "In progress" in hive.updates(1))
    traffic.start(pause_s=0.0003)
    data = collect(hive)
    assert 2_400_000 < len(data) < 4_000_000
    assert hive.said("job_update")[-1]["status_msg"] == "Max capture data reached."


def test_a_wrong_filter_fails_the_job_with_tcpdumps_words(hive: Hive, drone: Drone, traffic: Traffic) -> None:
    drone(hive)
    hive.call("start_job", order(traffic, filter="no such filter"))
    until(lambda: "Failed" in hive.updates(1))
    assert "syntax error" in hive.said("job_update")[-1]["status_msg"]
    until(lambda: hive.said("drone_update_status")[-1]["status"] == "Sleeping")


def test_a_filter_can_be_no_option(hive: Hive, drone: Drone, traffic: Traffic, tmp_path: Path) -> None:
    drone(hive)
    hive.call("start_job", order(traffic, filter=f"-w {tmp_path}/elsewhere"))
    until(lambda: "Failed" in hive.updates(1))
    assert not (tmp_path / "elsewhere").exists()


def test_filters_are_checked_by_libpcap(our_hive: Hive, drone: Drone) -> None:
    drone(our_hive)
    verdict = json.loads(our_hive.call("check_filter", {"filter": "udp port ("}))
    assert not verdict["ok"]
    assert "syntax error" in verdict["message"]
    assert json.loads(our_hive.call("check_filter", {"filter": "udp", "interfaces": ["lo"]})) == {
        "ok": True, "message": ""}


def test_an_interface_that_is_not_the_drones_is_refused(our_hive: Hive, drone: Drone, traffic: Traffic) -> None:
    drone(our_hive)
    code, text = our_hive.call("start_job", order(traffic, options={"interfaces": ["eth7"]}))
    assert code == 406
    assert "eth7" in text


def test_pause_for_a_critical_job_and_resume_loses_nothing_of_either(
    hive: Hive, drone: Drone, traffic: Traffic
) -> None:
    drone(hive)
    hive.call("start_job", order(traffic))
    until(lambda: "In progress" in hive.updates(1))
    traffic.send(100)
    hive.call("start_job", order(traffic, job_id=2, priority=-99))
    until(lambda: "In progress" in hive.updates(2))
    assert hive.updates(1)[-1] == "Paused"
    traffic.send(100)
    hive.call("stop_job", {"job_id": 2})
    assert numbers(collect(hive, 2)) == list(range(100, 200))
    hive.call("start_job", order(traffic))
    until(lambda: hive.updates(1)[-1] == "In progress")
    traffic.send(100)
    hive.call("stop_job", {"job_id": 1})
    assert numbers(collect(hive, 1)) == [*range(100), *range(200, 300)]


def test_tcis_hive_that_asks_too_early_is_served_when_the_file_is_there(drone: Drone, traffic: Traffic) -> None:
    hive = Hive(0)
    try:
        drone(hive)
        hive.call("start_job", order(traffic))
        until(lambda: "In progress" in hive.updates(1))
        traffic.send(10)
        hive.call("stop_job", {"job_id": 1})
        hive.send("get_chunk", {"chunk_number": 1, "job_id": 1})
        until(lambda: 1 in hive.files)
        assert numbers(hive.files[1]) == list(range(10))
    finally:
        hive.close()


def size_of(folder: Path) -> int:
    """Bytes of all captures in a folder."""
    total = 0
    for path in folder.rglob("*.pcap*"):
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def test_a_ring_holds_the_newest_only(our_hive: Hive, drone: Drone, traffic: Traffic) -> None:
    running = drone(our_hive)
    our_hive.call("start_job", order(traffic, options={"ring_bytes": 4_000_000}))
    until(lambda: "In progress" in our_hive.updates(1))
    folder = running.agent.settings.folder / "jobs" / "1"
    for _ in range(12):
        traffic.send(1000, 1000)
        until(lambda: size_of(folder) <= 4_000_000)
    our_hive.call("stop_job", {"job_id": 1})
    found = numbers(collect(our_hive))
    assert found == list(range(found[0], 12_000))
    assert len(found) > 2500


def test_an_unknown_token_is_tried_again_and_again(our_hive: Hive, drone: Drone, settings: Any) -> None:
    running = Running(settings(our_hive, hive__token="wrong"), [])
    assert not our_hive.sid
    running.stop()


def test_one_folder_is_one_drones(our_hive: Hive, drone: Drone, settings: Any) -> None:
    drone(our_hive)
    with pytest.raises(Conflict):
        Running(settings(our_hive), [])


def test_the_capture_goes_on_while_the_hive_is_away(hive: Hive, drone: Drone, traffic: Traffic) -> None:
    drone(hive)
    hive.call("start_job", order(traffic))
    until(lambda: "In progress" in hive.updates(1))
    traffic.send(50)
    port = hive.port
    hive.close()
    traffic.send(50)
    again = Hive(hive.dialect, port)
    try:
        again.parts = hive.parts
        until(lambda: again.said("drone_update_status"))
        assert again.said("drone_update_status")[0]["active_job"]["status"] == "In progress"
        traffic.send(50)
        again.call("stop_job", {"job_id": 1})
        assert numbers(collect(again)) == list(range(150))
    finally:
        again.close()


def test_force_disconnect_brings_the_drone_back(our_hive: Hive, drone: Drone, traffic: Traffic) -> None:
    drone(our_hive)
    our_hive.call("start_job", order(traffic))
    until(lambda: "In progress" in our_hive.updates(1))
    before = our_hive.connections
    our_hive.send("force_disconnect")
    until(lambda: our_hive.connections > before)
    until(lambda: our_hive.said("drone_update_status")[-1]["active_job"].get("status") == "In progress")


def test_a_recorder_that_was_killed_is_started_again(our_hive: Hive, drone: Drone, traffic: Traffic) -> None:
    running = drone(our_hive)
    our_hive.call("start_job", order(traffic))
    until(lambda: "In progress" in our_hive.updates(1))
    traffic.send(20)
    rec = running.agent.settings.folder / "jobs" / "1" / "rec"
    until(lambda: b"<00000019>" in b"".join(p.read_bytes() for p in rec.glob("*.pcap*")))
    os.kill(int((rec / "0001.pid").read_text().split()[0]), 9)
    until(lambda: (rec / "0002.log").exists() and "listening" in (rec / "0002.log").read_text())
    assert "interrupted" in our_hive.said("job_update")[-1]["status_msg"]
    traffic.send(20)
    our_hive.call("stop_job", {"job_id": 1})
    assert numbers(collect(our_hive)) == list(range(40))


def test_a_broken_upload_goes_on_where_it_broke(
    our_hive: Hive, drone: Drone, traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "FIRST_WAIT_S", 0.05)
    our_hive.break_after = [200_000, 300_000]
    our_hive.refuse = [("507 Insufficient Storage", {"error": "disk_full", "message": "full"}),
                       ("500 Internal Server Error", {})]
    our_hive.ask_again = [[2]]
    drone(our_hive, compression="zstd")
    our_hive.call("start_job", order(traffic))
    until(lambda: "In progress" in our_hive.updates(1))
    traffic.send(3000, 1000)
    our_hive.call("stop_job", {"job_id": 1})
    assert numbers(collect(our_hive)) == list(range(3000))
    assert set(our_hive.encodings) == {"zstd"}
    assert not our_hive.break_after


def test_a_job_that_the_hive_archived_is_forgotten(our_hive: Hive, drone: Drone, traffic: Traffic) -> None:
    running = drone(our_hive)
    our_hive.call("start_job", order(traffic))
    until(lambda: "In progress" in our_hive.updates(1))
    our_hive.gone.add(1)
    traffic.send(10)
    our_hive.call("stop_job", {"job_id": 1})
    until(lambda: not list((running.agent.settings.folder / "jobs").iterdir()))


def test_flows_are_metered_while_the_capture_runs(our_hive: Hive, drone: Drone, traffic: Traffic) -> None:
    pytest.importorskip("nfstream")
    need(shutil.which("tcpdump") is not None, "tcpdump is not installed")
    drone(our_hive, [sys.executable, "-m", "tapiary.cli.drone_meter"], live=True)
    our_hive.call("start_job", order(traffic))
    until(lambda: "In progress" in our_hive.updates(1))
    traffic.start(pause_s=0.01)
    until(lambda: our_hive.said("live"))
    traffic.stop()
    our_hive.call("stop_job", {"job_id": 1})
    collect(our_hive)
    live = our_hive.said("live")[0]
    assert live["flows"] == 1
    assert sum(flows for flows, _packets, _bytes in live["labels"].values()) == 1
    assert live["changed"][0]["server_port"] == traffic.port


def test_several_interfaces_become_one_file_for_tcis_hive_and_stay_apart_for_ours(
    hive: Hive, drone: Drone, traffic: Traffic
) -> None:
    drone(hive, interface=["lo", "any"])
    hive.call("start_job", order(traffic))
    until(lambda: "In progress" in hive.updates(1))
    traffic.send(50)
    hive.call("stop_job", {"job_id": 1})
    data = collect(hive)
    found = numbers(data)
    assert sorted(set(found)) == list(range(50))
    if hive.dialect:
        assert set(hive.interfaces.values()) == {"lo", "any"}
    else:
        assert found == sorted(found)
