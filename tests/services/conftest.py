"""Services over a data folder of the test's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from tapiary.config import Config
from tapiary.services import Services


@pytest.fixture
def services(config: Config) -> Iterator[Services]:
    """Nothing exists yet; files count as settled at once, and nothing is queued unasked."""
    config = replace(config, repository=replace(config.repository, settle_s=0.0, auto_process=False))
    services = Services(config)
    services.files.root.mkdir(parents=True)
    yield services
    services.close()
