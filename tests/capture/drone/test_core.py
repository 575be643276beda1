"""The drone's decisions, without sockets, processes or files."""

from __future__ import annotations

import json

import pytest

from tapiary.capture.drone import actions as act
from tapiary.capture.drone import phases
from tapiary.capture.drone.backends import Counts
from tapiary.capture.drone.core import Core
from tapiary.capture.drone.records import JobRecord

GB = 10**9


def order(job_id: int = 1, **more: object) -> str:
    return json.dumps({"job_id": job_id, "filter": "", "duration": 60, "max_capture_data": GB, **more})


def make(**more: object) -> Core:
    core = Core([], lambda record: ["eth0"], lag_s=1.0, **more)  # type: ignore[arg-type]
    core.connected()
    return core


def begun(core: Core, job_id: int = 1, now: float = 100.0, **more: object) -> JobRecord:
    """A job whose recorder listens."""
    core.message("start_job", order(job_id, **more), now)
    record = core.jobs[job_id]
    core.observed(record, [act.Seen(r.stem, True, True) for r in record.recordings if not r.ended], now)
    return record


def dead(core: Core, record: JobRecord, now: float, *files: tuple[str, int], complaint: str = "") -> list[act.Action]:
    """All recorders of a job have ended, leaving these files."""
    closed = tuple(act.Closed(*file) for file in files)
    running = [r for r in record.recordings if not r.ended]
    return core.observed(record, [
        act.Seen(r.stem, False, True, complaint, "", Counts(10, 1), 0, closed if r is running[0] else ())
        for r in running], now)


def words(actions: list[act.Action]) -> list[str]:
    """The states that actions tell the hive of."""
    return [a.message["status"] for a in actions if isinstance(a, act.Send) and a.event == "job_update"]  # type: ignore[index]


def test_a_job_from_its_order_to_the_last_acknowledgement_in_tcis_protocol() -> None:
    core = make()
    core.agreed(0)
    record = begun(core)
    assert record.phase == phases.RECORDING
    actions = core.tick(160.0)
    assert words(actions) == ["Collecting"]
    assert [a.use for a in core.tick(161.1) if isinstance(a, act.Signal)] == ["end"]
    assert words(dead(core, record, 161.2, ("0001-1.pcap", 500))) == ["Captured"]
    assert record.message == "Max capture time reached."
    asked, ack = core.message("get_chunk", '{"chunk_number": 1, "job_id": 1}', 162.0)
    assert ack is None
    assert [type(a) for a in asked] == [act.Save, act.Merge]
    assert [a.number for a in core.merged(1, True) if isinstance(a, act.Chunk)] == [1]
    assert core.acknowledged(1, 202) == []
    done = core.acknowledged(1, 200)
    assert isinstance(done[0], act.Delete)
    assert done[1].message.status == "Sleeping"  # type: ignore[union-attr]


def test_every_state_told_has_tcis_nine_members() -> None:
    core = make()
    core.agreed(0)
    actions, _ = core.message("start_job", order(), 100.0)
    status = next(a.message for a in actions if isinstance(a, act.Send))
    assert status.active_job == {  # type: ignore[union-attr]
        "id": 1, "filter": "", "duration": 60, "max_capture_data": GB, "trim_bytes": 0, "ndp_capture_all": False,
        "captured": 0, "status": "Waiting", "status_msg": "Just Created."}


def test_our_dialect_sends_closed_parts_while_it_captures_and_confirms_at_the_end() -> None:
    core = make()
    core.agreed(1)
    record = begun(core)
    seen = act.Seen("0001", True, True, closed=(act.Closed("0001-1.pcap", 500),), open_bytes=7)
    actions = core.observed(record, [seen], 101.0)
    assert [type(a) for a in actions] == [act.Save, act.Keep]
    assert core.captured(record) == 507
    (put,) = [a for a in core.tick(103.1) if isinstance(a, act.Put)]
    assert (put.part.number, put.part.interface) == (1, "eth0")
    assert not [a for a in core.tick(103.2) if isinstance(a, act.Put)], "one thing at a time"
    core.put(1, 1, "aa")
    core.message("stop_job", '{"job_id": 1}', 103.5)
    dead(core, record, 104.0, ("0001-1.pcap1", 300))
    (put,) = [a for a in core.tick(105.0) if isinstance(a, act.Put)]
    assert put.part.number == 2
    core.put(1, 2, "bb")
    (complete,) = [a for a in core.tick(106.0) if isinstance(a, act.Complete)]
    assert [(p.number, p.size, p.sha256) for p in complete.completion.parts] == [(1, 500, "aa"), (2, 300, "bb")]
    assert (complete.completion.packets, complete.completion.dropped) == (10, 1)
    core.completed(1, [2])
    assert [a.part.number for a in core.tick(107.0) if isinstance(a, act.Put)] == [2]
    core.put(1, 2, "bb")
    core.tick(108.0)
    assert isinstance(core.completed(1, [])[0], act.Delete)
    assert core.jobs == {}


