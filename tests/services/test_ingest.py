"""Processing: rows appear at once or not at all, whatever interrupts it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from tapiary.database import File, Job, Run
from tapiary.errors import Conflict, InvalidInput, NotFound
from tapiary.jobs import Cancelled, Queue
from tapiary.services import Services
from tapiary.services.ingest import PROCESS
from tapiary.services.processing import Processing


def rows(services: Services) -> int:
    return services.store.size()["flows"]["rows"]


def states(services: Services) -> list[str]:
    with services.database.session(write=False) as session:
        return [run.state for run in session.query(Run).order_by(Run.id)]


def test_a_file_becomes_rows(services: Services, sample: Path) -> None:
    told: list[Any] = []
    done = services.ingest.process_file(sample, progress=told.append)
    assert rows(services) == done.summary["flows"] == sum(done.summary["labels"].values())
    assert services.ingest.get(done.job_id).state == "finished"
    view = services.files.by_job(done.job_id)
    assert view.time_start == pytest.approx(done.summary["time_start"], abs=1e-5)
    assert view.flows == done.summary["flows"]
    for progress in told:
        assert {"bytes", "total_bytes", "packets", "flows", "seconds", "packets_per_s", "seconds_left"} == set(progress)


def test_a_stream_becomes_rows_without_packets(services: Services, sample: Path) -> None:
    done = services.ingest.process_file(io.BytesIO(sample.read_bytes()), name="-")
    assert rows(services) == done.summary["flows"] > 0
    with pytest.raises(Conflict, match="index"):
        services.packets.cut(done.job_id, __import__("tapiary.services").services.FlowFilter())


def test_processing_again_replaces(services: Services, sample: Path) -> None:
    first = services.ingest.process_file(sample)
    second = services.ingest.process_file(sample)
    assert rows(services) == second.summary["flows"]
    assert states(services)[-1] == "committed"
    assert states(services)[0] in ("replaced", "dropped")
    assert services.search.statistics(second.job_id)
    with pytest.raises(NotFound, match="later job"):
        services.search.statistics(first.job_id)


def test_no_capture_fails_and_says_so(services: Services, tmp_path: Path) -> None:
    for data in (b"", b"not a capture, whatever its name says"):
        path = tmp_path / "x.pcap"
        path.write_bytes(data)
        with pytest.raises(InvalidInput) as caught:
            services.ingest.process_file(path)
        assert caught.value.field == "file"
        view = services.files.resolve(str(path))
        assert view.job is not None
        assert (view.state, view.job.error) == ("failed", caught.value.message)
    assert rows(services) == 0
    assert "committed" not in states(services)


class Killed(BaseException):
    """As sudden as a signal."""


@pytest.mark.parametrize("step", ["_begin", "_write", "_publish", "_drop"])
@pytest.mark.parametrize("again", [False, True], ids=["first", "again"])
def test_dying_at_any_step_loses_and_doubles_nothing(
    services: Services, sample: Path, monkeypatch: pytest.MonkeyPatch, step: str, again: bool
) -> None:
    """The worker dies before a step of the second attempt's choice; the job is taken up again and ends well."""
    expected = services.ingest.process_file(sample).summary["flows"] if again else None
    view = services.files.add(sample)
    job = services.ingest.submit_file(view)
    original = getattr(Processing, step)

    def die(self: Processing, *arguments: Any) -> Any:
        if step == "_drop" and not any(arguments[0]):
            return original(self, *arguments)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Processing, step, die)
        patch.setattr(Processing, "_abandon", lambda *_: None)  # a killed process tidies nothing
        patch.setattr(Queue, "finish", lambda *_, **__: False)
        from tapiary.jobs import register

        for kind, call in services.ingest.handlers().items():
            register(kind, call)
        if step != "_drop" or again:
            with pytest.raises(Killed):
                services.queue.run_inline(job.id)
        else:
            services.queue.run_inline(job.id)
    if again:
        visible = services.files.by_id(view.id)
        assert visible.run_id is not None, "there are rows to see at every moment"
        assert sum(c.count for c in services.search.statistics(visible.run_job_id or 0)[0].content) == expected
    with services.database.session() as session:
        session.get_one(Job, job.id).state = "queued"
    services.queue.run_inline(job.id)
    services.upkeep.sweep()
    done = services.files.by_id(view.id)
    assert done.job is not None
    assert done.job.state == "finished"
    assert done.run_job_id == job.id
    assert rows(services) == done.flows == sum(c.count for c in services.search.statistics(job.id)[0].content)
    assert states(services).count("committed") == 1


def test_cancelling_leaves_nothing(services: Services, sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = Processing._write

    def cancelled(self: Processing, *arguments: Any) -> Any:
        original(self, *arguments)
        self._context.reason = "cancel"
        self._context.check()

    monkeypatch.setattr(Processing, "_write", cancelled)
    with pytest.raises(Cancelled):
        services.ingest.process_file(sample)
    assert services.files.resolve(str(sample)).state == "cancelled"
    assert rows(services) == 0
    waiting = services.ingest.submit_file(services.files.resolve(str(sample)))
    assert services.ingest.cancel(waiting.id).state == "cancelled"


def test_deleting_while_processing(services: Services, sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = Processing._publish

    def deleted(self: Processing, *arguments: Any) -> Any:
        self._services.files.delete(self._services.files.by_id(self._file_id))
        return original(self, *arguments)

    monkeypatch.setattr(Processing, "_publish", deleted)
    with pytest.raises((NotFound, Cancelled)):
        services.ingest.process_file(sample)
    services.upkeep.sweep()
    assert rows(services) == 0
    assert services.files.list(outside=True) == []


def test_one_job_a_file_at_a_time(services: Services, sample: Path) -> None:
    path = services.files.root / "a.pcap"
    path.write_bytes(sample.read_bytes())
    first = services.ingest.submit("a.pcap")
    assert services.ingest.submit("a.pcap").id == first.id
    services.queue.claim("host - 1 1", first.id)
    assert services.ingest.submit("a.pcap").id == first.id
    waiting = services.queue.submit(PROCESS, {}, services.files.get("a.pcap").id)
    with pytest.raises(Conflict):
        services.ingest.process_file(path)
    assert services.files.get("a.pcap").job == services.ingest.get(first.id)
    assert [(job.id, job.state) for job in services.queue.list()] == [(waiting.id, "queued"), (first.id, "in_progress")]
    with services.database.session(write=False) as session:
        assert session.query(File).count() == 1


def test_new_files_are_queued_by_the_watch(services: Services, sample: Path) -> None:
    from msgspec.structs import replace

    busy = Services(replace(services.config, repository=replace(services.config.repository, auto_process=True)))
    (services.files.root / "a.pcap").write_bytes(sample.read_bytes())
    services.upkeep.watch()
    assert services.files.get("a.pcap").state == "new"
    busy.upkeep.watch()
    assert services.files.get("a.pcap").state == "queued"
    busy.upkeep.watch()
    assert len(services.queue.list()) == 1
    busy.close()


def test_a_job_that_could_not_begin_is_not_run_later(
    services: Services, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process takes the file in the moment before this one's job begins."""
    done = services.ingest.process_file(sample)
    monkeypatch.setattr(Queue, "claim", lambda *_: None)
    with pytest.raises(Conflict):
        services.ingest.process_file(sample)
    assert [job.state for job in services.queue.list()] == ["cancelled", "finished"]
    view = services.files.resolve(str(sample))
    assert view.job is not None
    assert view.job.id == done.job_id
