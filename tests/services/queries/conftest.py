"""A store with the sample capture, users, and a captured file that only its owner may see."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tapiary.accounts import LOCAL, Actor
from tapiary.config import Config, QueriesConfig
from tapiary.database import Capture
from tapiary.services import Services
from tests.services.people import BOB, add_people

Row = dict[str, Any]
Ask = Callable[..., list[Row]]


def services_with(folder: Path, **queries: Any) -> Services:
    """Services over a folder, with settings of queries."""
    config = Config(data_dir=str(folder), queries=QueriesConfig(**queries))
    return Services(replace(config, repository=replace(config.repository, settle_s=0.0, auto_process=False)))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Services:
    """The sample twice: processed from outside, and as what came of a capture of bob's. Tests only look."""
    services = services_with(tmp_path_factory.mktemp("queries"))
    add_people(services)
    services.ingest.process_file(sample)
    services.files.root.mkdir(parents=True, exist_ok=True)
    own = services.files.root / "bobs.pcap"
    shutil.copyfile(sample, own)
    services.ingest.process_file(own)
    with services.database.session() as session:
        session.add(Capture(owner_id=BOB.user_id, name="bob's", duration_s=1, max_bytes=1, created_at=time.time(),
                            file_id=services.files.resolve(str(own)).id))
    return services


@pytest.fixture
def ask(filled: Services) -> Ask:
    """The rows of a query, as whoever may see everything."""
    def ask(nql: str, actor: Actor = LOCAL, **options: Any) -> list[Row]:
        return rows_of(filled, nql, actor, **options)

    return ask


def rows_of(services: Services, nql: str, actor: Actor = LOCAL, **options: Any) -> list[Row]:
    """The rows of a query, through a kept answer."""
    view = services.queries.run(actor, nql, **options)
    rows = services.queries.page(actor, view.id, view.total)
    services.queries.cancel(actor, view.id)
    return rows
