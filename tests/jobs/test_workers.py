"""Real worker processes, really killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tapiary.config import Config
from tapiary.jobs import Queue, Workers
from tapiary.jobs.owner import is_dead

Until = Callable[..., None]


def test_progress_is_visible_while_the_job_runs(queue: Queue, workers: Workers, until: Until) -> None:
    job = queue.submit("nap", {"seconds": 600})
    until(lambda: queue.get(job.id).progress)
    queue.cancel(job.id)
    until(lambda: queue.get(job.id).state == "cancelled")


def test_errors_reach_the_job(queue: Queue, workers: Workers, until: Until) -> None:
    user, bug = queue.submit("fail", {"how": "user"}), queue.submit("fail", {"how": "bug"})
    until(lambda: queue.get(bug.id).state == "failed")
    assert queue.get(user.id).error == "the file is no capture"
    assert queue.get(bug.id).error == "ZeroDivisionError: oh"


def test_the_job_of_a_killed_worker_is_taken_up_again(queue: Queue, workers: Workers, until: Until) -> None:
    job = queue.submit("nap", {"seconds": 1.0})
    until(lambda: queue.get(job.id).progress)
    os.kill(workers.pids()[0], signal.SIGKILL)
    until(lambda: queue.get(job.id).state == "finished")
    assert queue.get(job.id).attempts == 2


def test_a_job_that_kills_its_workers_fails_in_the_end(queue: Queue, workers: Workers, until: Until) -> None:
    deadly, other = queue.submit("die", {}), queue.submit("nap", {})
    until(lambda: queue.get(deadly.id).state == "failed")
    assert queue.get(deadly.id).error == "the worker was killed by SIGKILL, at attempt 3 of 3"
    until(lambda: queue.get(other.id).state == "finished")


def test_a_stopped_server_puts_its_jobs_back(queue: Queue, config: Config, until: Until) -> None:
    workers = Workers(config, "tests.jobs.handlers:make")
    workers.start()
    job = queue.submit("nap", {"seconds": 600})
    until(lambda: queue.get(job.id).progress)
    pids = workers.pids()
    workers.stop()
    assert (queue.get(job.id).state, queue.get(job.id).attempts) == ("queued", 0)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_an_idle_worker_costs_little(queue: Queue, workers: Workers, until: Until) -> None:
    warm = queue.submit("nap", {})
    until(lambda: queue.get(warm.id).state == "finished")

    def ticks() -> int:
        fields = Path(f"/proc/{workers.pids()[0]}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    before = ticks()
    time.sleep(2)
    assert (ticks() - before) / os.sysconf("SC_CLK_TCK") / 2 < 0.05


SERVER = """
import sys, time
from tapiary.config import Config, JobsConfig
from tapiary.jobs import Workers
sys.path.insert(0, {root!r})
if __name__ == "__main__":
    Workers(Config(data_dir={data!r}, log_level="error", jobs=JobsConfig(workers=2, lease_s=2.0)),
            "tests.jobs.handlers:make").start()
    print("up", flush=True)
    time.sleep(600)
"""


def start_server(config: Config) -> subprocess.Popen[Any]:
    code = SERVER.format(root=str(Path(__file__).parents[2]), data=str(config.data_path))
    server = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert server.stdout is not None
    server.stdout.readline()
    return server


def test_workers_of_a_killed_server_end_themselves(queue: Queue, config: Config, until: Until) -> None:
    server = start_server(config)
    try:
        job = queue.submit("nap", {"seconds": 600})
        until(lambda: queue.get(job.id).progress)
    finally:
        server.kill()
        server.communicate()
    owner = queue.get(job.id).owner
    assert owner is not None
    until(lambda: is_dead(owner), 3)
    assert queue.recover() == 1


def test_kill_9_of_the_server_at_random_moments_loses_and_doubles_nothing(
    queue: Queue, config: Config, until: Until, tmp_path: Path,
) -> None:
    log = tmp_path / "log"
    chance = random.Random(2)
    made: list[int] = []
    for _ in range(6):
        server = start_server(config)
        try:
            made += [queue.submit("append", {"log": str(log), "seconds": 0.03}).id for _ in range(8)]
            time.sleep(chance.uniform(0.3, 0.9))
        finally:
            server.kill()
            server.communicate()
    server = start_server(config)
    try:
        until(lambda: not queue.list(states=["queued", "in_progress"]), 40)
    finally:
        server.kill()
        server.communicate()
    states = Counter(queue.get(job_id).state for job_id in made)
    assert states == {"finished": len(made)}
    lines = [line.split() for line in log.read_text().splitlines()]
    ended = [int(job) for word, job, *_ in lines if word == "end"]
    assert set(ended) == set(made)
    assert [line for line in lines if line[0] == "twice"] == []


def test_a_stalled_worker_keeps_its_job_beyond_the_lease(queue: Queue, workers: Workers, until: Until) -> None:
    """It may go on at any moment: giving its job to another would run it twice at the same time."""
    job = queue.submit("nap", {"seconds": 0.3})
    until(lambda: queue.get(job.id).progress)
    pid = workers.pids()[0]
    os.kill(pid, signal.SIGSTOP)
    try:
        lease = queue.get(job.id).lease_until
        assert lease is not None
        until(lambda: time.time() > lease + 0.5)
        assert queue.recover() == 0
        assert queue.get(job.id).attempts == 1
    finally:
        os.kill(pid, signal.SIGCONT)
    until(lambda: queue.get(job.id).state == "finished")
    assert queue.get(job.id).attempts == 1
