"""An app over a repository with a processed sample, without a server."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from msgspec.structs import replace
from werkzeug.test import TestResponse

from tapiary.accounts import LOCAL, SCOPES, Scope
from tapiary.api import create_app
from tapiary.config import Config
from tapiary.services import Services

PASSWORD = "a fine password"


@dataclass
class Face:
    """The API as one caller sees it."""

    services: Services
    client: FlaskClient
    token: str | None
    job_id: int

    def request(self, method: str, path: str, **kwargs: Any) -> TestResponse:
        """A request with the caller's token."""
        headers = dict(kwargs.pop("headers", {}))
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        return self.client.open(path, method=method, headers=headers, **kwargs)

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        return self.request("GET", path, **kwargs)

    def post(self, path: str, **kwargs: Any) -> TestResponse:
        return self.request("POST", path, **kwargs)

    def user(
        self,
        name: str,
        *,
        level: int = 10,
        permissions: int = 0,
        scopes: Iterable[Scope] = SCOPES,
        expires_at: float | None = None,
    ) -> str:
        """A token of a user, who is made with the level where they are not there yet; the password is PASSWORD."""
        accounts = self.services.accounts
        if level not in {view.level for view in accounts.levels.list()}:
            accounts.levels.create(LOCAL, level=level, name=f"level {level}", permissions=permissions)
        if name not in {view.name for view in accounts.users.list()}:
            accounts.users.create(LOCAL, username=name, email=f"{name}@example.org", password=PASSWORD, level=level)
        return accounts.tokens.create(LOCAL, "test", owner=name, scopes=scopes, expires_at=expires_at)[1]

    def browser(self, name: str) -> FlaskClient:
        """A browser in which a user of `user` is logged in."""
        client = self.client.application.test_client()
        form = client.get("/login").text
        answer = client.post("/login", data={"username": name, "password": PASSWORD, "csrf_token": csrf_token(form)})
        assert answer.status_code == 303, answer.text
        return client

    def process(self, name: str) -> int:
        """Process a file of the repository here and now; returns its job."""
        return self.services.ingest.process_file(self.services.files.root / name).job_id

    def put(self, name: str, data: bytes) -> None:
        """A file in the repository, by hand."""
        path = self.services.files.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def csrf_token(html: str) -> str:
    """The CSRF token of a page's forms."""
    found = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', html)
    assert found is not None, html
    return found[1]


def make_face(data: Path) -> Face:
    """A caller with all rights over a data folder; nothing works in the background."""
    config = Config(data_dir=str(data))
    config = replace(config, repository=replace(config.repository, settle_s=0.0))
    services = Services(config)
    services.accounts.users.first(password=False)
    token = services.accounts.tokens.create(LOCAL, "test", owner="admin")[1]
    face = Face(services, create_app(services).test_client(), token, 0)
    done = [view.run_job_id for view in services.files.list()]
    face.job_id = done[0] or 0 if done else 0
    return face


@pytest.fixture(scope="session")
def processed(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Path:
    """A data folder in which `sample.pcap` is processed, to be copied."""
    data = tmp_path_factory.mktemp("processed") / "data"
    face = make_face(data)
    face.put("sample.pcap", sample.read_bytes())
    face.process("sample.pcap")
    face.services.close()
    return data


@pytest.fixture(scope="session")
def reader(processed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Face]:
    """A face that many tests share: they only read."""
    data = tmp_path_factory.mktemp("reader") / "data"
    shutil.copytree(processed, data)
    face = make_face(data)
    yield face
    face.services.close()


@pytest.fixture
def face(processed: Path, tmp_path: Path) -> Iterator[Face]:
    """A face of the test's own."""
    shutil.copytree(processed, tmp_path / "data")
    face = make_face(tmp_path / "data")
    yield face
    face.services.close()
