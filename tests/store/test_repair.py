"""Logs with the torn ends that a power cut leaves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from deltalake import DeltaTable

from tapiary.config import StoreConfig
from tapiary.store import Store
from tests.store.rows import flows, packets


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:len(path.read_bytes()) // 2])


def zero(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("tear", [halve, zero, empty])
def test_a_torn_newest_entry_does_not_lock_the_table(config: StoreConfig, tear: Callable[[Path], None]) -> None:
    store = Store(config)
    for run_id in (1, 2, 3):
        with store.writer(run_id, 1) as run:
            run.write("flows", flows(1))
            run.commit()
    tear(store.folder / f"flows/_delta_log/{3:020}.json")
    other = Store(config)
    assert other.query("SELECT DISTINCT run_id FROM flows ORDER BY 1").fetchall() == [(1,), (2,)]
    with other.writer(4, 1) as run:
        run.write("flows", flows(1))
        run.commit()
    assert other.query("SELECT DISTINCT run_id FROM flows ORDER BY 1").fetchall() == [(1,), (2,), (4,)]
    assert other.sweep({1, 2, 4}) == {"files": 1, "rows": 0}
    other.close()
    assert len(DeltaTable(store.folder / "flows").file_uris()) == 3


@pytest.mark.parametrize("tear", [halve, zero, empty])
def test_a_torn_checkpoint_does_not_lock_the_table(config: StoreConfig, tear: Callable[[Path], None]) -> None:
    store = Store(config)
    for run_id in range(1, 52):
        with store.writer(run_id, 1) as run:
            run.write("packets", packets(1))
            run.commit()
    tear(store.folder / f"packets/_delta_log/{50:020}.checkpoint.parquet")
    other = Store(config)
    assert other.query("SELECT count(*) FROM packets").fetchall() == [(51,)]
    other.close()


def test_a_damaged_entry_in_the_middle_is_not_hidden(config: StoreConfig) -> None:
    store = Store(config)
    for run_id in (1, 2, 3):
        with store.writer(run_id, 1) as run:
            run.write("flows", flows(1))
            run.commit()
    halve(store.folder / f"flows/_delta_log/{2:020}.json")
    with pytest.raises(Exception, match="Json"):
        Store(config).query("SELECT count(*) FROM flows")
