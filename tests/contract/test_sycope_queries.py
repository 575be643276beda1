"""Queries in Sycope's dialect: totals, pages, ranges, what is told of a query that is wrong."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.contract.npm import OK, Npm, check_error

RUN = "/pipeline/run"
PEOPLE = 'src stream="testdata"'
#: A query that takes its time, and can be broken off.
SLOW = f"{PEOPLE} | sleep 30000"


def run(npm: Npm, nql: str, **body: Any) -> dict[str, Any]:
    answer = npm.alice.post(RUN, json={"nql": nql, "fsActive": False, "waitTime": 30_000, "limit": 10, **body})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json
    return found


def page(npm: Npm, job: str, **body: Any) -> list[dict[str, Any]]:
    answer = npm.alice.post(f"/pipeline/{job}/data", json=body)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json["data"]
    return rows


def test_a_run_gives_the_final_total_and_the_columns(shared_npm: Npm) -> None:
    answer = run(shared_npm, f"{PEOPLE} | project +fName, age | limit 3")
    assert set(answer) == {"jobId", "data", "status"}
    assert answer["data"] == {
        "total": 3, "columns": [{"name": "fName", "type": "string"}, {"name": "age", "type": "long"}],
    }
    assert answer["status"] == {"state": "FINISHED"}
    full = shared_npm.alice.post(f"/pipeline/{answer['jobId']}/data", json={"limit": 10, "offset": 0}).json
    assert list(full) == ["data", "total", "status"]
    assert (full["total"], full["status"], len(full["data"])) == (3, {"state": "FINISHED"}, 3)


def test_pages_in_any_order_and_none_behind_the_last_row(shared_npm: Npm) -> None:
    answer = run(shared_npm, f"{PEOPLE} | sort fName, lName | project +fName, lName")
    job, total = answer["jobId"], answer["data"]["total"]
    assert total == 12
    whole = page(shared_npm, job)
    assert len(whole) == total
    for offset, limit in ((6, 3), (0, 5), (11, 5), (9, 3), (0, 12)):
        assert page(shared_npm, job, offset=offset, limit=limit) == whole[offset : offset + limit]
    assert page(shared_npm, job, offset=total, limit=3) == []
    assert page(shared_npm, job, offset=10**12, limit=2**63 - 1) == []
    assert page(shared_npm, job, offset=3, limit=0) == []


def test_pages_of_more_rows_than_are_made_into_text_at_once(npm: Npm) -> None:
    npm.alice.index("many", n="int")
    npm.alice.inject("many", ["timestamp", "n"], [[n, n] for n in range(12_345)])
    job = run(npm, 'src stream="many" | sort n')["jobId"]
    assert [row["n"] for row in page(npm, job, offset=100, limit=12_000)] == list(range(100, 12_100))
    assert [row["n"] for row in page(npm, job)] == list(range(12_345))


def test_a_result_stays_as_it_was(npm: Npm) -> None:
    npm.alice.index("growing")
    npm.alice.inject("growing", ["timestamp"], [[1]])
    job = run(npm, 'src stream="growing"')["jobId"]
    npm.alice.inject("growing", ["timestamp"], [[2]])
    assert [row["timestamp"] for row in page(npm, job)] == [1]
    assert run(npm, 'src stream="growing"')["data"]["total"] == 2


def test_members_come_in_the_order_that_clients_rely_on(shared_npm: Npm) -> None:
    raw = page(shared_npm, run(shared_npm, PEOPLE)["jobId"])[0]
    assert list(raw)[-1] == "_stream"
    for nql, names in (
        (f"{PEOPLE} | aggr oldest=max(age) unwind=true", ["oldest"]),
        (f"{PEOPLE} | aggr n=count(1), oldest=max(age) by dep as d, ctry unwind=true", ["n", "oldest", "d", "ctry"]),
        (f"{PEOPLE} | project +lName, fName", ["lName", "fName"]),
    ):
        assert list(page(shared_npm, run(shared_npm, nql)["jobId"])[0]) == names


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("@2024-01-01T00:00:00+00:00", "@2024-01-01T00:00:03+00:00"),
        ("@2024-01-01T00:00:00.000Z", "@2024-01-01T00:00:03.000Z"),
        ("@2024-01-01T01:00:00+01:00", "@2023-12-31T19:00:03-05:00"),
        (1_704_067_200_000, 1_704_067_203_000),
        (None, "@2024-01-01T00:00:03Z"),
    ],
)
def test_ranges(npm: Npm, start: Any, end: Any) -> None:
    npm.alice.index("timed")
    begin = 1_704_067_200_000
    npm.alice.inject("timed", ["timestamp"], [[begin + 1000 * n] for n in range(5)])
    found = page(npm, run(npm, 'src stream="timed" | sort timestamp', startTime=start, endTime=end)["jobId"])
    assert [row["timestamp"] - begin for row in found] == [0, 1000, 2000]  # the end is not in it
    assert run(npm, PEOPLE, startTime=start, endTime=end)["data"]["total"] == 12  # a stream without time


def test_parameters(shared_npm: Npm) -> None:
    answer = run(shared_npm, f"{PEOPLE} | age > ${{AGE}}", parameters={"AGE": 50})
    assert answer["data"]["total"] == 2
    check_error(shared_npm.alice.post(RUN, json={"nql": f"{PEOPLE} | age > ${{AGE}}"}), 400, "AGE")


@pytest.mark.parametrize(
    ("nql", "words"),
    [
        ("", ("nql",)),
        ('src stream="nothing"', ("nothing",)),
        (f"{PEOPLE} | nonsense nonsense", ("line 1",)),
        (f"{PEOPLE} |\n age > ", ("line 2",)),
        (f"{PEOPLE} | set x=nofunction(1)", ("nofunction",)),
        (f"{PEOPLE} | age > {'(' * 5000}", ("nql",)),
        ("x" * 1_000_000, ("nql",)),
    ],
)
def test_a_query_that_is_wrong(shared_npm: Npm, nql: str, words: tuple[str, ...]) -> None:
    answer = shared_npm.alice.post(RUN, json={"nql": nql, "waitTime": 30_000})
    if len(nql) < 1_000_000:
        check_error(answer, 400, *words)
    assert answer.status_code in (400, 413)
    assert "jobId" not in answer.json


@pytest.mark.parametrize(
    "body",
    [
        {}, [], None, {"nql": 7}, {"nql": PEOPLE, "waitTime": -1}, {"nql": PEOPLE, "waitTime": "x"},
        {"nql": PEOPLE, "startTime": "yesterday evening"}, {"nql": PEOPLE, "endTime": "@x"},
        {"nql": PEOPLE, "startTime": [1]}, {"nql": PEOPLE, "parameters": {"A": [1]}},
    ],
)
def test_bodies_that_are_no_queries(shared_npm: Npm, body: Any) -> None:
    check_error(shared_npm.alice.post(RUN, json=body), 400)


def test_results_are_their_owners_alone(shared_npm: Npm) -> None:
    job = run(shared_npm, PEOPLE)["jobId"]
    for caller in (shared_npm.bob, shared_npm.root):
        check_error(caller.post(f"/pipeline/{job}/data", json={}), 404)
        check_error(caller.delete(f"/pipeline/{job}"), 404)
    assert len(page(shared_npm, job)) == 12
    for body in ({"offset": -1}, {"limit": -1}, {"limit": "x"}, []):
        check_error(shared_npm.alice.post(f"/pipeline/{job}/data", json=body), 400)
    assert shared_npm.alice.delete(f"/pipeline/{job}").json == OK
    check_error(shared_npm.alice.post(f"/pipeline/{job}/data", json={}), 404)
    check_error(shared_npm.alice.delete(f"/pipeline/{job}"), 404)


def test_a_query_that_takes_longer_than_the_wait_is_broken_off(shared_npm: Npm) -> None:
    began = time.monotonic()
    answer = shared_npm.alice.post(RUN, json={"nql": SLOW, "waitTime": 300})
    check_error(answer, 503, "waitTime")
    assert time.monotonic() - began < 5
    assert "jobId" not in answer.json


def test_a_query_that_nobody_waits_for(shared_npm: Npm) -> None:
    job = run(shared_npm, SLOW, waitTime=0)["jobId"]
    answer = shared_npm.alice.post(f"/pipeline/{job}/data", json={"limit": 5, "offset": 0})
    assert answer.json == {"data": [], "total": 0, "status": {"state": "RUNNING"}}
    assert shared_npm.alice.delete(f"/pipeline/{job}").json == OK
    check_error(shared_npm.alice.post(f"/pipeline/{job}/data", json={}), 404)


def test_results_expire(npm: Npm) -> None:
    job = run(npm, PEOPLE)["jobId"]
    npm.services.queries.close()
    check_error(npm.alice.post(f"/pipeline/{job}/data", json={}), 404)
