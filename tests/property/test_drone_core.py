"""The drone's core under any sequence of orders, observations and answers: no part is lost, nothing crashes."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tapiary.capture.drone import actions as act
from tapiary.capture.drone import phases
from tapiary.capture.drone.core import Core

JOBS = st.integers(1, 3)
EVENTS = st.one_of(
    st.tuples(st.just("start"), JOBS, st.sampled_from([0, -99]), st.sampled_from([0, 700])),
    st.tuples(st.sampled_from(["stop", "pause", "delete", "chunk"]), JOBS),
    st.tuples(st.just("file"), st.integers(1, 500)),
    st.tuples(st.just("die"), st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from([0.05, 1.0, 20.0])),
    st.tuples(st.sampled_from(["connect", "cut", "restart", "full", "room"])),
    st.tuples(st.just("agree"), st.sampled_from([0, 1])),
    st.tuples(st.just("answer"), st.sampled_from(["ok", "again", "later", "gone", "chunk_ok", "chunk_no"])),
)


class World:
    """Does the actions like a shell, with files that are only names, and checks each step."""

    def __init__(self) -> None:
        self.now, self.n = 1000.0, 0
        self.files: dict[tuple[int, str], int] = {}         # closed files that the core was told of
        self.delivered: set[int] = set()                    # jobs whose end the hive has confirmed or given up
        self.saved: dict[int, bytes] = {}
        self.running: dict[int, list[str]] = {}
        self.dying: set[int] = set()
        self.pending: list[act.Action] = []
        self.core = self.make([])

    def make(self, records: list[Any]) -> Core:
        core = Core(records, lambda record: ["eth0", "eth1"], lag_s=1.0, min_free_bytes=100)
        core.free_bytes = 1000
        return core

    def do(self, actions: list[act.Action]) -> None:
        import msgspec

        for action in actions:
            match action:
                case act.Save(record):
                    self.saved[record.id] = msgspec.json.encode(record)
                case act.Start(record, recording, guard):
                    assert guard > 0
                    if record.phase == phases.RECORDING:
                        self.running.setdefault(record.id, []).append(recording.stem)
                case act.Signal(record, _use):
                    self.dying.add(record.id)
                case act.Drop(record, part):
                    assert record.ring or part.sent, "a file that the hive does not have may not go"
                    self.files.pop((record.id, part.origin), None)
                case act.Delete(record):
                    assert record.id in self.delivered, "a job may not vanish by itself"
                    self.files = {key: size for key, size in self.files.items() if key[0] != record.id}
                    self.saved.pop(record.id, None)
                    self.running.pop(record.id, None)
                case act.Put() | act.Complete() | act.Merge() | act.Chunk():
                    self.pending.append(action)

    def look(self, *, name: str = "", size: int = 0, dead: bool = False) -> None:
        record = self.core.active()
        if record is None:
            return
        dead = dead or record.id in self.dying
        seen = []
        for at, stem in enumerate(self.running.get(record.id, [])):
            closed = (act.Closed(f"{stem}-{name}", size),) if name and at == 0 else ()
            for file in closed:
                self.files[record.id, file.name] = file.size
            seen.append(act.Seen(stem, not dead, True, closed=closed, open_bytes=3))
        if dead:
            self.running[record.id] = []
            self.dying.discard(record.id)
        self.do(self.core.observed(record, seen, self.now))

    def answer(self, how: str) -> None:
        if not self.pending:
            return
        action, core = self.pending.pop(0), self.core
        job = action.record.id  # type: ignore[union-attr]
        match action:
            case act.Put(_, part) if how in ("ok", "chunk_ok"):
                self.do(core.put(job, part.number, "00", how == "chunk_ok"))
            case act.Complete(record, completion):
                if how == "again":
                    self.do(core.completed(job, [part.number for part in completion.parts[:1]]))
                elif how == "ok":
                    if job in core.jobs and core.jobs[job] is record:
                        here = {n for n, _ in self.files if n == job}
                        names = {part.origin for part in record.kept()}
                        assert all(name in names for n, name in self.files if n == job), here
                    self.delivered.add(job)
                    self.do(core.completed(job, []))
                else:
                    self.do(core.postponed(job, self.now + 1))
            case act.Put():
                if how == "gone":
                    self.delivered.add(job)
                    self.do(core.gone(job))
                else:
                    self.do(core.postponed(job, self.now + 1))
            case act.Merge():
                self.do(core.merged(job, how != "again"))
            case act.Chunk():
                if how == "ok":
                    self.delivered.add(job)
                self.do(core.acknowledged(job, 200 if how == "ok" else 202))

    def restart(self) -> None:
        import msgspec

        from tapiary.capture.drone.records import JobRecord

        self.pending.clear()
        self.core = self.make([msgspec.json.decode(data, type=JobRecord) for data in self.saved.values()])

    def check(self) -> None:
        core = self.core
        assert sum(r.phase in (phases.RECORDING, phases.ENDING) for r in core.jobs.values()) <= 1
        for job, name in self.files:
            assert job in core.jobs, "a job with files was forgotten"
            if not core.jobs[job].ring:
                assert name in {part.origin for part in core.jobs[job].parts}, "a file was forgotten"
        for record in core.jobs.values():
            numbers = [part.number for part in record.parts]
            assert numbers == sorted(set(numbers))


@given(st.lists(EVENTS, max_size=60))
def test_no_sequence_loses_a_part(events: list[tuple[Any, ...]]) -> None:
    world = World()
    for name, *rest in events:
        core = world.core
        world.now += 0.01
        match name:
            case "start":
                if rest[0] not in core.jobs:
                    world.delivered.discard(rest[0])
                data = {"job_id": rest[0], "filter": "", "duration": 10, "max_capture_data": 5000, "priority": rest[1],
                        "options": {"ring_bytes": rest[2]}}
                world.do(core.message("start_job", json.dumps(data), world.now)[0])
            case "stop" | "pause":
                world.do(core.message(f"{name}_job", json.dumps({"job_id": rest[0]}), world.now)[0])
            case "delete":
                if rest[0] in core.jobs:
                    world.delivered.add(rest[0])
                world.do(core.message("delete_job", json.dumps({"job_id": rest[0]}), world.now)[0])
                if rest[0] in core.jobs and not core.jobs[rest[0]].deleting:
                    world.delivered.discard(rest[0])
            case "chunk":
                world.do(core.message("get_chunk", json.dumps({"job_id": rest[0], "chunk_number": 1}), world.now)[0])
            case "file":
                world.n += 1
                world.look(name=str(world.n), size=rest[0])
            case "die":
                world.look(dead=rest[0])
            case "wait":
                world.now += rest[0]
            case "connect":
                world.do(core.connected())
            case "agree":
                world.do(core.agreed(rest[0]))
            case "cut":
                world.do(core.disconnected())
            case "full" | "room":
                core.free_bytes = 10 if name == "full" else 1000
            case "restart":
                world.restart()
            case "answer":
                world.answer(rest[0])
        world.do(world.core.tick(world.now))
        world.check()
