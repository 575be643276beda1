"""Dropping, sweeping, compacting, deleting."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tapiary.config import StoreConfig
from tapiary.store import Store, engine, upkeep
from tests.store.rows import DAY_US, NOON_US, flows, packets


def fill(store: Store, runs: range, rows: int = 4) -> None:
    for run_id in runs:
        with store.writer(run_id, run_id * 10) as run:
            run.write("flows", flows(rows, label=f"L{run_id}"))
            run.write("packets", packets(rows))
            run.commit()


def counts(store: Store, table: str = "flows") -> dict[int, int]:
    return dict(store.query(f"SELECT run_id, count(*) FROM {table} GROUP BY 1 ORDER BY 1").fetchall())


def on_disk(store: Store) -> int:
    return sum(1 for p in store.folder.rglob("*.parquet") if "_delta_log" not in p.parts)


def test_dropping_whole_files(store: Store) -> None:
    fill(store, range(1, 4))
    assert store.drop_runs([2, 99]) == 8
    assert counts(store) == counts(store, "packets") == {1: 4, 3: 4}
    assert store.drop_runs([2]) == store.drop_runs([]) == 0


def test_compaction_keeps_every_row(store: Store) -> None:
    fill(store, range(1, 13))
    before = store.query("SELECT * FROM flows ORDER BY run_id, flow_id").fetchall()
    assert store.compact() == 22
    assert store.compact() == 0
    assert store.size()["flows"]["files"] == store.size()["packets"]["files"] == 1
    assert store.query("SELECT * FROM flows ORDER BY run_id, flow_id").fetchall() == before


def test_dropping_a_run_out_of_a_merged_file(store: Store) -> None:
    fill(store, range(1, 11))
    store.compact()
    assert store.drop_runs([3, 4]) == 16
    assert counts(store) == counts(store, "packets") == {n: 4 for n in range(1, 11) if n not in (3, 4)}
    assert store.drop_runs(range(1, 11)) == 64
    assert counts(store) == {}
    assert store.size()["flows"]["files"] == 0


def test_a_run_is_selected_out_of_a_merged_file(store: Store) -> None:
    from tapiary.store import Selection

    fill(store, range(1, 11))
    store.compact()
    rows = store.query("SELECT DISTINCT run_id, label FROM flows ORDER BY 1", tables={"flows": Selection(runs=[2, 5])})
    assert rows.fetchall() == [(2, "L2"), (5, "L5")]


def test_compaction_stays_inside_of_partitions(store: Store) -> None:
    for run_id in range(1, 10):
        with store.writer(run_id, 1) as run:
            run.write("flows", flows(2, first_seen=[NOON_US, NOON_US + DAY_US * 10**6]))
            run.write("flows", flows(1, first_seen=[NOON_US + DAY_US]))
            run.commit()
    store.compact()
    assert store.size()["flows"] == store.size()["flows"] | {"files": 2 + 9 - 8, "rows": 27}
    assert store.query("SELECT count(*) FROM flows GROUP BY day").fetchall() == [(9,)] * 3


def test_vacuum_deletes_what_was_removed(store: Store) -> None:
    fill(store, range(1, 4))
    store.drop_runs([1, 2])
    assert on_disk(store) == 6
    assert store.vacuum() == 0
    assert store.vacuum(retention_hours=0) == 4
    assert on_disk(store) == 2
    assert counts(store) == {3: 4}


def test_sweep_drops_runs_that_nobody_names(store: Store) -> None:
    fill(store, range(1, 6))
    assert store.sweep({1, 2}) == {"files": 0, "rows": 0}  # too young to judge
    assert store.sweep({1, 2}, before=5, age_s=0) == {"files": 0, "rows": 16}
    assert counts(store) == {1: 4, 2: 4, 5: 4}
    assert store.sweep({1, 2}, age_s=0) == {"files": 0, "rows": 8}
    assert counts(store) == {1: 4, 2: 4}


def test_sweep_spares_living_writers_and_removed_files(store: Store, config: StoreConfig) -> None:
    fill(store, range(1, 3))
    store.drop_runs([1])
    with store.writer(9, 9) as run:
        run.write("flows", flows(70_000))
        run.write("flows", flows(1))
        while on_disk(store) < 5:
            pass
        assert Store(config).sweep({2}, age_s=0) == {"files": 0, "rows": 0}
        run.commit()
        assert Store(config).sweep({2}, age_s=0) == {"files": 0, "rows": 0}  # the database row is not there yet
    assert counts(store) == {2: 4, 9: 70_001}
    assert on_disk(store) == 5  # the removed ones are the vacuum's


def test_sweep_removes_orphans(store: Store) -> None:
    fill(store, range(1, 2))
    orphan = store.folder / "flows/day=2023-11-14/7-0123456789ab-0.parquet"
    orphan.write_bytes(b"PAR1 torn")
    (store.folder / "_writers/7-0123456789ab.lock").write_text("")
    assert store.sweep({1}) == {"files": 1, "rows": 0}
    assert not orphan.exists()
    assert list((store.folder / "_writers").iterdir()) == []


def test_a_failed_rewrite_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store, range(1, 10))
    before = on_disk(store)

    def broken(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(upkeep.PartWriter, "write", broken)
    with pytest.raises(OSError, match="space"):
        store.compact()
    assert on_disk(store) == before
    assert len(counts(store)) == 9


def test_upkeep_of_nothing(store: Store, tmp_path: Path) -> None:
    assert store.drop_runs([1]) == store.compact() == store.vacuum() == 0
    assert store.sweep(set()) == {"files": 0, "rows": 0}


def test_what_the_queries_of_a_killed_process_left(store: Store, config: StoreConfig) -> None:
    fill(store, range(1, 2))
    code = (
        "import os, signal, sys\n"
        "from tapiary.config import StoreConfig; from tapiary.store import Store, engine\n"
        "store = Store(StoreConfig(path=sys.argv[1])); store.query('SELECT 1', tables={}).fetchall()\n"
        "folder = engine.temporary(store.folder, store._engine._marker.token); folder.mkdir(exist_ok=True)\n"
        "(folder / 'duckdb_temp_storage-0.tmp').write_bytes(b'x'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, config.path], check=False)
    assert killed.returncode == -signal.SIGKILL
    spilled = engine.temporary(store.folder)
    assert len(list(spilled.glob("*/*.tmp"))) == 1
    assert counts(store) == {1: 4}
    assert store._engine._marker is not None
    own = engine.temporary(store.folder, store._engine._marker.token)
    own.mkdir(exist_ok=True)
    store.sweep({1})
    assert list(spilled.iterdir()) == [own]
