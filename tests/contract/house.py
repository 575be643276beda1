"""A hive with users and drones, for the contract of TCI's routes: a real database, real merging, drones played."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tapiary.accounts import LOCAL, SCOPES, Actor, Permission
from tapiary.api import create_app
from tapiary.config import CaptureConfig, Config, RepositoryConfig, ScriptsConfig
from tapiary.database import User
from tapiary.services import Services
from tests.services.captures.conftest import PlayedDrone, finish, pcap

PREFIX = "/api/v1"
#: What an order must have, and nothing else.
ORDER = {"name": "web traffic", "filter": "", "duration": 10, "max_capture_data": 10_000_000, "drones": ["probe"]}


@dataclass
class Caller:
    """The API as one user's token sees it."""

    client: FlaskClient
    actor: Actor
    token: str

    def request(self, method: str, path: str, **kwargs: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token}", **kwargs.pop("headers", {})}
        return self.client.open(PREFIX + path, method=method, headers=headers, **kwargs)

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        return self.request("GET", path, **kwargs)

    def post(self, path: str, **kwargs: Any) -> TestResponse:
        return self.request("POST", path, **kwargs)

    def put(self, path: str, **kwargs: Any) -> TestResponse:
        return self.request("PUT", path, **kwargs)

    def patch(self, path: str, **kwargs: Any) -> TestResponse:
        return self.request("PATCH", path, **kwargs)

    def delete(self, path: str, **kwargs: Any) -> TestResponse:
        return self.request("DELETE", path, **kwargs)

    def order(self, **members: Any) -> TestResponse:
        """Order a job; `leave` names members that are left out."""
        leave = members.pop("leave", ())
        body = {name: value for name, value in {**ORDER, **members}.items() if name not in leave}
        return self.post("/jobs", json=body)


class House:
    """The hive, the users `boss` of level 1 and `almost`, who lacks only ADMIN, and the idle drone `probe`."""

    def __init__(self, folder: Path, *, answer_s: float = 0.2) -> None:
        self.destinations = folder / "destinations"
        self.destinations.mkdir(parents=True)
        self.services = Services(
            Config(
                data_dir=str(folder / "data"),
                capture=CaptureConfig(
                    min_free_bytes=0, answer_s=answer_s, destination_roots=[str(self.destinations)]
                ),
                scripts=ScriptsConfig(wait_s=20.0, time_limit_s=20.0),
                repository=RepositoryConfig(settle_s=0.0),
            )
        )
        self.services.accounts.users.first(password=False)
        self.app = create_app(self.services)
        self.boss = self.user("boss", 1)
        self.almost = self.user("almost", 2, 31)
        self.probe = self.drone("probe")
        self.probe.connect()

    def user(self, name: str, level: int, permissions: Permission | int = 0) -> Caller:
        """A user and a token of that user's; the level is made when it is not there."""
        accounts = self.services.accounts
        if level not in [view.level for view in accounts.levels.list()]:
            accounts.levels.create(LOCAL, level=level, name=f"level {level}", permissions=int(permissions))
        # Straight into the database: a password would cost the time of its hash, and nobody logs in with it.
        with self.services.database.session() as session:
            row = User(name=name, name_key=name, level=level, created_at=time.time())
            session.add(row)
            session.flush()
        actor = Actor(name, row.id, level, Permission(accounts.levels.get(level).permissions), frozenset(SCOPES))
        _, token = accounts.tokens.create(actor, "test")
        return Caller(self.app.test_client(), actor, token)

    def drone(self, name: str, *, ours: bool = False) -> PlayedDrone:
        """A drone that is not connected yet."""
        return PlayedDrone(self.services, name, ours=ours)

    def capture(self, caller: Caller, packets: int = 5, **members: Any) -> int:
        """Order a job and let the drone `probe` do it to the end, whatever that is; its number."""
        answer = caller.order(**members)
        assert answer.status_code == 200, answer.text
        job_id, data = int(answer.json["id"]), pcap(packets)
        self.probe.take("start_job")
        self.probe.capturing(job_id, len(data))
        self.probe.ended(job_id, captured=len(data))
        self.probe.upload_all(job_id, data)
        self.work()
        return job_id

    def work(self) -> None:
        """Do what waits in the queue: merging, processing, scripts."""
        finish(self.services)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A hive of the test's own."""
    made = House(tmp_path)
    yield made
    made.services.close()


@pytest.fixture(scope="session")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A hive that many tests share: nothing that they ask for is granted."""
    made = House(tmp_path_factory.mktemp("office"))
    yield made
    made.services.close()


def check_error(answer: TestResponse, status: int, *words: str) -> str:
    """TCI's error body and nothing else, with these words in its message; returns the message."""
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/json"
    assert set(answer.json) == {"error", "message"}
    known = {400: "bad request", 401: "unauthorized", 403: "forbidden", 404: "not found"}
    assert answer.json["error"] == known[status]
    for word in words:
        assert word in answer.json["message"], answer.json
    return str(answer.json["message"])
