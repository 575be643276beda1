"""Scripts over a data folder of the test's own, with one administrator and one ordinary user."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tapiary.accounts import Actor, Permission
from tapiary.config import Config
from tapiary.database import Capture, Level, User
from tapiary.services import Services
from tapiary.services.destinations import Destinations
from tapiary.services.scripts import Scripts

MASTER = Actor("ada", 1, level=5, permissions=Permission.SCRIPT_MASTER)
PLAIN = Actor("bob", 2, level=20)


@pytest.fixture
def services(config: Config) -> Iterator[Services]:
    """Levels 1, 5 and 20, the users ada (5) and bob (20), nothing else."""
    services = Services(config)
    now = time.time()
    with services.database.session() as session:
        session.add_all(Level(level=n, name=f"level {n}", permissions=63 if n == 1 else 0) for n in (1, 5, 20))
        session.flush()
        session.add_all([
            User(id=1, name="ada", name_key="ada", level=5, created_at=now),
            User(id=2, name="bob", name_key="bob", level=20, created_at=now),
        ])
    yield services
    services.close()


@pytest.fixture
def scripts(services: Services) -> Scripts:
    """The scripts of these services."""
    return Scripts(services)


@pytest.fixture
def destinations(services: Services) -> Destinations:
    """The destinations of these services."""
    return Destinations(services)


def add_capture(services: Services, **values: object) -> int:
    """A finished capture of ada's; returns its number."""
    fields = {"owner_id": 1, "name": "job", "duration_s": 1, "max_bytes": 1, "created_at": time.time()}
    with services.database.session() as session:
        row = Capture(**(fields | values))
        session.add(row)
        session.flush()
        return row.id
