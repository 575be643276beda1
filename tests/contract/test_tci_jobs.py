"""TCI's routes of jobs, row by row of its documented table: looking, steering, ending."""

from __future__ import annotations

import pytest

from tapiary.accounts import Permission
from tapiary.capture import Live, LiveFlow, LiveLabel
from tests.contract.house import House, check_error
from tests.contract.test_tci_orders import BRIEF, JOB, OURS, TIME

#: All that can be asked of one job, by method and the path behind its number.
ONE = (
    ("GET", ""), ("PUT", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/url"), ("GET", "/file"), ("GET", "/live"),
    ("POST", "/pause"), ("POST", "/resume"), ("DELETE", "/script"),
)


def test_list(house: House) -> None:
    answer = house.boss.get("/jobs")
    assert (answer.status_code, answer.data) == (204, b"")
    for name in ("a", "b"):
        house.boss.order(name=name)
    answer = house.boss.get("/jobs")
    assert answer.status_code == 200
    assert [set(job) for job in answer.json] == [BRIEF, BRIEF]
    assert [(job["id"], job["name"], job["status"]) for job in answer.json] == [
        (1, "a", "In progress"), (2, "b", "In queue"),
    ]


def test_pages_of_the_list(house: House) -> None:
    for name in "abcde":
        house.boss.order(name=name)
    pages, at = [], "/jobs?limit=2"
    while at:
        answer = house.boss.get(at)
        pages.append([job["name"] for job in answer.json])
        at = answer.headers.get("Link", "").partition(";")[0].strip("<>").removeprefix("/api/v1")
    assert pages == [["d", "e"], ["b", "c"], ["a"]], "each in the documented order, the newest first"
    assert [job["name"] for job in house.boss.get("/jobs?status=In progress").json] == ["a"]
    assert house.boss.get("/jobs?status=Done").status_code == 204
    assert house.boss.get("/jobs?before=1").status_code == 204
    for wrong in ("status=Idle", "limit=0", "limit=x", "before=-1"):
        check_error(house.boss.get(f"/jobs?{wrong}"), 400, wrong.partition("=")[0])


def test_whose_jobs_are_listed(house: House) -> None:
    master, equal = house.user("master", 5, Permission.JOB_MASTER), house.user("equal", 5)
    plain, low = house.user("plain", 6), house.user("low", 9)
    house.services.scripts.create(
        house.boss.actor, name="all", level=9, contents=b"#!/bin/sh\n:\n", description=None
    )
    for caller in (house.boss, equal, plain):
        assert caller.order(script_name="all").status_code == 200
    seen = {
        caller.actor.name: [job["owner"] for job in (caller.get("/jobs").json or [])]
        for caller in (house.boss, master, plain, equal)
    }
    assert seen == {
        "boss": ["boss", "equal", "plain"], "master": ["equal", "plain"], "plain": ["plain"],
        "equal": ["equal", "plain"],
    }
    assert low.get("/jobs").status_code == 204


def test_access_to_one_job(house: House) -> None:
    owner = house.user("owner", 5, Permission.SCRIPT_MASTER)
    job = owner.order().json["id"]
    assert house.user("higher", 4).get(f"/jobs/{job}").status_code == 200, "whoever strictly outranks the owner"
    assert house.user("master", 9, Permission.JOB_MASTER).get(f"/jobs/{job}").status_code == 200
    for other in (house.user("equal", 5), house.user("lower", 6)):
        for method, path in ONE:
            check_error(other.request(method, f"/jobs/{job}{path}"), 403)
        check_error(other.delete(f"/jobs/history/{job}"), 403)


@pytest.mark.parametrize("number", ["0", "4711", "9223372036854775807"])
def test_what_is_not_there(office: House, number: str) -> None:
    for method, path in ONE:
        check_error(office.boss.request(method, f"/jobs/{number}{path}"), 404)
    check_error(office.boss.delete(f"/jobs/history/{number}"), 404)
    check_error(office.boss.get("/jobs/x"), 404)
    check_error(office.boss.get("/jobs/-1"), 404)
    check_error(office.boss.get("/jobs/9223372036854775808"), 400, "job_id")


def test_stop(house: House) -> None:
    for status in ("In progress", "In queue"):
        job = house.boss.order().json
        assert job["status"] == status
    answer = house.boss.put("/jobs/1", json={})
    assert (answer.status_code, answer.data) == (204, b"")
    assert house.boss.get("/jobs/1").json["status"] == "Stopped"
    assert house.boss.put("/jobs/2", data=b"ignored").status_code == 204
    assert house.boss.get("/jobs/2").json["status"] == "Stopped"
    check_error(house.boss.put("/jobs/2"), 400, "Stopped")


def test_pause_and_resume(house: House) -> None:
    house.boss.order()
    house.probe.capturing(1, 300)
    assert house.boss.post("/jobs/1/pause").status_code == 200
    house.services.hive.round()
    assert house.probe.take("pause_job").job_id == 1
    house.probe.update(1, "Paused", captured=1_000_000)
    house.probe.say("Sleeping")
    job = house.boss.get("/jobs/1").json
    assert (job["status"], job["paused_max_capture_data"]) == ("Paused", 9_000_000)
    answer = house.boss.post("/jobs/1/resume")
    assert (answer.status_code, set(answer.json)) == (200, JOB | OURS)
    house.services.hive.round()
    assert house.boss.get("/jobs/1").json["status"] == "In progress"
    check_error(house.boss.post("/jobs/1/resume"), 400, "In progress")
    house.boss.put("/jobs/1")
    check_error(house.boss.post("/jobs/1/pause"), 400, "Stopped")


def test_live(house: House) -> None:
    better = house.drone("better", ours=True)
    better.connect()
    house.boss.order(drones=["better"])
    empty = house.boss.get("/jobs/1/live")
    assert empty.status_code == 200
    assert empty.json == {
        "packets": 0, "bytes": 0, "flows": 0, "labels": {}, "changed": [], "drones": [],
        "skipped_bytes": 0, "at": None, "final": False,
    }
    better.capturing(1)
    flow = LiveFlow("10.0.0.1", "10.0.0.2", 40000, 53, 17, "DNS", 2, 200, 1.5, 2.5, "example.org")
    labels = {"DNS": LiveLabel(1, 2, 200), "TLS": LiveLabel(2, 8, 800)}
    house.services.hive.live(better.id, Live(1, 10, 1000, 3, labels, [flow]))
    live = house.boss.get("/jobs/1/live").json
    assert list(live["labels"]) == ["TLS", "DNS"], "most flows first"
    assert live["labels"]["DNS"] == {"flows": 1, "packets": 2, "bytes": 200}
    assert (live["packets"], live["bytes"], live["flows"], live["final"]) == (10, 1000, 3, False)
    (drone,) = live["drones"]
    assert (drone["name"], drone["packets"], drone["skipped_bytes"]) == ("better", 10, 0)
    (changed,) = live["changed"]
    assert changed["drone"] == "better"
    assert (changed["client"], changed["server_port"], changed["server_name"]) == ("10.0.0.1", 53, "example.org")


def test_from_order_to_flows(house: House) -> None:
    job = house.boss.get(f"/jobs/{house.capture(house.boss, packets=7)}").json
    assert (job["status"], job["has_file"], job["captured_data"]) == ("Done", True, job["drones"][0]["total"])
    assert job["drones"][0]["received"] == job["drones"][0]["total"] > 0
    processing = job["processing"]
    assert set(processing) == {"job_id", "file_name", "state", "flows", "error", "progress"}
    assert (processing["file_name"], processing["state"]) == ("captures/1-web_traffic.pcapng", "finished")
    details = house.boss.get(f"/file/{processing['job_id']}/details").json
    assert details["name"] == processing["file_name"]
    live = house.boss.get("/jobs/1/live").json
    assert (live["final"], live["flows"]) == (True, processing["flows"])


def test_archive_and_history(house: House) -> None:
    assert house.boss.get("/jobs/history").json == []
    job_id = house.capture(house.boss)
    check_error(house.boss.delete(f"/jobs/history/{job_id}"), 400, "archived")
    answer = house.boss.delete(f"/jobs/{job_id}")
    assert (answer.status_code, answer.data) == (204, b"")
    assert house.boss.get("/jobs").status_code == 204
    (job,) = house.boss.get("/jobs/history").json
    assert set(job) == JOB | OURS
    assert job == house.boss.get(f"/jobs/{job_id}").json
    assert (job["status"], job["has_file"], job["processing"]) == ("Archived", False, None)
    assert TIME.fullmatch(job["archived_at"])
    check_error(house.boss.get(f"/jobs/{job_id}/file"), 404)
    check_error(house.boss.delete(f"/jobs/{job_id}"), 400, "Archived")
    assert house.user("low", 9).get("/jobs/history").json == [], "only what one may see"
    assert house.boss.delete(f"/jobs/history/{job_id}").status_code == 204
    assert house.boss.get("/jobs/history").json == []
    check_error(house.boss.get(f"/jobs/{job_id}"), 404)


def test_a_running_job_can_be_archived(house: House) -> None:
    house.boss.order()
    house.probe.capturing(1)
    assert house.boss.delete("/jobs/1").status_code == 204
    house.services.hive.round()
    assert house.probe.take("stop_job").job_id == 1
