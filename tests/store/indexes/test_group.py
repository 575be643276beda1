"""Who commits for whom."""

from __future__ import annotations

import threading
import time

import pytest

from tapiary.store.indexes.group import Group, Waiting


def submit_all(group: Group, count: int) -> list[object]:
    """Submit from as many threads; returns the versions and errors."""
    answers: list[object] = []

    def work() -> None:
        try:
            answers.append(group.submit(Waiting(None)))
        except OSError as error:
            answers.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    return answers


def test_those_that_come_meanwhile_share_the_next_commit() -> None:
    sizes: list[int] = []

    def commit(group: list[Waiting]) -> None:
        time.sleep(0.2)
        sizes.append(len(group))
        for each in group:
            each.version = len(sizes)

    assert sorted(map(str, submit_all(Group(commit), 20)))[-1] == "2"
    assert sum(sizes) == 20
    assert len(sizes) == 2


def test_all_of_a_group_learn_why_it_failed_and_the_next_one_goes_on() -> None:
    turns: list[int] = []

    def commit(group: list[Waiting]) -> None:
        time.sleep(0.1)
        turns.append(len(group))
        if len(turns) == 2:
            raise OSError("no space")
        for each in group:
            each.version = 7

    group = Group(commit)
    answers = submit_all(group, 10)
    assert answers.count(7) == turns[0]
    assert answers.count("no space") == turns[1]
    assert group.submit(Waiting(None)) == 7


def test_a_leader_that_is_broken_off_leaves_the_lead_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def commit(group: list[Waiting]) -> None:
        for each in group:
            each.version = 1

    group = Group(commit)

    def broken() -> list[Waiting]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(group, "_gather", broken)
        with pytest.raises(KeyboardInterrupt):
            group.submit(Waiting(None))
    assert submit_all(group, 5) == [1] * 5


def test_a_lone_caller_does_not_wait_for_others() -> None:
    group = Group(lambda waiting: None)
    group.submit(Waiting(None))
    began = time.monotonic()
    for _ in range(100):
        group.submit(Waiting(None))
    assert time.monotonic() - began < 1
