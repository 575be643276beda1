"""POST /jobs as TCI documents it: what may be ordered, by whom, and the job that comes of it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tapiary.accounts import Permission
from tests.contract.house import House, check_error

TIME = re.compile(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d")
BRIEF = {"id", "priority", "owner", "name", "status", "start_time", "end_time"}
#: What TCI documents, and what we add.
JOB = BRIEF | {
    "filter", "duration", "duration_human", "max_capture_data", "max_capture_data_human", "paused_duration",
    "paused_max_capture_data", "status_msg", "script_args", "script_name", "captured_data", "captured_data_human",
    "destination_id", "ndp_trim_bytes", "ndp_capture_all", "drones", "archived_at",
}
OURS = {"lines", "created_at", "options", "processing", "moved_to", "has_file"}
SHARE = {
    "name", "color", "description", "capture_backend", "captured_data", "captured_data_human", "status", "status_msg",
}
OUR_SHARE = {"packets", "dropped", "received", "total"}
DEFAULTS = {"snaplen": 0, "interfaces": {}, "ring_bytes": 0, "ring_seconds": 0, "process": True, "live": True}


def test_order_and_get(house: House) -> None:
    answer = house.boss.order(duration=10, max_capture_data=10_000_000, filter="tcp port 80")
    assert answer.status_code == 200
    job = answer.json
    assert set(job) == JOB | OURS
    for name in ("start_time", "end_time", "created_at"):
        assert TIME.fullmatch(job.pop(name)), name
    (share,) = job.pop("drones")
    assert job == {
        "id": 1, "owner": "boss", "name": "web traffic", "filter": "tcp port 80", "duration": 10,
        "duration_human": "10 seconds", "max_capture_data": 10_000_000, "max_capture_data_human": "10.0 MB",
        "paused_duration": 0, "paused_max_capture_data": 0, "status": "In progress", "status_msg": "Job in progress.",
        "script_args": "", "script_name": None, "captured_data": 0, "captured_data_human": "0 Bytes",
        "destination_id": None, "priority": 0, "ndp_trim_bytes": 0, "ndp_capture_all": False, "archived_at": None,
        "lines": ["probe"], "options": DEFAULTS, "processing": None, "moved_to": "", "has_file": False,
    }
    assert set(share) == SHARE | OUR_SHARE
    color = house.services.drones.get("probe").color
    assert share == {
        "name": "probe", "color": color, "description": "", "capture_backend": "tcpdump", "captured_data": 0,
        "captured_data_human": "0 Bytes", "status": "Waiting", "status_msg": "Just created.",
        "packets": None, "dropped": None, "received": 0, "total": None,
    }
    assert house.boss.get("/jobs/1").json == answer.json
    assert house.probe.take("start_job").filter == "tcp port 80"


def test_a_job_whose_drone_is_busy_waits(house: House) -> None:
    house.boss.order()
    job = house.boss.order().json
    assert (job["status"], job["start_time"], job["end_time"]) == ("In queue", None, None)


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"leave": ("name",)}, "name"),
        ({"name": "x" * 1001}, "name"),
        ({"name": 7}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"leave": ("filter",)}, "filter"),
        ({"filter": None}, "filter"),
        ({"filter": "tcp prot 80"}, "filter"),
        ({"leave": ("duration",)}, "duration"),
        ({"duration": 0}, "duration"),
        ({"duration": "10"}, "duration"),
        ({"duration": True}, "duration"),
        ({"duration": 10**30}, "duration"),
        ({"leave": ("max_capture_data",)}, "max_capture_data"),
        ({"max_capture_data": 0}, "max_capture_data"),
        ({"max_capture_data": 1.5}, "max_capture_data"),
        ({"leave": ("drones",)}, "drones"),
        ({"drones": []}, "drones"),
        ({"drones": None}, "drones"),
        ({"drones": "probe"}, "drones"),
        ({"drones": [7]}, "drones"),
        ({"drones": ["none"]}, "drones"),
        ({"drones": ["probe", "none"]}, "drones"),
        ({"lines": ["other"]}, "lines"),
        ({"script_name": "none"}, "script_name"),
        ({"script_name": 7}, "script_name"),
        ({"script_args": "x" * 51}, "script_args"),
        ({"destination_id": 4711}, "destination_id"),
        ({"destination_id": "1"}, "destination_id"),
        ({"priority": "high"}, "priority"),
        ({"priority": None}, "priority"),
        ({"priority": 2}, "priority"),
        ({"priority": -98}, "priority"),
        ({"ndp_trim_bytes": -1}, "ndp_trim_bytes"),
        ({"ndp_capture_all": "no"}, "ndp_capture_all"),
        ({"snaplen": 262_145}, "snaplen"),
        ({"snaplen": -1}, "snaplen"),
        ({"interfaces": ["eth0"]}, "interfaces"),
        ({"interfaces": {"none": ["eth0"]}}, "interfaces"),
        ({"ring_bytes": -1}, "ring_bytes"),
        ({"ring_seconds": "1"}, "ring_seconds"),
        ({"process": 1}, "process"),
        ({"live": None}, "live"),
    ],
    ids=repr,
)
def test_order_names_what_is_wrong(office: House, members: dict[str, Any], field: str) -> None:
    check_error(office.boss.order(**members), 400, field)


def test_a_body_that_is_none(office: House) -> None:
    for body in ({}, {"data": b"{"}, {"json": []}, {"json": "x"}, {"data": b"{}", "content_type": "text/plain"}):
        check_error(office.boss.post("/jobs", **body), 400)


@pytest.mark.parametrize(
    "members",
    [
        {"drones": "*"},
        {"drones": ["*"]},
        {"lines": ["probe"], "leave": ("drones",)},
        {"lines": "*", "drones": None},
        {"lines": ["probe"]},
        {"script_name": None, "script_args": None, "destination_id": None},
        {"ndp_capture_all": False},
        {"ndp_capture_all": True, "ndp_trim_bytes": 64},
        {"priority": 1},
        {"priority": -99},
        {"something": "unknown"},
        {"name": "x" * 1000},
        {"process": False, "live": False},
    ],
    ids=repr,
)
def test_orders_that_are_fine(house: House, members: dict[str, Any]) -> None:
    answer = house.boss.order(**members)
    assert answer.status_code == 200, answer.text
    assert answer.json["lines"] == ["probe"]


def test_options_of_ours(house: House) -> None:
    better = house.drone("better", ours=True)
    better.connect()
    options = {
        "snaplen": 96, "interfaces": {"better": ["eth1"]}, "ring_bytes": 1_000_000, "ring_seconds": 60,
        "process": False, "live": False,
    }
    job = house.boss.order(drones=["better"], **options).json
    assert job["options"] == options
    start = better.take("start_job").options
    assert (start.snaplen, start.interfaces, start.ring_bytes) == (96, ["eth1"], 1_000_000)


def test_what_only_some_may_order(house: House) -> None:
    plain = house.user("plain", 9)
    check_error(plain.order(), 403, "script_name")
    check_error(plain.order(script_name=None), 400, "script_name")
    check_error(plain.order(script_name="none"), 400, "script_name")
    master = house.user("scripts", 8, Permission.SCRIPT_MASTER)
    assert master.order().status_code == 200
    assert master.order(ndp_capture_all=False).status_code == 200, "false is as good as absent"
    check_error(master.order(ndp_capture_all=True), 403, "ndp_capture_all")
    check_error(master.order(priority=-99), 403, "priority")