def test_a_ring_keeps_the_newest_and_sends_nothing_before_the_end() -> None:
    core = make()
    core.agreed(1)
    record = begun(core, options={"ring_bytes": 1000})
    for n in range(10):
        actions = core.observed(record, [act.Seen("0001", True, True, closed=(act.Closed(f"f{n}", 300),),
                                                  open_bytes=100)], 101.0 + n)
        assert sum(a.part.size for a in actions if isinstance(a, act.Drop)) in (0, 300)
        assert core.captured(record) <= 1000
        assert not [a for a in core.tick(101.5 + n) if isinstance(a, act.Put)]
    assert [part.number for part in record.parts] == [8, 9, 10]
    core.message("stop_job", '{"job_id": 1}', 120.0)
    dead(core, record, 122.0, ("last", 100))
    assert [a.part.number for a in core.tick(123.0) if isinstance(a, act.Put)] == [8]


def test_a_ring_by_seconds_forgets_what_is_older() -> None:
    core = make()
    core.agreed(1)
    record = begun(core, options={"ring_seconds": 10})
    for n in range(20):
        core.observed(record, [act.Seen("0001", True, True, closed=(act.Closed(f"f{n}", 300),))], 101.0 + n)
    assert [part.closed for part in record.parts] == [110.0 + n for n in range(11)]


def test_a_critical_job_pauses_the_active_one_and_the_same_order_resumes_it() -> None:
    core = make()
    core.agreed(0)
    first = begun(core, 1)
    actions, ack = core.message("start_job", order(2, priority=-99), 110.0)
    assert ack is None
    assert words(actions) == ["Collecting"]
    assert words(dead(core, first, 111.5, ("a", 400))) == ["Paused"]
    actions = core.tick(111.6)
    assert [a.record.id for a in actions if isinstance(a, act.Start)] == [2]
    second = core.jobs[2]
    core.observed(second, [act.Seen("0001", True, True)], 112.0)
    core.message("stop_job", '{"job_id": 2}', 113.0)
    dead(core, second, 115.0, ("b", 10))
    core.message("start_job", order(1), 120.0)
    assert first.phase == phases.RECORDING
    assert core.captured(first) == 400, "what came before the pause counts"
    assert [r.stem for r in first.recordings] == ["0001", "0002"]


def test_a_second_job_of_the_same_rank_is_refused() -> None:
    core = make()
    begun(core, 1)
    _, ack = core.message("start_job", order(2), 101.0)
    assert ack is not None
    assert ack[0] == 400


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"job_id": "x"}', '{"job_id": 1, "filter": null}'])
def test_a_wrong_order_gets_406(text: str) -> None:
    _, ack = make().message("start_job", text, 1.0)
    assert ack is not None
    assert ack[0] == 406


def test_a_recorder_that_dies_at_once_fails_the_job_with_its_words() -> None:
    core = make()
    core.agreed(1)
    core.message("start_job", order(), 100.0)
    record = core.jobs[1]
    actions = core.observed(record, [act.Seen("0001", False, False, "can't parse filter expression")], 100.1)
    assert record.outcome == "Failed"
    assert words(actions) == ["Collecting"]
    assert words(core.observed(record, [], 100.2)) == ["Failed"]
    assert record.message == "can't parse filter expression"
    assert not [a for a in core.tick(101.0) if isinstance(a, act.Complete)]
    assert core.status().message.status == "Sleeping"  # type: ignore[union-attr]


def test_an_interrupted_recorder_is_tried_again_and_the_job_goes_on() -> None:
    core = make()
    record = begun(core)
    actions = dead(core, record, 105.0, ("a", 100), complaint="The interface went down")
    assert record.phase == phases.RECORDING
    assert "went down" in record.message
    assert not [a for a in actions if isinstance(a, act.Start)]
    assert [a.recording.stem for a in core.tick(106.5) if isinstance(a, act.Start)] == ["0002"]


