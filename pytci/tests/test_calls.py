"""What each method asks the hive, and what it makes of the answer."""

from __future__ import annotations

import base64
import inspect
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from hive_stub import Answer, Hive, job
from pytci import AsyncPyTCI, Drone, Job, Priority, PyTCI, PyTCIError, UnexpectedAnswer, models

DRONE = {"name": "a b/č", "description": "", "capture_backend": "tcpdump", "status": "Sleeping", "color": "#112233",
         "jobs": [{"job_id": 1, "drone_name": "a b/č", "captured_data": 5, "status": "Done", "status_msg": ""}]}
SCRIPT = {"name": "s", "description": None, "authorization_level": 2, "filetype": "text/x-shellscript",
          "file_contents": base64.b64encode(b"#!/bin/sh\n").decode()}
DESTINATION = {"id": 3, "owner": "Admin", "name": "disk", "path": "/srv"}
USER = {"username": "eva", "email": "e@example.org", "authorization_level": 2}
LEVEL = {"name": "Admin", "level": 1, "permissions": 63}
APPLICATION = {"id": 4, "name": "laptop", "owner": "eva"}
ENTRY = {"id": 9, "at": "2026-11-23T09:00:00Z", "user": "eva", "address": "192.0.2.1", "means": "password",
         "action": "user.create", "object": "jan", "details": {"level": 2}}
LIVE = {"flows": 3, "packets": 9, "bytes": 900, "final": False, "changed": [],
        "labels": {"DNS": {"flows": 2, "packets": 4, "bytes": 300}, "Unknown": {"flows": 1, "packets": 5, "bytes": 6}},
        "drones": [{"name": "x", "flows": 3, "packets": 9, "bytes": 900, "skipped_bytes": 0, "at": 1.5}]}
TRIGGER = {"id": "a-b-c", "name": "scan", "query": "q", "owner": "eva", "by": ["clientIp"], "webhooks": []}
ALERT = {"id": 5, "at_ms": 1, "event_ms": 1, "trigger_id": "a-b-c", "name": "scan", "severity": "High",
         "fields": {"n": 1}, "deliveries": [{"kind": "json", "to": "hooks.example", "state": "done", "status": 200}]}
TRIAL = {"start_ms": 0, "end_ms": 9, "rows": 1, "alerts": [{"name": "scan", "event_ms": 1, "rows": 1, "fields": {}}]}
LINKED = "http://127.0.0.1/api/v1/jobs/file/abc"

