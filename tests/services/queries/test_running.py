"""Queries at work: paged, cancelled, timed out, limited, forgotten."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from tapiary.accounts import ANYONE
from tapiary.config import Config, ServerConfig
from tapiary.errors import Conflict, InvalidInput, NotFound, TooLarge, TooManyRequests, Unavailable
from tapiary.services import Services
from tests.services.people import BOB, CLEO
from tests.services.queries.conftest import rows_of, services_with

TIMES = ' | join (src stream="testdata" | set j=1 | project +j) on j'
#: Twenty thousand rows out of twelve.
MANY = 'src stream="testdata" | set j=1 | project +fName, +j' + 3 * TIMES
ROWS = 12**4
#: Takes for ever, in the engine and not in a sleep.
ENDLESS = MANY + 6 * TIMES + " | aggr n=count(1) by fName unwind=true | sort n desc"


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    services = services_with(tmp_path / "data", max_running=4, max_kept=6, keep_s=0.4)
    yield services
    services.close()


def wait_for(condition: object, seconds: float = 10.0) -> None:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_pages_join_to_the_whole(tmp_path: Path) -> None:
    services = services_with(tmp_path)
    view = services.queries.run(BOB, f"{MANY} | set n=strlen(fName)")
    assert (view.state, view.total) == ("done", ROWS)
    assert [(name, str(type)) for name, type in view.columns] == [
        ("fName", "string"), ("j", "long"), ("n", "long")]
    whole = services.queries.page(BOB, view.id, ROWS + 5)
    assert len(whole) == ROWS
    for limit, offset in ((1, 0), (10, 16_380), (20_000, 5_000), (5, ROWS - 2), (7, ROWS), (7, ROWS + 9), (0, 3)):
        assert services.queries.page(BOB, view.id, limit, offset) == whole[offset:offset + limit]
    services.close()


def test_what_is_wrong_is_told_before_anything_runs(services: Services) -> None:
    for nql in ("agr x", 'src stream="nothing"'):
        with pytest.raises(InvalidInput, match="line 1"):
            services.queries.run(BOB, nql)
    for given in ({"start": "yesterday"}, {"end": "@never"}):
        with pytest.raises(InvalidInput, match=r"(start|end)Time: .* is no time"):
            services.queries.run(BOB, 'src stream="testdata"', **given)
    assert services.queries._kept == {}


def test_an_answer_is_its_askers_alone(services: Services) -> None:
    view = services.queries.run(BOB, 'src stream="testdata"')
    for other in (CLEO, ANYONE):
        for call in (services.queries.get, services.queries.cancel):
            with pytest.raises(NotFound):
                call(other, view.id)
        with pytest.raises(NotFound):
            services.queries.page(other, view.id, 1)
    assert services.queries.get(BOB, view.id) == view


def test_a_query_that_is_not_done_yet(services: Services) -> None:
    view = services.queries.run(BOB, 'src stream="testdata" | sleep 400', wait_ms=0)
    assert view.state in ("waiting", "running")
    assert view.total == 0
    with pytest.raises(Conflict, match="still at work"):
        services.queries.page(BOB, view.id, 1)
    wait_for(lambda: services.queries.get(BOB, view.id).state == "done")
    assert services.queries.get(BOB, view.id).total == 12


def test_more_rows_than_are_kept(tmp_path: Path) -> None:
    services = services_with(tmp_path, max_rows=20_000)
    with pytest.raises(TooLarge, match=r"more than 20000 rows \(queries.max_rows\)"):
        services.queries.run(BOB, MANY)
    assert services.queries.run(BOB, f"{MANY} | limit 20000").total == 20_000
    assert sum(batch.num_rows for batch in services.queries.stream(BOB, MANY).batches) == ROWS
    services.close()


def test_the_engine_is_stopped_by_wish(services: Services) -> None:
    for nql, state in ((ENDLESS, "running"), ('src stream="testdata" | sleep 50000', "waiting")):
        view = services.queries.run(BOB, nql, wait_ms=500)
        assert view.state == state
        job = services.queries._kept[view.id]
        services.queries.cancel(BOB, view.id)
        assert job.ended.wait(5.0)
        assert isinstance(job.error, Conflict)
        assert job.error.code == "query_cancelled"
        with pytest.raises(NotFound):
            services.queries.get(BOB, view.id)
    assert rows_of(services, 'src stream="testdata" | aggr n=count(1)', BOB) == [{"n": 12}]


def test_the_engine_is_stopped_by_time(tmp_path: Path) -> None:
    services = services_with(tmp_path, timeout_s=0.5)
    begin = time.monotonic()
    with pytest.raises(TooLarge, match=r"longer than 0\.5 s"):
        services.queries.run(BOB, ENDLESS)
    with pytest.raises(TooLarge, match=r"longer than 0\.5 s"):
        services.queries.stream(BOB, ENDLESS)
    assert time.monotonic() - begin < 15.0
    services.close()


def test_a_slow_reader_is_no_slow_query(tmp_path: Path) -> None:
    services = services_with(tmp_path, timeout_s=0.5)
    answer = services.queries.stream(BOB, MANY)
    time.sleep(1.0)
    assert sum(batch.num_rows for batch in answer.batches) == ROWS
    services.close()


def test_so_many_are_at_work_and_the_others_wait(services: Services) -> None:
    views = [services.queries.run(BOB, ENDLESS, wait_ms=0) for _ in range(3)]
    def states() -> list[str]:
        return sorted(services.queries.get(BOB, view.id).state for view in views)

    wait_for(lambda: states() == ["running", "running", "waiting"])
    with pytest.raises(TooManyRequests, match="of yours"):
        services.queries.run(BOB, 'src stream="testdata"', wait_ms=0)
    assert rows_of(services, 'src stream="testdata" | aggr n=count(1)', CLEO) == [{"n": 12}]
    busy = next(view for view in views if services.queries.get(BOB, view.id).state == "running")
    views.remove(busy)
    services.queries.cancel(BOB, busy.id)
    wait_for(lambda: states() == ["running", "running"])


def test_requests_that_wait_leave_threads_to_others(tmp_path: Path) -> None:
    """Half of the threads may wait for queries, of them half for one user's; whoever finds no place is told soon."""
    config = Config(data_dir=str(tmp_path), server=ServerConfig(threads=4))
    services = Services(config)
    waiting = threading.Thread(target=lambda: services.queries.run(BOB, ENDLESS, wait_ms=6000))
    waiting.start()
    wait_for(lambda: services.queries._waits._held)
    begin = time.monotonic()
    with pytest.raises(Unavailable, match="wait for queries"):
        services.queries.run(BOB, ENDLESS, wait_ms=60_000)
    assert time.monotonic() - begin < 6.0
    assert services.queries.run(CLEO, ENDLESS, wait_ms=600).state == "running"
    waiting.join()
    services.close()


