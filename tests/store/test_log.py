"""The log among many writers, and after crashes."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from tapiary.config import StoreConfig
from tapiary.store import Selection, Store
from tests.store.rows import packets

ROOT = Path(__file__).parents[2]

WRITER = """
import sys
sys.path.insert(0, {root!r})
from tapiary.config import StoreConfig
from tapiary.store import Store
from tests.store.rows import flows, packets
store = Store(StoreConfig(path={path!r}))
for run_id in range({first}, {first} + {count}):
    with store.writer(run_id, run_id) as run:
        for _ in range({batches}):
            run.write("flows", flows({rows}))
            run.write("packets", packets({rows}))
        run.commit()
        print(run_id, flush=True)
"""


def start_writer(path: str, first: int, count: int, batches: int = 1, rows: int = 3) -> subprocess.Popen[str]:
    code = WRITER.format(root=str(ROOT), path=path, first=first, count=count, batches=batches, rows=rows)
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def on_disk(store: Store) -> list[str]:
    return [p.name for p in store.folder.rglob("*.parquet") if "_delta_log" not in p.parts]


def test_many_processes_write_one_table(config: StoreConfig, store: Store) -> None:
    writers = [start_writer(config.path, 100 * n, 12) for n in range(1, 5)]
    seen = 0
    while any(w.poll() is None for w in writers):  # readers never see half a run meanwhile
        counts = store.query("SELECT run_id, count(*) FROM flows GROUP BY 1").fetchall()
        assert {n for _, n in counts} <= {3}
        assert len(counts) >= seen
        seen = len(counts)
    assert [w.wait() for w in writers] == [0] * 4
    for writer in writers:
        writer.communicate()
    for table in ("flows", "packets"):
        counts = store.query(f"SELECT run_id, count(*) FROM {table} GROUP BY 1").fetchall()
        assert sorted(counts) == [(100 * n + i, 3) for n in range(1, 5) for i in range(12)]
    assert store.size()["flows"]["version"] == 48


def test_upkeep_while_others_write(config: StoreConfig, store: Store) -> None:
    writers = [start_writer(config.path, 100 * n, 15) for n in range(1, 3)]
    while any(w.poll() is None for w in writers):
        store.compact(least_files=2)
        store.sweep(set(range(1000)), age_s=0)
        store.vacuum()
    for writer in writers:
        writer.communicate()
    counts = store.query("SELECT run_id, count(*) FROM flows GROUP BY 1").fetchall()
    assert sorted(counts) == [(100 * n + i, 3) for n in range(1, 3) for i in range(15)]


def test_kill_9_at_random_moments_leaves_whole_runs_and_no_litter(config: StoreConfig, store: Store) -> None:
    chance = random.Random(4)
    acknowledged: set[int] = set()
    for first in range(0, 800, 100):
        writer = start_writer(config.path, first, 50, batches=2, rows=200)
        assert writer.stdout is not None
        acknowledged.add(int(writer.stdout.readline()))
        time.sleep(chance.uniform(0, 0.15))
        writer.kill()
        acknowledged |= {int(line) for line in writer.communicate()[0].split()}
    for table in ("flows", "packets"):
        counts = dict(store.query(f"SELECT run_id, count(*) FROM {table} GROUP BY 1").fetchall())
        assert set(counts.values()) == {400}
        assert acknowledged <= set(counts)
    store.sweep(acknowledged, age_s=0)
    for table in ("flows", "packets"):
        (ids,) = zip(*store.query(f"SELECT DISTINCT run_id FROM {table}").fetchall(), strict=True)
        assert set(ids) == acknowledged
    store.vacuum(retention_hours=0)
    runs = Counter(int(name.split("-")[0]) for name in on_disk(store))
    assert runs == dict.fromkeys(acknowledged, 2)
    store.close()
    assert list((store.folder / "_writers").iterdir()) == []


def test_checkpoints_are_made_and_old_tables_open_from_them(config: StoreConfig, store: Store) -> None:
    for run_id in range(1, 53):
        with store.writer(run_id, 1) as run:
            run.write("packets", packets(1))
            run.commit()
    folder = store.folder / "packets/_delta_log"
    assert (folder / f"{50:020}.checkpoint.parquet").exists()
    for version in range(50):
        (folder / f"{version:020}.json").unlink()
    other = Store(config)
    chosen = {"packets": Selection("packets", [7, 52])}
    assert other.query("SELECT count(*) FROM packets", tables=chosen).fetchall() == [(2,)]
    with other.writer(99, 1) as run:
        run.write("packets", packets(1))
        run.commit()
    assert store.query("SELECT count(*) FROM packets").fetchall() == [(53,)]
    other.close()
