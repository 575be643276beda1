"""A hive with users, and alerts that are written by hand."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tapiary.accounts import LOCAL, SCOPES, Actor, Permission
from tapiary.config import AlertsConfig, CaptureConfig, Config
from tapiary.database import Alert, User
from tapiary.services import Services
from tapiary.services.alerts.definition import definition_of
from tapiary.services.alerts.delivery import entries_of
from tests.services.alerts.receiver import Receiver

_numbers = itertools.count()


def make_services(folder: Path, **alerts: Any) -> Services:
    services = Services(Config(
        data_dir=str(folder), capture=CaptureConfig(min_free_bytes=0, answer_s=0.2), alerts=AlertsConfig(**alerts)))
    services.accounts.users.first(password=False)
    return services


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def services(tmp_path: Path, receiver: Receiver) -> Iterator[Services]:
    services = make_services(tmp_path / "data", webhook_hosts=[receiver.host], webhook_timeout_s=2.0)
    yield services
    services.close()


def user(services: Services, name: str, level: int, permissions: int = 0) -> Actor:
    """A user of a level that is made where it is not there yet."""
    if level not in {view.level for view in services.accounts.levels.list()}:
        services.accounts.levels.create(LOCAL, level=level, name=f"level {level}", permissions=permissions)
    # Straight into the database: a password would cost the time of its hash, and nobody logs in with it.
    with services.database.session() as session:
        row = User(name=name, name_key=name, level=level, created_at=time.time())
        session.add(row)
        session.flush()
    return Actor(name, row.id, level, Permission(permissions), frozenset(SCOPES), "test")


@pytest.fixture
def anna(services: Services) -> Actor:
    """Somebody who may order captures without a script."""
    return user(services, "anna", 5, Permission.SCRIPT_MASTER)


def write_alert(services: Services, owner: Actor, fields: dict[str, Any] | None = None, trigger_id: str = "t",
                rows: int = 1, **members: Any) -> int:
    """An alert of a trigger with these members; its number."""
    definition = definition_of({"name": "scan", "query": "q", **members})
    row = fields or {"clientIp": "192.0.2.1", "serverPort": 22}
    entries = entries_of(definition, row)
    now = time.time()
    with services.database.session() as session:
        alert = Alert(
            at_ms=int(now * 1000), trigger_id=trigger_id, key=str(next(_numbers)), event_ms=int(now * 1000),
            owner_id=owner.user_id, name="scan", severity=definition.severity, fields=row, rows=rows,
            deliveries=entries,
            due_at=now if any(entry["state"] == "pending" for entry in entries) else None)
        session.add(alert)
        session.flush()
        return alert.id