def test_nobody_pushes_out_the_rows_of_others(tmp_path: Path) -> None:
    services = services_with(tmp_path, max_kept=3)
    cleos = services.queries.run(CLEO, 'src stream="testdata"')
    views = [services.queries.run(BOB, 'src stream="testdata"') for _ in range(5)]
    assert services.queries.get(CLEO, cleos.id).total == 12
    for view in views[:3]:
        with pytest.raises(NotFound):
            services.queries.get(BOB, view.id)
    assert len(services.queries.page(BOB, views[3].id, 12)) == len(services.queries.page(BOB, views[4].id, 12)) == 12
    services.close()


def test_a_query_that_sleeps_takes_no_place(services: Services) -> None:
    for _ in range(2):
        assert services.queries.run(BOB, 'src stream="testdata" | sleep 3000', wait_ms=0).state == "waiting"
    begin = time.monotonic()
    assert rows_of(services, 'src stream="testdata" | aggr n=count(1)', BOB) == [{"n": 12}]
    assert time.monotonic() - begin < 2.5


def test_a_stream_that_nobody_reads_takes_no_place(services: Services) -> None:
    answers = [services.queries.stream(BOB, MANY) for _ in range(5)]
    assert rows_of(services, 'src stream="testdata" | aggr n=count(1)', BOB) == [{"n": 12}]
    for answer in answers:
        assert next(answer.batches).num_rows
        answer.close()


def test_old_answers_go_and_the_oldest_make_room(services: Services) -> None:
    first, second, third, *_ = [services.queries.run(BOB, 'src stream="testdata"') for _ in range(6)]
    services.queries.get(BOB, first.id)
    fourth = services.queries.run(BOB, 'src stream="testdata"')
    with pytest.raises(NotFound):
        services.queries.get(BOB, second.id)
    assert len(services.queries.page(BOB, first.id, 99)) == 12
    time.sleep(0.5)
    services.queries.expire()
    for view in (first, third, fourth):
        with pytest.raises(NotFound, match="no longer kept"):
            services.queries.get(BOB, view.id)


def test_nothing_is_left_on_the_disk(services: Services) -> None:
    folder = services.store.folder / "_tmp"
    view = services.queries.run(BOB, MANY)
    assert not [path for path in folder.rglob("*") if path.is_file()]
    assert services.queries.page(BOB, view.id, 1)


def test_closing_ends_what_is_at_work(tmp_path: Path) -> None:
    services = services_with(tmp_path)
    services.queries.run(BOB, ENDLESS, wait_ms=200)
    services.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "query"]


def test_placeholders_and_a_stream_beside_the_query(services: Services) -> None:
    nql = 'age > ${LEAST} | aggr n=count(1)'
    assert rows_of(services, nql, BOB, default_stream="testdata", parameters={"LEAST": "40"}) == [{"n": 5}]


def test_what_cannot_be_computed_is_told(services: Services) -> None:
    rows = rows_of(services, f'records {{"x": {2**62}}} | set y=mul(x, x), z=sqrt(-1), w=div(x, 0)', BOB)
    assert (rows[0]["z"], rows[0]["w"]) == (None, None)


def test_a_stream_has_readable_values(services: Services) -> None:
    nql = 'records {"a": toIp("2001:db8::1", type=IpAddress)}'
    answer = services.queries.stream(BOB, nql)
    assert answer.schema == pa.schema([("a", pa.string())])
    assert [batch.to_pylist() for batch in answer.batches] == [[{"a": "2001:db8::1"}]]
