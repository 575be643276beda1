"""Steps of the queue in one process."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tapiary.config import Config, JobsConfig
from tapiary.database import Database, File
from tapiary.errors import Conflict, InternalError, InvalidInput, NotFound, Unavailable
from tapiary.jobs import Cancelled, Context, Queue, register
from tapiary.jobs.owner import own_name
from tests.jobs.handlers import HANDLERS

for kind, call in HANDLERS.items():
    register(kind, call)

ELSEWHERE = "elsewhere 0000/1 1 1"


def test_priority_goes_first_then_age(queue: Queue) -> None:
    low, old, new = queue.submit("nap", {}, priority=-1), queue.submit("nap", {}), queue.submit("nap", {})
    high = queue.submit("nap", {}, priority=5)
    order = []
    while (job := queue.claim("me")) is not None:
        order.append(job.id)
    assert order == [high.id, old.id, new.id, low.id]


def test_get_and_list(queue: Queue) -> None:
    first, second = queue.submit("nap", {"n": 1}), queue.submit("fail", {"how": "bug"})
    assert queue.get(first.id).arguments == {"n": 1}
    assert [j.id for j in queue.list()] == [second.id, first.id]
    assert [j.id for j in queue.list(kind="nap")] == [first.id]
    assert [j.id for j in queue.list(states=["finished"])] == []
    assert [j.id for j in queue.list(before=second.id, limit=5)] == [first.id]
    with pytest.raises(NotFound):
        queue.get(99)
    with pytest.raises(NotFound):
        queue.cancel(99)


def test_submitting_in_a_transaction_that_fails_submits_nothing(queue: Queue) -> None:
    with pytest.raises(ZeroDivisionError), queue.database.session() as session:
        job = queue.submit("nap", {}, session=session)
        assert job.id
        raise ZeroDivisionError
    assert queue.list() == []


def test_a_held_job_waits_for_its_release(queue: Queue) -> None:
    job = queue.submit("nap", {}, hold=True)
    assert queue.get(job.id).state == "new"
    assert queue.claim("me") is None
    assert queue.release(job.id)
    assert not queue.release(job.id)
    claimed = queue.claim("me")
    assert claimed is not None
    assert claimed.id == job.id


def test_cancelling_a_waiting_job_ends_it(queue: Queue) -> None:
    for hold in (False, True):
        job = queue.submit("nap", {}, hold=hold)
        assert queue.cancel(job.id).state == "cancelled"
        assert queue.claim("me") is None
        assert queue.cancel(job.id).state == "cancelled"


def test_two_jobs_never_work_on_one_file(queue: Queue) -> None:
    with queue.database.session() as session:
        session.add(File(name="a.pcap"))
    first, second = queue.submit("nap", {}, file_id=1), queue.submit("nap", {}, file_id=1)
    job = queue.claim("me")
    assert job is not None
    assert job.id == first.id
    assert queue.claim("me") is None
    assert queue.claim("me", second.id) is None
    assert queue.finish(job, "finish")
    job = queue.claim("me")
    assert job is not None
    assert job.id == second.id


def test_a_job_is_finished_by_its_attempt_only(queue: Queue) -> None:
    queue.submit("nap", {})
    first = queue.claim(ELSEWHERE)
    assert first is not None
    assert queue.recover(owner=ELSEWHERE) == 1
    second = queue.claim(ELSEWHERE)
    assert second is not None
    assert second.attempts == 2
    assert queue.wish(first) == "lost"
    assert not queue.renew(first, {"n": 1})
    assert not queue.finish(first, "finish")
    with queue.database.session() as session:
        assert not queue.holds(session, first)
        assert queue.holds(session, second)
    assert queue.finish(second, "finish")


def test_what_cannot_be_proved_waits_for_its_lease(queue: Queue) -> None:
    queue.config = JobsConfig(lease_s=0.2)
    job = queue.submit("nap", {})
    queue.claim(ELSEWHERE)
    assert queue.recover() == 0
    time.sleep(0.25)
    assert queue.recover() == 1
    assert queue.get(job.id).state == "queued"


def test_a_living_owner_keeps_its_job_even_when_silent(queue: Queue) -> None:
    queue.config = JobsConfig(lease_s=0.01)
    job = queue.submit("nap", {})
    queue.claim(own_name())
    time.sleep(0.05)
    assert queue.recover() == 0
    assert queue.get(job.id).state == "in_progress"


def test_the_last_attempt_that_dies_fails_with_the_reason(queue: Queue) -> None:
    job = queue.submit("nap", {})
    for _ in range(queue.config.max_attempts):
        assert queue.claim(ELSEWHERE) is not None
        queue.recover("the worker was killed by SIGKILL", ELSEWHERE)
    ended = queue.get(job.id)
    assert ended.state == "failed"
    assert ended.error == "the worker was killed by SIGKILL, at attempt 3 of 3"


def test_a_cancelled_job_of_a_dead_worker_is_not_run_again(queue: Queue) -> None:
    job = queue.submit("nap", {})
    queue.claim(ELSEWHERE)
    queue.cancel(job.id)
    queue.recover(owner=ELSEWHERE)
    assert queue.get(job.id).state == "cancelled"


def test_inline_run_to_each_end(queue: Queue) -> None:
    seen: list[dict[str, Any]] = []
    done = queue.run_inline(queue.submit("report", {}, hold=True).id, on_progress=seen.append)
    assert done.state == "finished"
    assert done.progress == {"n": 999}
    assert len(seen) == 1000
    with pytest.raises(Conflict):
        queue.run_inline(done.id)
    job = queue.submit("fail", {"how": "user"})
    with pytest.raises(InvalidInput):
        queue.run_inline(job.id)
    assert (queue.get(job.id).state, queue.get(job.id).error) == ("failed", "the file is no capture")
    job = queue.submit("fail", {"how": "bug"})
    with pytest.raises(ZeroDivisionError):
        queue.run_inline(job.id)
    assert queue.get(job.id).error == "ZeroDivisionError: oh"
    job = queue.submit("unheard-of", {})
    with pytest.raises(InternalError, match="unheard-of"):
        queue.run_inline(job.id)
    assert queue.get(job.id).state == "failed"


def test_a_passing_failure_is_tried_again_after_a_rest(queue: Queue) -> None:
    job = queue.submit("fail", {"how": "passing"})
    with pytest.raises(Unavailable):
        queue.run_inline(job.id)
    assert queue.get(job.id).state == "queued"
    assert not queue.has_waiting()
    assert queue.claim("me") is None
    time.sleep(1.05)
    assert queue.has_waiting()
    assert queue.run_inline(job.id).state == "finished"


def test_cancelling_an_inline_run_is_seen_while_it_runs(queue: Queue) -> None:
    job = queue.submit("nap", {"seconds": 600})
    timer = threading.Timer(0.2, queue.cancel, (job.id,))
    timer.start()
    with pytest.raises(Cancelled):
        queue.run_inline(job.id)
    assert queue.get(job.id).state == "cancelled"


def test_an_interrupted_inline_run_is_cancelled(queue: Queue) -> None:
    def interrupted(context: Context, arguments: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    register("interrupted", interrupted)
    job = queue.submit("interrupted", {})
    with pytest.raises(KeyboardInterrupt):
        queue.run_inline(job.id)
    assert queue.get(job.id).state == "cancelled"


def test_progress_is_written_five_times_a_second_at_most(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[float] = []
    renew = queue.renew

    def counted(*arguments: Any) -> bool:
        writes.append(time.monotonic())
        return renew(*arguments)

    monkeypatch.setattr(queue, "renew", counted)
    started = time.monotonic()
    queue.run_inline(queue.submit("report", {}).id)
    assert 2 <= len(writes) <= (time.monotonic() - started) * 5 + 2


def test_guard_stops_what_is_no_longer_its_own(queue: Queue) -> None:
    queue.submit("nap", {})
    job = queue.claim(ELSEWHERE)
    assert job is not None
    context = Context(queue, job)
    with queue.database.session() as session:
        context.guard(session)
    queue.recover(owner=ELSEWHERE)
    with queue.database.session() as session, pytest.raises(Cancelled):
        context.guard(session)


def test_many_threads_claim_each_job_once(queue: Queue) -> None:
    made = {queue.submit("nap", {}).id for _ in range(40)}
    taken: list[int] = []

    def work() -> None:
        while (job := queue.claim(own_name())) is not None:
            taken.append(job.id)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(made)
    assert set(taken) == made


def test_a_submitted_job_survives_the_process(config: Config, queue: Queue, tmp_path: Path) -> None:
    import subprocess
    import sys

    code = f"""
import os
from tapiary.config import Config, JobsConfig
from tapiary.database import Database
from tapiary.jobs import Queue
job = Queue(Database({config.database_url!r}), JobsConfig()).submit("nap", {{}})
print(job.id, flush=True)
os.kill(os.getpid(), 9)
"""
    out = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=False).stdout
    assert queue.get(int(out)).state == "queued"
    assert Database(config.database_url).revision() is not None
