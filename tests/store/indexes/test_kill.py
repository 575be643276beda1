"""kill -9 while rows come in, files are merged and the log is cleaned: what was acknowledged is there, and once."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
import time
from pathlib import Path

from tapiary.config import StoreConfig
from tapiary.store import Store
from tests.store.indexes.rows import FIELDS, ask, names, on_disk

ROOT = Path(__file__).parents[3]
#: 20 where it is to be shown, a few where every test runs.
ROUNDS = int(os.environ.get("TAPIARY_KILL_ROUNDS", "2"))
ROWS = 3

WRITER = f"""
import sys, threading
sys.path.insert(0, {str(ROOT)!r})
from tapiary.config import StoreConfig
from tapiary.store import Store
from tapiary.store.indexes import keeper, merging, table
from tests.store.indexes.rows import DAY, FIELDS, NOON, rows
keeper.CHECKPOINT_ENTRIES, keeper.CLEANED_ENTRIES, keeper.ENTRY_KEPT_S, keeper.PAUSE_S = 10, 10, 0.05, 0.01
merging.MANY, table.OWN_FILES_ROWS = 6, 3 + int(sys.argv[2]) % 2  # in turn: files of their own, files of groups
index = Store(StoreConfig(path=sys.argv[1], threads=1)).index("events", FIELDS)
uncertain = [line.strip() for line in sys.stdin]

def send(key):
    number = hash(key) % 1000
    index.append(rows(NOON, NOON - number * DAY, NOON + number, name=key), request=key)
    sys.stdout.write(key + "\\n")
    sys.stdout.flush()

def work(thread):
    for key in uncertain[thread::8]:
        send(key)
    for turn in range(10**6):
        send(f"{{sys.argv[2]}}-{{thread}}-{{turn}}")

for thread in range(8):
    threading.Thread(target=work, args=(thread,)).start()
"""


def one_round(path: str, number: int, uncertain: list[str], seconds: float) -> list[str]:
    """Let a writer work and kill it; returns the keys of what it had acknowledged."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, path, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert writer.stdin is not None
    assert writer.stdout is not None
    writer.stdin.write("".join(f"{key}\n" for key in uncertain))
    writer.stdin.close()
    first = writer.stdout.readline()
    time.sleep(seconds)
    writer.kill()
    acknowledged = [line for line in (first + writer.stdout.read()).splitlines(keepends=True) if line.endswith("\n")]
    writer.wait()
    return [line.strip() for line in acknowledged]


def next_key(acknowledged: set[str], number: int, thread: int) -> str:
    """What a thread of a round sent, or was about to send, after what it knew to be committed."""
    return next(key for turn in itertools.count() if (key := f"{number}-{thread}-{turn}") not in acknowledged)


def test_what_was_acknowledged_is_there_and_once(config: StoreConfig, store: Store) -> None:
    chance = random.Random(9)
    acknowledged: set[str] = set()
    index = store.index("events", FIELDS)
    for number in range(ROUNDS):
        # Each thread sends one after the other: what it might have sent beyond the last answer is sent again.
        uncertain = [next_key(acknowledged, number - 1, thread) for thread in range(8)] if number else []
        answered = one_round(config.path, number, uncertain, chance.uniform(0.05, 1.2))
        assert answered
        acknowledged |= set(answered)
        found = names(store, index)
        assert {found.get(key) for key in acknowledged} == {ROWS}
        assert set(found.values()) == {ROWS}
    assert len(acknowledged) > 20 * ROUNDS
    store.sweep(set())
    store.vacuum(retention_hours=0)
    named = index.log.snapshot().paths
    assert [str(p.relative_to(index.log.folder)) for p in on_disk(index)] == sorted(named)
    assert ask(store, index, "SELECT count(*) FROM t")[0][0] >= ROWS * len(acknowledged)