def test_a_full_disk_ends_the_capture_cleanly_after_what_the_hive_has_was_given_up() -> None:
    core = make(min_free_bytes=1000)
    core.agreed(1)
    record = begun(core)
    core.observed(record, [act.Seen("0001", True, True, closed=(act.Closed("a", 10),))], 101.0)
    core.put(1, 1, "aa")
    core.free_bytes = 999
    actions = core.observed(record, [act.Seen("0001", True, True)], 102.0)
    assert [a.part.number for a in actions if isinstance(a, act.Drop)] == [1]
    assert record.phase == phases.RECORDING
    core.observed(record, [act.Seen("0001", True, True)], 103.0)
    assert (record.phase, record.outcome) == (phases.ENDING, "Stopped")
    assert "disk is full" in record.message


def test_no_job_begins_on_a_full_disk() -> None:
    core = make(min_free_bytes=1000)
    core.free_bytes = 10
    actions, ack = core.message("start_job", order(), 1.0)
    assert ack is not None
    assert ack[0] == 400
    assert words(actions) == ["Failed"]
    assert core.jobs == {}


def test_what_ended_while_the_hive_was_away_is_told_when_it_is_back() -> None:
    core = make()
    core.agreed(0)
    record = begun(core)
    core.disconnected()
    core.tick(160.0)
    dead(core, record, 162.0, ("a", 1))
    core.connected()
    assert words(core.agreed(0)) == ["Captured"]


def test_deleting_a_running_job_ends_it_in_our_dialect_and_is_refused_in_tcis() -> None:
    core = make()
    core.agreed(0)
    record = begun(core)
    _, ack = core.message("delete_job", '{"job_id": 1}', 101.0)
    assert ack is not None
    assert ack[0] == 400
    core.agreed(1)
    core.message("delete_job", '{"job_id": 1}', 102.0)
    assert record.phase == phases.ENDING
    assert any(isinstance(a, act.Delete) for a in dead(core, record, 103.0, ("a", 1)))
    assert core.jobs == {}


def test_limits_of_size() -> None:
    core = make(capture_limit=500)
    record = begun(core)
    core.observed(record, [act.Seen("0001", True, True, open_bytes=499)], 101.0)
    assert record.phase == phases.RECORDING
    core.observed(record, [act.Seen("0001", True, True, open_bytes=500)], 101.1)
    assert (record.phase, record.message) == (phases.ENDING, "Max capture data reached.")


def test_a_recorder_that_does_not_end_is_killed() -> None:
    core = make()
    begun(core)
    core.message("stop_job", '{"job_id": 1}', 101.0)
    uses = [a.use for t in range(102, 130) for a in core.tick(float(t)) if isinstance(a, act.Signal)]
    assert uses[0] == "end"
    assert uses[-1] == "kill"


def test_the_table_of_phases_is_closed() -> None:
    for step in phases.STEPS:
        assert step.target in phases.PHASES
        assert step.source in ("", *phases.PHASES)
    assert not phases.allowed("start", phases.RECORDING)


def test_uploads_rest_while_packets_are_being_lost() -> None:
    core = make()
    core.agreed(1)
    record = begun(core)
    core.observed(record, [act.Seen("0001", True, True, counts=Counts(100, 5), closed=(act.Closed("a", 9),))], 101.0)
    assert not [a for a in core.tick(110.0) if isinstance(a, act.Put)]
    assert [a for a in core.tick(132.0) if isinstance(a, act.Put)]


def test_uploads_wait_for_an_idle_processor_while_it_captures_unless_the_disk_gets_short() -> None:
    core = make(min_free_bytes=100)
    core.agreed(1)
    record = begun(core)
    core.observed(record, [act.Seen("0001", True, True, closed=(act.Closed("a", 9),))], 101.0)
    core.spare, core.free_bytes = 0.1, 10_000
    assert not [a for a in core.tick(103.5) if isinstance(a, act.Put)]
    core.free_bytes = 200
    assert [a for a in core.tick(104.0) if isinstance(a, act.Put)]


def test_uploads_wait_for_an_idle_processor_no_longer_than_need_be() -> None:
    core = make(min_free_bytes=100)
    core.agreed(1)
    record = begun(core)
    core.observed(record, [act.Seen("0001", True, True, closed=(act.Closed("a", 9), act.Closed("b", 9)))], 101.0)
    core.spare, core.free_bytes = 0.0, 10_000
    sent = [now for now in range(104, 130) for a in core.tick(float(now)) if isinstance(a, act.Put)]
    assert sent == [114]
    core.put(record.id, 1, "", checked=True)
    assert [now for now in range(130, 150) for a in core.tick(float(now)) if isinstance(a, act.Put)] == [140]
