"""A store in a temporary folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tapiary.config import StoreConfig
from tapiary.store import Store


@pytest.fixture
def config(tmp_path: Path) -> StoreConfig:
    return StoreConfig(path=str(tmp_path / "tables"), memory_limit="500MB")


@pytest.fixture
def store(config: StoreConfig) -> Iterator[Store]:
    store = Store(config)
    yield store
    store.close()
