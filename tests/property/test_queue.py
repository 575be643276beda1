"""The queue against a model of a few lines, over random histories of clients, workers and deaths."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from tapiary.config import JobsConfig
from tapiary.database import Database, File, Job
from tapiary.jobs import Queue
from tapiary.jobs.states import TRANSITIONS, ended

FILES = 3
#: Nothing can be proved about these owners from here, and their leases are long: only `recover(owner=…)` takes them.
OWNERS = [f"elsewhere 0000/1 {n} 1" for n in range(3)]
STEPS = {(t.source, t.target) for t in TRANSITIONS}


class History(RuleBasedStateMachine):
    """Each rule is something that somebody may do at any time."""

    jobs = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.database = Database(f"sqlite:///{Path(self.folder.name)}/t.db")
        self.database.upgrade()
        self.queue = Queue(self.database, JobsConfig(lease_s=1000.0, max_attempts=2))
        with self.database.session() as session:
            session.add_all([File(name=f"{n}.pcap") for n in range(FILES)])
        #: job → its state as it must be; claim → the attempt that holds it
        self.state: dict[int, str] = {}
        self.facts: dict[int, tuple[int, int | None]] = {}
        self.claims: dict[int, Job] = {}
        self.past: list[Job] = []

    def teardown(self) -> None:
        self.database.close()
        self.folder.cleanup()

    def step(self, job_id: int, target: str) -> None:
        assert (self.state[job_id], target) in STEPS
        self.state[job_id] = target

    @rule(target=jobs, priority=st.integers(-1, 1), file=st.none() | st.integers(1, FILES), hold=st.booleans())
    def submit(self, priority: int, file: int | None, hold: bool) -> int:
        job = self.queue.submit("k", {}, file, priority, hold=hold)
        assert job.id not in self.state
        self.state[job.id] = "new" if hold else "queued"
        self.facts[job.id] = (priority, file)
        return job.id

    @rule(job=jobs)
    def release(self, job: int) -> None:
        assert self.queue.release(job) == (self.state[job] == "new")
        if self.state[job] == "new":
            self.step(job, "queued")

    @rule(owner=st.sampled_from(OWNERS))
    def claim(self, owner: str) -> None:
        busy = {self.facts[j][1] for j in self.claims} - {None}
        ready = [j for j, s in self.state.items() if s == "queued" and self.facts[j][1] not in busy]
        job = self.queue.claim(owner)
        assert (job.id if job else None) == min(ready, key=lambda j: (-self.facts[j][0], j), default=None)
        if job is not None:
            self.step(job.id, "in_progress")
            self.claims[job.id] = job

    @rule(job=jobs)
    def cancel(self, job: int) -> None:
        if self.state[job] in ("new", "queued"):
            self.step(job, "cancelled")
        got = self.queue.cancel(job)
        assert got.state == self.state[job]
        if job in self.claims:
            assert self.queue.wish(self.claims[job]) == "cancel"

    @rule(job=jobs, event=st.sampled_from(["finish", "fail", "stop", "requeue"]))
    def end(self, job: int, event: str) -> None:
        claim = self.claims.pop(job, None)
        if claim is None:
            return
        assert self.queue.renew(claim, {"packets": job})
        assert self.queue.finish(claim, event)
        self.step(job, {"finish": "finished", "fail": "failed", "stop": "cancelled", "requeue": "queued"}[event])
        self.past.append(claim)

    @rule(owner=st.sampled_from(OWNERS))
    def die(self, owner: str) -> None:
        lost = [job for job in self.claims.values() if job.owner == owner]
        assert self.queue.recover(owner=owner) == len(lost)
        for job in lost:
            del self.claims[job.id]
            self.past.append(job)
            wished = self.queue.get(job.id).cancel_requested
            self.step(job.id, "cancelled" if wished else "failed" if job.attempts >= 2 else "queued")

    @rule()
    def nobody_is_provably_dead(self) -> None:
        assert self.queue.recover() == 0

    @invariant()
    def the_past_changes_nothing(self) -> None:
        for claim in self.past[-3:]:
            held = self.claims.get(claim.id)
            if held is None or (held.owner, held.attempts) != (claim.owner, claim.attempts):
                assert not self.queue.finish(claim, "finish")
                assert self.queue.wish(claim) == "lost"

    @invariant()
    def the_database_agrees(self) -> None:
        found = {job.id: job for job in self.queue.list(limit=1000)}
        assert {n: job.state for n, job in found.items()} == self.state
        for job in found.values():
            assert (job.owner is not None) == (job.state == "in_progress")
            assert (job.finished_at is not None) == (job.state in ended())


TestHistory = History.TestCase
TestHistory.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))
