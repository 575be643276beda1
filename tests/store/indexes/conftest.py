"""An index in a store of its own, and rows for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tapiary.config import StoreConfig
from tapiary.store import IndexTable, Store
from tests.store.indexes.rows import FIELDS


@pytest.fixture
def config(tmp_path: Path) -> StoreConfig:
    return StoreConfig(path=str(tmp_path / "tables"), memory_limit="500MB", threads=1)


@pytest.fixture
def store(config: StoreConfig) -> Iterator[Store]:
    store = Store(config)
    yield store
    store.close()


@pytest.fixture
def index(store: Store) -> IndexTable:
    return store.index("events", FIELDS)