#: method, arguments, what is asked, its JSON body (None: no body), the hive's answer, what is returned.
CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any], str, Any, Any, Any]] = [
    ("get_me", (), {}, "GET /users/@me", None, USER, models.User),
    ("get_jobs", (), {}, "GET /jobs", None, [job(1), job(2)], [models.JobBrief, models.JobBrief]),
    ("get_job", (7,), {}, "GET /jobs/7", None, job(7), Job),
    ("get_job_status", (7,), {}, "GET /jobs/7", None, job(7), Job),
    ("stop_job", (7,), {}, "PUT /jobs/7", {}, None, None),
    ("pause_job", (7,), {}, "POST /jobs/7/pause", None, job(7), Job),
    ("resume_job", (7,), {}, "POST /jobs/7/resume", None, job(7), Job),
    ("process_job", (7,), {}, "PATCH /jobs/7", None, None, None),
    ("cancel_script", (7,), {}, "DELETE /jobs/7/script", None, None, None),
    ("delete_job", (7,), {}, "DELETE /jobs/7", None, None, None),
    ("get_jobs_history", (), {}, "GET /jobs/history", None, [], []),
    ("delete_job_from_history", (7,), {}, "DELETE /jobs/history/7", None, None, None),
    ("generate_job_url", (7,), {}, "GET /jobs/7/url", None, {"url": LINKED}, LINKED),
    ("live", (7,), {}, "GET /jobs/7/live", None, LIVE, models.Live),
    ("get_drones", (), {}, "GET /drones", None, [DRONE], [Drone]),
    ("get_lines", (), {}, "GET /drones", None, [DRONE], [Drone]),
    ("get_drone", ("a b/č",), {}, "GET /drones/a b/č", None, DRONE, Drone),
    ("get_drone_queue", ("x",), {}, "GET /drones/x/queue", None, {"active": 1, "queue": [2]}, models.DroneQueue),
    ("create_drone", ("x", "in the cellar"), {}, "POST /drones", {"name": "x", "description": "in the cellar"},
     {**DRONE, "token": "secret"}, Drone),
    ("regenerate_drone_token", ("x",), {}, "PUT /drones/x", {}, {"token": "secret"}, "secret"),
    ("change_drone_color", ("x", "#123456"), {}, "PATCH /drones/x", {"color": "#123456"}, DRONE, Drone),
    ("delete_drone", ("x",), {}, "DELETE /drones/x", None, None, None),
    ("disconnect_drone", ("x",), {}, "DELETE /drones/disconnect/x", None, None, None),
    ("disconnect_drones", (), {}, "DELETE /drones/disconnect", None, None, None),
    ("get_deactivated_drones", (), {}, "GET /drones/deactivated", None, [DRONE], [Drone]),
    ("deactivate_drone", ("x",), {}, "DELETE /drones/deactivate/x", None, None, None),
    ("reactivate_drone", ("x",), {}, "PATCH /drones/reactivate/x", None, None, None),
    ("get_scripts", (), {}, "GET /scripts", None, [SCRIPT], [models.Script]),
    ("get_script", ("s",), {}, "GET /scripts/s", None, SCRIPT, models.Script),
    ("create_script", ("s", 2, b"#!/bin/sh\n"), {}, "POST /scripts",
     {"name": "s", "authorization_level": 2, "file_contents": SCRIPT["file_contents"], "description": None},
     SCRIPT, models.Script),
    ("delete_script", ("s",), {}, "DELETE /scripts/s", None, None, None),
    ("get_destinations", (), {}, "GET /destinations", None, [DESTINATION], [models.Destination]),
    ("get_destination", (3,), {}, "GET /destinations/3", None, DESTINATION, models.Destination),
    ("create_destination", ("disk", "/srv"), {}, "POST /destinations", {"name": "disk", "path": "/srv"}, DESTINATION,
     models.Destination),
    ("edit_destination", (3,), {"name": "d"}, "PUT /destinations/3", {"name": "d"}, DESTINATION, models.Destination),
    ("delete_destination", (3,), {}, "DELETE /destinations/3", None, None, None),
    ("get_triggers", (), {}, "GET /triggers", None, [TRIGGER], [models.Trigger]),
    ("get_trigger", ("a-b-c",), {}, "GET /triggers/a-b-c", None, TRIGGER, models.Trigger),
    ("create_trigger", ("scan", "q"), {"interval_s": 9}, "POST /triggers",
     {"name": "scan", "query": "q", "interval_s": 9}, TRIGGER, models.Trigger),
    ("edit_trigger", ("a-b-c",), {"active": False}, "PUT /triggers/a-b-c", {"active": False}, TRIGGER, models.Trigger),
    ("delete_trigger", ("a-b-c",), {}, "DELETE /triggers/a-b-c", None, None, None),
    ("try_trigger", ("a-b-c",), {"last_s": 60}, "POST /triggers/a-b-c/run", None, TRIAL, models.Trial),
    ("get_alerts", (), {"seen": False}, "GET /alerts", None, [ALERT], [models.Alert]),
    ("get_alert", (5,), {}, "GET /alerts/5", None, ALERT, models.Alert),
    ("handle_alert", (5,), {"seen": True}, "PUT /alerts/5", {"seen": True}, ALERT, models.Alert),
    ("get_users", (), {}, "GET /users", None, [USER], [models.User]),
    ("get_user", ("eva",), {}, "GET /users/eva", None, USER, models.User),
    ("create_user", ("eva", "e@example.org", "long enough", 2), {}, "POST /users",
     {**USER, "password": "long enough"}, USER, models.User),
    ("edit_user", ("eva",), {"password": "longer still"}, "PUT /users/eva", {"password": "longer still"}, USER,
     models.User),
    ("delete_user", ("eva",), {}, "DELETE /users/eva", None, None, None),
    ("get_authorization_levels", (), {}, "GET /authorizations", None, [LEVEL], [models.AuthorizationLevel]),
    ("get_authorization_level", (1,), {}, "GET /authorizations/1", None, LEVEL, models.AuthorizationLevel),
    ("get_permissions", (), {}, "GET /authorizations/permissions", None, [{"name": "VIEW_LOG", "value": 4}],
     [models.Permission]),
    ("create_authorization_level", (1, "Admin", 63), {}, "POST /authorizations", LEVEL, LEVEL,
     models.AuthorizationLevel),
    ("edit_authorization_level", (1,), {"permissions": 0}, "PUT /authorizations/1", {"permissions": 0}, LEVEL,
     models.AuthorizationLevel),
    ("delete_authorization_level", (1,), {}, "DELETE /authorizations/1", None, None, None),
    ("get_applications", (), {}, "GET /applications", None, [APPLICATION], [models.Application]),
    ("create_application", ("laptop",), {"scopes": ["read"], "expires_at": datetime(2027, 1, 1, tzinfo=timezone.utc)},
     "POST /applications", {"name": "laptop", "scopes": ["read"], "expires_at": "2027-01-01T00:00:00+00:00"},
     {**APPLICATION, "token": "secret"}, models.Application),
    ("regenerate_application_token", (4,), {}, "PUT /applications/4", {}, {"token": "secret"}, "secret"),
    ("delete_application", (4,), {}, "DELETE /applications/4", None, None, None),
    ("get_logs", (), {}, "GET /logs", None, [{"name": "hive.log"}], [models.Log]),
    ("audit", (), {}, "GET /audit", None, [ENTRY], [models.Audit]),
]
#: What has tests of its own elsewhere.
ELSEWHERE = {
    "login", "refresh_token", "logout", "set_access_token", "close", "create_job", "wait", "wait_for_job",
    "download_job", "download_job_from_url", "download_log", "download_script", "packets", "flows", "query",
}


