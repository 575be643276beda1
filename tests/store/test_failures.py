"""What the disk refuses in the middle of a commit or a file: what the log names stays, all else goes."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from tapiary.store import Store, entries, log
from tapiary.store.table_writer import GROUP_ROWS
from tests.store.rows import flows, packets
from tests.store.test_upkeep import counts, fill, on_disk


def refuse(*_: object) -> None:
    raise OSError(errno.EMFILE, "Too many open files")


def named(store: Store) -> set[Path]:
    return {each.folder / path for each in store._logs.values() for path in each.snapshot().paths}


def test_a_merged_file_stays_when_its_commit_fails_late(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store, range(1, 13))
    with monkeypatch.context() as patched:
        patched.setattr(entries, "sync_folder", refuse)
        with pytest.raises(OSError, match="Too many"):
            store.compact()
    assert counts(store) == dict.fromkeys(range(1, 13), 4)
    assert all(path.exists() for path in named(store))


def test_a_run_that_is_half_committed_leaves_no_holes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store, range(1, 2))
    commit = log.Log.commit

    def torn(self: log.Log, *args: object, **options: object) -> None:
        if self.table.name == "packets":
            refuse()
        commit(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(log.Log, "commit", torn)
    with pytest.raises(OSError, match="Too many"), store.writer(2, 20) as run:
        run.write("flows", flows(4))
        run.write("packets", packets(4))
        run.commit()
    monkeypatch.undo()
    assert all(path.exists() for path in named(store))
    store.sweep({1}, age_s=0.0)
    assert counts(store) == counts(store, "packets") == {1: 4}
    store.vacuum(retention_hours=0)
    assert on_disk(store) == 2


def test_a_file_that_cannot_be_ended_goes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store, range(1, 2))
    before = on_disk(store)
    monkeypatch.setattr("tapiary.store.part.sync_file", refuse)
    with pytest.raises(OSError, match="Too many"), store.writer(2, 20) as run:
        run.write("flows", flows(4))
        run.write("packets", packets(4))
        run.commit()
    assert on_disk(store) == before
    assert not list((store.folder / "_writers").glob("*.lock"))


def test_a_full_disk_takes_no_end_of_a_file(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from pyarrow.parquet import ParquetWriter

    def full(self: ParquetWriter) -> None:
        if self.is_open:
            self.is_open = False
            refuse()

    fill(store, range(1, 2))
    before = on_disk(store)
    with store.writer(2, 20) as run:
        run.write("flows", flows(GROUP_ROWS))
        run.write("packets", packets(GROUP_ROWS))
        run._finish()
        assert on_disk(store) == before + 2
        monkeypatch.setattr(ParquetWriter, "close", full)
    monkeypatch.undo()
    assert on_disk(store) == before
    assert not list((store.folder / "_writers").glob("*.lock"))
