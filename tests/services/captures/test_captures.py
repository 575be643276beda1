"""The life of capture jobs, with drones of both kinds."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from tapiary.accounts import SCOPES, Actor, Permission
from tapiary.capture import ALIVE, JOB_STATES, STEPS, diagram
from tapiary.errors import Conflict, Forbidden, InvalidInput, NotFound
from tapiary.services import Order, Services
from tests.services.captures.conftest import ADMIN, PlayedDrone, finish, pcap


def test_a_job_becomes_a_processed_file(services: Services, order: Order) -> None:
    drone = PlayedDrone(services, "a")
    drone.connect()
    view = services.captures.create(ADMIN, order)
    assert (view.status, view.status_msg, view.drones[0].status) == ("In progress", "Job in progress.", "Waiting")
    start = drone.take("start_job")
    assert (start.job_id, start.duration, start.max_capture_data, start.filter) == (view.id, 10, 1_000_000, "")
    drone.capturing(view.id, 500)
    view = services.captures.get(ADMIN, view.id)
    assert (view.captured_data, view.drones[0].status, view.drones[0].status_msg) == (500, "In progress", "Capturing.")
    data = pcap(5)
    drone.ended(view.id, captured=len(data))
    assert services.captures.get(ADMIN, view.id).status == "Uploading data"
    drone.upload_all(view.id, data)
    assert services.captures.get(ADMIN, view.id).status == "Collecting data"
    finish(services)
    view = services.captures.get(ADMIN, view.id)
    assert (view.status, view.has_file) == ("Done", True)
    assert view.processing is not None
    assert (view.processing.state, view.processing.file_name) == ("finished", f"captures/{view.id}-web_traffic.pcapng")
    file = services.captures.file(ADMIN, view.id)
    assert (file.filename, file.path.stat().st_size > len(data)) == ("web_traffic.pcapng", True)
    assert services.files.by_job(view.processing.job_id).summary["packets"] == 5  # type: ignore[index]
    assert not services.hive.files.sizes(view.id)


def test_two_drones_of_ours_are_merged_by_time_and_interface(services: Services, order: Order) -> None:
    drones = [PlayedDrone(services, name, ours=True) for name in "ab"]
    for drone in drones:
        drone.connect()
    view = services.captures.create(ADMIN, replace(order, drones=("a", "b"), options={"snaplen": 96}))
    for n, drone in enumerate(drones):
        assert drone.take("start_job").options.snaplen == 96
        drone.capturing(view.id)
        drone.update(view.id, "Captured", captured=10)
        parts = {"eth0": pcap(2, first=n), "eth1": pcap(1, first=10 + n)}
        assert drone.send_parts(view.id, parts) == []
    finish(services)
    view = services.captures.get(ADMIN, view.id)
    assert view.status == "Done", view.status_msg
    assert [share.packets for share in view.drones] == [3, 3]
    data = services.captures.file(ADMIN, view.id).path.read_bytes()
    for name in (b"a:eth0", b"a:eth1", b"b:eth0", b"b:eth1"):
        assert name in data


def test_a_limit_of_bytes_holds_over_all_drones(services: Services, order: Order) -> None:
    a, b = PlayedDrone(services, "a"), PlayedDrone(services, "b")
    a.connect()
    b.connect()
    view = services.captures.create(ADMIN, replace(order, drones=("a", "b"), max_bytes=1000))
    a.capturing(view.id, 600)
    assert a.take("stop_job") is None
    b.capturing(view.id, 500)
    assert a.take("stop_job").job_id == b.take("stop_job").job_id == view.id
    a.ended(view.id, "Stopped", 600)
    b.ended(view.id, "Captured", 500)
    assert services.captures.get(ADMIN, view.id).status == "Uploading data"


def test_the_hive_ends_what_a_drone_does_not_end(services: Services, order: Order) -> None:
    drone = PlayedDrone(services, "a")
    drone.connect()
    view = services.captures.create(ADMIN, replace(order, duration_s=1))
    drone.capturing(view.id)
    end = time.monotonic() + 10
    while drone.take("stop_job") is None:
        assert time.monotonic() < end
        drone.capturing(view.id)
        time.sleep(0.05)


def test_jobs_wait_in_the_queue_of_their_drone(services: Services, order: Order) -> None:
    drone = PlayedDrone(services, "a")
    drone.connect()
    first = services.captures.create(ADMIN, order)
    low = services.captures.create(ADMIN, replace(order, priority=1))
    high = services.captures.create(ADMIN, replace(order, priority=-1))
    assert [services.captures.get(ADMIN, i).status for i in (first.id, low.id, high.id)] == [
        "In progress", "In queue", "In queue"]
    drones = services.drones.get("a")
    assert (drones.active, drones.queue) == (first.id, (high.id, low.id))
    assert services.captures.stop(ADMIN, low.id).status == "Stopped"
    drone.capturing(first.id)
    drone.ended(first.id)
    drone.upload_all(first.id, pcap(1))
    assert services.captures.get(ADMIN, high.id).status == "In progress"


def test_a_critical_job_interrupts_and_the_rest_is_captured_later(services: Services, order: Order) -> None:
    drone = PlayedDrone(services, "a")
    drone.connect()
    first = services.captures.create(ADMIN, order)
    drone.take("start_job")
    drone.capturing(first.id, 100)
    critical = services.captures.create(ADMIN, replace(order, priority=-99, duration_s=5))
    assert drone.take("pause_job").job_id == first.id
    assert drone.take("start_job") is None
    drone.update(first.id, "Paused", "Paused by critical job.", 100)
    drone.say("Sleeping")
    view = services.captures.get(ADMIN, first.id)
    assert (view.status, view.paused_left_bytes) == ("Paused", 999_900)
    assert drone.take("start_job").job_id == critical.id
    drone.capturing(critical.id, 5)
    drone.ended(critical.id, captured=5)
    drone.upload_all(critical.id, pcap(1))
    again = drone.take("start_job")
    assert (again.job_id, 1 <= again.duration <= 10) == (first.id, True)
    assert services.captures.get(ADMIN, first.id).status == "In progress"


def test_pause_and_resume_by_a_user(services: Services, order: Order) -> None:
    drone = PlayedDrone(services, "a", ours=True)
    drone.connect()
    view = services.captures.create(ADMIN, order)
    drone.capturing(view.id, 100)
    services.captures.pause(ADMIN, view.id)
    services.hive.round()
    assert drone.take("pause_job").job_id == view.id
    drone.update(view.id, "Paused", captured=100)
    drone.say("Sleeping")
    assert services.captures.get(ADMIN, view.id).status == "Paused"
    drone.take("start_job")
    services.hive.round()
    assert drone.take("start_job") is None  # not before the user says so
    services.captures.resume(ADMIN, view.id)
    services.hive.round()
    assert drone.take("start_job").job_id == view.id
    with pytest.raises(Conflict, match="cannot be resumed"):
        services.captures.resume(ADMIN, view.id)


def test_stop_collects_what_there_is(services: Services, order: Order) -> None:
    drone = PlayedDrone(services, "a")
    drone.connect()
    view = services.captures.create(ADMIN, order)
    drone.capturing(view.id, 50)
    assert services.captures.stop(ADMIN, view.id).status == "Stopped"
    services.hive.round()
    assert drone.take("stop_job").job_id == view.id
    drone.update(view.id, "Collecting", captured=50)
    assert drone.take("get_chunk") is None  # a drone that still collects ignores it
    drone.update(view.id, "Stopped", "Stopped by user.", 50)
    drone.say("Working")
    drone.upload_all(view.id, pcap(1))
    finish(services)
    assert services.captures.get(ADMIN, view.id).status == "Done"


def test_capture_goes_on_while_a_drone_is_away(services: Services, order: Order) -> None:
    drone = PlayedDrone(services, "a")
    drone.connect()
    view = services.captures.create(ADMIN, order)
    drone.capturing(view.id, 50)
    drone.disconnect()
    services.hive.round()
    assert services.captures.get(ADMIN, view.id).status == "In progress"
    assert services.drones.get("a").status == "Disconnected"
    drone.take("start_job")
    drone.connect("Working", {"id": view.id, "status": "In progress", "captured": 80})
    assert drone.take("start_job") is None
    assert services.captures.get(ADMIN, view.id).captured_data == 80


def test_a_capture_that_ended_unheard_is_collected(
    services: Services, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tapiary.services.hive.driving.IDLE_S", 0.05)
    drone = PlayedDrone(services, "a")
    drone.connect()
    view = services.captures.create(ADMIN, order)
    drone.capturing(view.id, 50)
    drone.disconnect()
    drone.connect("Sleeping")
    time.sleep(0.1)
    drone.say("Sleeping")
    drone.upload_all(view.id, pcap(1))
    assert services.captures.get(ADMIN, view.id).status == "Collecting data"


def test_a_lost_start_is_sent_again(services: Services, order: Order) -> None:
    drone = PlayedDrone(services, "a")
    drone.connect()
    view = services.captures.create(ADMIN, order)
    assert drone.take("start_job") is not None
    drone.disconnect()
    drone.connect()
    assert drone.take("start_job").job_id == view.id


def test_a_drone_that_takes_no_job_fails_it(
    services: Services, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tapiary.services.hive.driving.MAX_STARTS", 1)
    drone = PlayedDrone(services, "a")
    drone.connect()
    view = services.captures.create(ADMIN, order)
    time.sleep(0.3)
    services.hive.round()
    view = services.captures.get(ADMIN, view.id)
    assert (view.status, view.status_msg) == ("Failed", "a: The drone does not take the job.")


@pytest.mark.parametrize("size", [0, 24, 700_000, 700_001, 1_400_000])
def test_uploads_go_on_after_the_hive_was_killed(services: Services, order: Order, size: int) -> None:
    """Between any two chunks, a new hive over the same folder goes on where the file ends."""
    data = pcap(1).ljust(size, b"\0")[:size] if size else b""
    drone = PlayedDrone(services, "a")
    drone.connect()
    view = services.captures.create(ADMIN, order)
    drone.capturing(view.id, size)
    drone.ended(view.id, captured=size)
    for _ in range(10):
        number = drone.take("get_chunk").chunk_number
        assert number >= 1
        total = max(1, -(-size // 700_000))
        code = drone.upload(view.id, data, number) if number <= total else None  # it has no such chunk: silence
        services.__dict__.pop("hive")
        drone.hive = services.hive
        if code == 200:
            break
        drone.connect("Working")
        if code is None:
            time.sleep(0.3)
            services.hive.round()
    part = services.hive.files.path(view.id, drone.id, 1)
    assert part.read_bytes() == data


def test_parts_that_differ_come_again(services: Services, order: Order) -> None:
    import hashlib
    import io

    from tapiary.capture import Completion, PartInfo
    from tapiary.services import WrongOffset

    drone = PlayedDrone(services, "a", ours=True)
    drone.connect()
    view = services.captures.create(ADMIN, order)
    drone.capturing(view.id)
    data = pcap(2)
    hive = services.hive
    assert hive.receive(drone.id, view.id, 1, "eth0", 0, io.BytesIO(data[:30])) == 30
    with pytest.raises(WrongOffset) as error:
        hive.receive(drone.id, view.id, 1, "eth0", 10, io.BytesIO(data))
    assert error.value.received == 30
    hive.receive(drone.id, view.id, 1, "eth0", 30, io.BytesIO(b"rubbish"))
    completion = Completion([PartInfo(1, "eth0", len(data), hashlib.sha256(data).hexdigest())])
    drone.update(view.id, "Captured")
    assert hive.complete(drone.id, view.id, completion) == [1]
    assert hive.parts(drone.id, view.id) == [{"number": 1, "interface": "eth0", "complete": False, "received": 0}]
    hive.receive(drone.id, view.id, 1, "eth0", 0, io.BytesIO(data))
    assert hive.complete(drone.id, view.id, completion) == []
    assert hive.complete(drone.id, view.id, completion) == []  # its answer may have been lost
    with pytest.raises(NotFound):
        hive.parts(drone.id, view.id)


def test_a_drone_that_never_returns_can_be_left_out(
    services: Services, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = PlayedDrone(services, "a"), PlayedDrone(services, "b")
    a.connect()
    b.connect()
    view = services.captures.create(ADMIN, replace(order, drones=("a", "b")))
    for drone in (a, b):
        drone.capturing(view.id, 10)
        drone.ended(view.id, captured=10)
    b.disconnect()
    a.upload_all(view.id, pcap(1))
    services.hive.round()
    assert "Waiting for b" in services.captures.get(ADMIN, view.id).status_msg
    services.captures.stop(ADMIN, view.id)
    services.hive.round()
    assert services.captures.get(ADMIN, view.id).status == "Uploading data"  # it may be on its way back
    monkeypatch.setattr("tapiary.services.hive.hive.AWAY_S", 0.0)
    services.hive.round()
    finish(services)
    view = services.captures.get(ADMIN, view.id)
    assert (view.status, [share.status for share in view.drones]) == ("Done", ["Done", "Failed"])


def test_archiving_removes_files_flows_and_what_drones_have(services: Services, order: Order) -> None:
    drone = PlayedDrone(services, "a")
    drone.connect()
    view = services.captures.create(ADMIN, order)
    drone.capturing(view.id, 10)
    drone.ended(view.id)
    drone.upload_all(view.id, pcap(1))
    finish(services)
    path = services.captures.file(ADMIN, view.id).path
    services.captures.archive(ADMIN, view.id)
    assert not path.exists()
    assert services.captures.list(ADMIN) == []
    assert [each.status for each in services.captures.history(ADMIN)] == ["Archived"]
    services.hive.round()
    assert drone.take("delete_job").job_id == view.id
    with pytest.raises(NotFound):
        services.captures.file(ADMIN, view.id)
    services.captures.forget(ADMIN, view.id)
    assert services.captures.history(ADMIN) == []


def test_a_running_job_can_be_archived(services: Services, order: Order) -> None:
    drone = PlayedDrone(services, "a")
    drone.connect()
    view = services.captures.create(ADMIN, order)
    drone.capturing(view.id, 10)
    services.captures.archive(ADMIN, view.id)
    drone.capturing(view.id, 20)
    assert drone.take("stop_job").job_id == view.id
    drone.ended(view.id, "Stopped", 20)
    drone.say("Sleeping")
    assert drone.take("delete_job").job_id == view.id


def test_a_job_that_is_not_to_be_processed_is_not(services: Services, order: Order) -> None:
    drone = PlayedDrone(services, "a")
    drone.connect()
    view = services.captures.create(ADMIN, replace(order, options={"process": False}))
    drone.capturing(view.id, 10)
    drone.ended(view.id)
    drone.upload_all(view.id, pcap(1))
    finish(services)
    assert services.captures.get(ADMIN, view.id).status == "Done"
    services.upkeep.watch()
    assert services.captures.get(ADMIN, view.id).processing is None


def test_links_open_one_file_and_nothing_else(services: Services, order: Order) -> None:
    drone = PlayedDrone(services, "a")
    drone.connect()
    view = services.captures.create(ADMIN, order)
    drone.capturing(view.id, 10)
    drone.ended(view.id)
    drone.upload_all(view.id, pcap(1))
    finish(services)
    token = services.captures.link(ADMIN, view.id)
    assert services.captures.by_link(token) == services.captures.file(ADMIN, view.id)
    with pytest.raises(InvalidInput, match="token"):
        services.captures.by_link(token[:-2] + "xx")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"), ({"duration_s": 0}, "duration"), ({"max_bytes": 0}, "max_capture_data"),
        ({"drones": ()}, "drones"), ({"drones": ("nobody",)}, "drones"), ({"filter": "tcp port"}, "filter"),
        ({"script_name": "none such"}, "script_name"), ({"priority": 7}, "priority"),
        ({"destination_id": 5}, "destination_id"), ({"script_args": "x" * 51}, "script_args"),
        ({"options": {"snaplen": -1}}, "options"), ({"options": {"nonsense": 1}}, "options"),
        ({"options": {"interfaces": {"b": ["eth0"]}}}, "interfaces"), ({"filter": "a\0b"}, "filter"),
    ],
)
def test_orders_are_checked_field_by_field(
    services: Services, order: Order, change: dict[str, Any], field: str
) -> None:
    PlayedDrone(services, "a")
    with pytest.raises(InvalidInput) as error:
        services.captures.create(ADMIN, replace(order, **change))
    assert error.value.field == field


def test_a_drone_of_ours_may_refuse_a_filter(services: Services, order: Order) -> None:
    drone = PlayedDrone(services, "a", ours=True)
    drone.connect()
    drone.verdict = '{"ok": false, "message": "unknown network \'x\'"}'
    with pytest.raises(InvalidInput, match="the drone 'a' refuses it: unknown network") as error:
        services.captures.create(ADMIN, replace(order, filter="tcp"))
    assert error.value.field == "filter"


def test_who_may_see_and_order_what(services: Services, order: Order) -> None:
    services.accounts.levels.create(ADMIN, level=5, name="Users", permissions=0)
    services.accounts.levels.create(ADMIN, level=4, name="Masters", permissions=8)
    actors = []
    for name, level, bits in (("ann", 5, 0), ("bob", 5, 0), ("cleo", 4, 8)):
        user = services.accounts.users.create(
            ADMIN, username=name, email=f"{name}@example.org", password="long enough", level=level)
        actors.append(Actor(name, user.id, level, Permission(bits), frozenset(SCOPES)))
    ann, bob, cleo = actors
    PlayedDrone(services, "a")
    services.scripts.create(ADMIN, name="count", level=5, contents=b"#!/bin/sh\n", description=None)
    with pytest.raises(Forbidden, match="SCRIPT_MASTER"):
        services.captures.create(ann, order)
    mine = services.captures.create(ann, replace(order, script_name="count"))
    with pytest.raises(Forbidden):
        services.captures.get(bob, mine.id)
    assert services.captures.get(cleo, mine.id).owner == "ann"
    assert [len(services.captures.list(actor)) for actor in (ann, bob, cleo)] == [1, 0, 1]
    with pytest.raises(Forbidden, match="JOB_MASTER"):
        services.captures.create(ann, replace(order, script_name="count", priority=-99))
    theirs = services.captures.create(ADMIN, order)
    with pytest.raises(Forbidden):
        services.captures.stop(ann, theirs.id)


def test_the_table_of_steps_is_whole() -> None:
    reachable = {step.target for step in STEPS}
    assert {step.source for step in STEPS} - {""} <= reachable <= set(JOB_STATES)
    assert set(ALIVE) <= reachable
    assert diagram().startswith("stateDiagram-v2\n")