@pytest.mark.parametrize(("name", "args", "kwargs", "asked", "body", "told", "wanted"), CALLS,
                         ids=[call[0] for call in CALLS])
def test_each_call(tci: Any, hive: Hive, name: str, args: Any, kwargs: Any, asked: str, body: Any, told: Any,
                   wanted: Any) -> None:
    hive.script.append(Answer(204 if told is None else 200, told))
    result = getattr(tci, name)(*args, **kwargs)
    (seen,) = hive.seen
    method, _, path = asked.partition(" ")
    assert (seen.method, seen.path) == (method, f"/api/v1{path}")
    assert seen.json == body
    assert seen.headers["authorization"].startswith("Bearer ")
    assert seen.headers["user-agent"].startswith("pytci/")
    if isinstance(wanted, list):
        assert [type(each) for each in result] == wanted
    elif isinstance(wanted, type):
        assert type(result) is wanted
        assert not result.extra
    else:
        assert result == wanted


def test_every_method_is_tried_here_or_elsewhere() -> None:
    for client in (PyTCI, AsyncPyTCI):
        methods = {name for name, _ in inspect.getmembers(client, inspect.isfunction) if not name.startswith("_")}
        assert methods == {call[0] for call in CALLS} | ELSEWHERE


def test_models_stand_for_what_they_name(tci: Any, hive: Hive) -> None:
    hive.on("GET /drones/x", Answer(200, {**DRONE, "name": "x"}))
    drone = tci.get_drone("x")
    hive.on(r"DELETE /drones/x", Answer(204))
    tci.delete_drone(drone)
    hive.jobs[1] = job(1)
    assert tci.get_job(tci.get_jobs()[0]) == tci.get_job(1)


def test_new_jobs_have_what_was_given_and_no_more(tci: Any, hive: Hive) -> None:
    made = tci.create_job("n", 10, 50_000, ["CaptureLine1"])
    assert made.id == 1
    assert hive.seen[-1].json == {"name": "n", "filter": "", "duration": 10, "max_capture_data": 50_000,
                                  "drones": ["CaptureLine1"], "priority": 0}
    drone = models.Drone(name="b", status="Sleeping")
    tci.create_job("n", 10, 50_000, drones=("a", drone), priority="high", script_name="s", script_args="-x",
                   destination_id=2, ndp_trim_bytes=64, ndp_capture_all=True, snaplen=96, interfaces={"a": ("eth0",)},
                   ring_bytes=5, ring_seconds=6, process=False, live=False)
    body = hive.seen[-1].json
    assert body == {
        "name": "n", "filter": "", "duration": 10, "max_capture_data": 50_000, "drones": ["a", "b"], "priority": -1,
        "script_name": "s", "script_args": "-x", "destination_id": 2, "ndp_trim_bytes": 64, "ndp_capture_all": True,
        "snaplen": 96, "interfaces": {"a": ["eth0"]}, "ring_bytes": 5, "ring_seconds": 6, "process": False,
        "live": False,
    }
    tci.create_job("n", 10, 50_000, "*", priority=Priority.CRITICAL, ndp_capture_all=False)
    body = hive.seen[-1].json
    assert (body["drones"], body["priority"]) == ("*", -99)
    assert "ndp_capture_all" not in body, "TCI's hive wants JOB_MASTER for the mere mention"
    tci.create_job("n", 10, 50_000, "one")
    assert hive.seen[-1].json["drones"] == ["one"]


