"""Limits end a command, all of it, and say which one it was."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from .conftest import Box, Ran


def alive(ran: Ran, marker: str) -> list[str]:
    """Processes of this machine whose command line has a marker."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                line = Path(f"/proc/{entry}/cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if marker in line:
                found.append(line)
    return found


def test_a_command_ends_by_itself(box: Box) -> None:
    ran = box("echo out; echo err >&2; exit 3")
    assert (ran.outcome.exit_code, ran.outcome.reason, ran.outcome.last_error) == (3, "", "err")
    assert (ran.stdout, ran.stderr) == ("out\n", "err\n")


def test_a_signal_is_told_as_shells_do(box: Box) -> None:
    assert box("kill -TERM $$").outcome.exit_code == 143


def test_time(box: Box) -> None:
    ran = box("sleep 100", time_limit_s=0.5)
    assert ran.outcome.reason == "timeout"
    assert ran.outcome.seconds < 3


def test_daemons_die_with_the_limit(box: Box) -> None:
    command = "setsid sh -c 'trap \"\" TERM HUP INT; sleep 4711.%d & sleep 4711.%d' & (setsid sleep 4711.%d &) ; wait"
    marker = f"4711.{os.getpid()}"
    ran = box(command.replace("4711.%d", marker), time_limit_s=0.7)
    assert ran.outcome.reason == "timeout"
    assert alive(ran, marker) == []


def test_daemons_die_with_the_command(box: Box) -> None:
    marker = f"4712.{os.getpid()}"
    ran = box(f"setsid sleep {marker} & sleep 0.2")
    assert ran.outcome.exit_code == 0
    assert alive(ran, marker) == []


def test_memory_of_one_process(box: Box) -> None:
    ran = box(["python3", "-c", "a = []\nwhile True: a.append(bytearray(b'x' * (1 << 22)))"])
    assert ran.outcome.reason == "memory" or "MemoryError" in ran.stderr
    assert ran.outcome.memory_bytes < 1 << 30


def test_memory_of_many_processes(box: Box) -> None:
    one = "import time; a = bytearray(b'x' * (40 << 20)); time.sleep(20)"
    ran = box(f"for i in 1 2 3 4 5 6 7 8 9 10 11 12; do python3 -c \"{one}\" & done; wait")
    assert ran.outcome.reason == "memory"


def test_shared_memory_counts_once(box: Box) -> None:
    program = ("import os, time\na = bytearray(b'x' * (100 << 20))\n"
               "for _ in range(6):\n  if os.fork() == 0: time.sleep(1); os._exit(0)\ntime.sleep(1.2)\n")
    assert box(["python3", "-c", program]).outcome.reason == ""


def test_files_in_memory_count(box: Box) -> None:
    ran = box("head -c 60M /dev/zero > /tmp/a; head -c 60M /dev/zero > /dev/shm/b\n"
              "exec python3 -c \"a = bytearray(b'x' * (180 << 20)); import time; time.sleep(20)\"")
    assert ran.outcome.reason == "memory"


def test_memory_folders_are_small(box: Box) -> None:
    ran = box("head -c 80M /dev/zero > /tmp/a; head -c 80M /dev/zero > /dev/shm/b; echo > /dev/x; echo > /x",
              output_bytes=1 << 30)
    assert ran.stderr.count("No space left") == 2
    assert ran.stderr.count("Read-only") == 2


def test_fork_bomb(box: Box) -> None:
    began = time.monotonic()
    ran = box("f() { f | f & }; f; sleep 10", time_limit_s=15)
    assert ran.outcome.reason == "processes"
    assert ran.outcome.processes < 32 + 64
    assert time.monotonic() - began < 10


def test_threads_count(box: Box) -> None:
    program = ("import threading, time\n"
               "for _ in range(60): threading.Thread(target=time.sleep, args=(20,), daemon=True).start()\n"
               "time.sleep(20)")
    ran = box(["python3", "-c", program], time_limit_s=15)
    assert ran.outcome.reason == "processes" or "can't start new thread" in ran.stderr


def test_one_large_file(box: Box) -> None:
    ran = box("head -c 400M /dev/zero > big; sleep 3")
    assert ran.outcome.reason == "output"
    assert (box.folder / "big").stat().st_size <= 33 << 20


def test_a_large_file_written_in_an_instant(box: Box) -> None:
    assert box("truncate -s 33M big").outcome.reason == "output"


def test_many_files(box: Box) -> None:
    ran = box("i=0; while :; do i=$((i+1)); head -c 1M /dev/zero > f$i; done")
    assert ran.outcome.reason == "output"


def test_a_file_without_a_name(box: Box) -> None:
    program = ("import os, time\nfiles = []\n"
               "for i in range(20):\n  f = open(f'f{i}', 'wb'); os.unlink(f'f{i}')\n"
               "  f.write(b'x' * (4 << 20)); f.flush(); files.append(f); time.sleep(0.05)\ntime.sleep(20)")
    assert box(["python3", "-c", program]).outcome.reason == "output"


def test_empty_files_beyond_number(own_box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tapiary.sandbox.space.MAX_FILES", 500)
    program = "i = 0\nwhile True:\n  open(f'{i}', 'w').close(); i += 1"
    assert own_box(["python3", "-c", program]).outcome.reason == "output"


def test_folders_nested_without_end(box: Box) -> None:
    ran = box("while mkdir d; do cd d; done")
    assert ran.outcome.reason == "output"


def test_a_folder_that_hides_what_is_in_it(box: Box) -> None:
    ran = box("mkdir d; head -c 1M /dev/zero > d/a; chmod 0 d; sleep 1")
    assert ran.outcome.reason == ("" if os.geteuid() == 0 and not box.as_somebody else "output")


def test_a_full_disk_ends_it(own_box: Box) -> None:
    from tapiary.sandbox import Order, folder_for, run

    from .conftest import LIMITS

    folder = folder_for("full", own_box.folder)
    outcome = run(Order("full", ("sleep", "20"), folder, own_box.base), LIMITS, min_free_bytes=1 << 60)
    assert outcome.reason == "output"


def test_outputs_are_bounded_and_do_not_stall(box: Box) -> None:
    ran = box("yes | head -c 50000000; echo; echo last >&2")
    assert ran.outcome.exit_code == 0
    assert ran.outcome.last_error == "last"
    assert len(ran.stdout) < 9_000_000
    assert ran.stdout.endswith("[the rest was left out]\n")


def test_cancelling(own_box: Box) -> None:
    began = time.monotonic()
    ran = own_box("echo begun; sleep 100", cancel_after="begun")
    assert ran.outcome.reason == "cancelled"
    assert time.monotonic() - began < 3
