"""Who lives and who does not."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from tapiary.jobs.owner import is_alive, is_dead, name_of, own_name

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


def test_this_process_lives() -> None:
    assert is_alive(own_name())
    assert not is_dead(own_name())


def test_a_killed_child_is_dead_before_and_after_its_burial() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    name = name_of(child.pid)
    assert is_alive(name)
    child.kill()
    while is_alive(name):
        pass
    assert is_dead(name)  # a zombie: nobody has asked for its end yet
    child.communicate()
    assert is_dead(name)


def test_a_process_number_used_again_is_another_process() -> None:
    host, place, pid, start = own_name().rsplit(" ", 3)
    assert is_dead(f"{host} {place} {pid} {int(start) - 1}")


def test_nothing_is_provable_about_other_machines() -> None:
    other = "elsewhere 00000000-0000/1 1 1"
    assert not is_dead(other)
    assert not is_alive(other)


def test_not_being_able_to_look_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    name = own_name()

    def full(*_: object) -> str:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(Path, "read_text", full)
    assert not is_dead(name)
    assert not is_alive(name)
    unknown = name_of(1)
    assert not is_dead(unknown)