@pytest.mark.parametrize(("more", "words"), [
    ({}, "drones must name"), ({"lines": []}, "drones must name"), ({"lines": ["a"], "drones": ["a"]}, "old name"),
    ({"lines": ["a"], "priority": "soon"}, "low, normal, high, critical"),
])
def test_jobs_that_cannot_be_meant(tci: Any, hive: Hive, more: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        tci.create_job("n", 10, 50_000, **more)
    assert not hive.seen


def test_an_empty_list_of_jobs_is_204(tci: Any) -> None:
    assert tci.get_jobs() == []


def test_parameters_of_lists(tci: Any, hive: Hive) -> None:
    tci.get_jobs(status="Done", limit=5, before=9)
    assert hive.seen[-1].params == [("status", "Done"), ("limit", "5"), ("before", "9")]
    hive.on("GET /audit", Answer(200, []))
    assert tci.audit(limit=2, user="eva") == []
    assert hive.seen[-1].params == [("limit", "2"), ("user", "eva")]


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_names_that_would_lead_elsewhere(tci: Any, hive: Hive, name: str) -> None:
    for method in (tci.delete_user, tci.delete_drone, tci.delete_script):
        with pytest.raises(ValueError, match="cannot be a name"):
            method(name)
    assert not hive.seen


def test_scripts_go_and_come_as_files(tci: Any, hive: Hive, tmp_path: Path) -> None:
    here = tmp_path / "s.sh"
    here.write_bytes(b"#!/bin/sh\n")
    hive.on("POST /scripts", Answer(200, SCRIPT))
    assert tci.create_script("s", 2, here).contents == b"#!/bin/sh\n"
    assert hive.seen[-1].json["file_contents"] == SCRIPT["file_contents"]
    hive.on("GET /scripts/s/file", Answer(200, {"filetype": "text/x-shellscript", "file": SCRIPT["file_contents"]}))
    assert tci.download_script("s", tmp_path) == tmp_path / "s"
    assert (tmp_path / "s").read_bytes() == b"#!/bin/sh\n"
    assert tci.download_script("s", tmp_path / "other") == tmp_path / "other"
    hive.on("GET /scripts/s/file", Answer(200, {"filetype": "text/x-shellscript", "file": "?"}))
    with pytest.raises(UnexpectedAnswer, match="base64"):
        tci.download_script("s", tmp_path)
    with pytest.raises(FileNotFoundError):
        tci.create_script("s", 2, tmp_path / "missing")


def test_times_without_a_zone_are_refused(tci: Any) -> None:
    with pytest.raises(ValueError, match="time zone"):
        tci.create_application("x", expires_at=datetime(2027, 1, 1))  # noqa: DTZ001


def test_what_is_no_token(make: Any, hive: Hive) -> None:
    client = make("127.0.0.1", hive.port)
    for wrong in ("", " ", "líný", "line\nfeed"):
        with pytest.raises(PyTCIError, match="no token"):
            client.set_access_token(wrong)
    assert not hive.seen


@pytest.mark.parametrize(("host", "more", "words"), [
    ("http://hive", {}, "name or an address alone"), ("", {}, "name or an address"), ("hive/x", {}, "alone"),
    ("hive", {"port": 0}, "port must be"), ("hive", {"scheme": "ftp"}, "scheme must be"),
])
def test_what_is_no_address(make: Any, host: str, more: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make(host, **more)


def test_addresses() -> None:
    assert PyTCI("hive").address == "http://hive:8080"
    assert PyTCI("::1", 443, scheme="https").address == "https://[::1]:443"
    assert PyTCI("[fe80::1]").address == "http://[fe80::1]:8080"
    assert repr(PyTCI("hive")) == "<PyTCI http://hive:8080>"
