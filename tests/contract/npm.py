"""Sycope's routes as users' tokens see them, over a real app."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.api.conftest import Face, make_face

PREFIX = "/npm/api/v1"
OK = {"status": 200, "code": "OK"}
INDEX = "/config-element-index/user-index"
TIMESTAMP = {"name": "timestamp", "type": "long"}


@dataclass
class Caller:
    """A user, by a token."""

    client: FlaskClient
    token: str

    def request(self, method: str, path: str, **kwargs: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token}", **kwargs.pop("headers", {})}
        if "json" in kwargs:  # the test client would sort the members
            kwargs |= {"data": json.dumps(kwargs.pop("json")), "content_type": "application/json"}
        return self.client.open(PREFIX + path, method=method, headers=headers, **kwargs)

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        return self.request("GET", path, **kwargs)

    def post(self, path: str, **kwargs: Any) -> TestResponse:
        return self.request("POST", path, **kwargs)

    def put(self, path: str, **kwargs: Any) -> TestResponse:
        return self.request("PUT", path, **kwargs)

    def delete(self, path: str, **kwargs: Any) -> TestResponse:
        return self.request("DELETE", path, **kwargs)

    def make(self, path: str, body: Any) -> str:
        """Make something; its identifier."""
        answer = self.post(path, json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json == {**OK, "id": answer.json["id"]}
        return str(answer.json["id"])

    def index(self, name: str, **types: str) -> str:
        """Make an index of these fields beside the time; its identifier."""
        fields = [TIMESTAMP, *({"name": field, "type": type} for field, type in types.items())]
        return self.make(INDEX, {"name": name, "fields": fields})

    def inject(self, name: str, columns: list[str], rows: list[Any], **headers: str) -> TestResponse:
        body = {"indexName": name, "columns": columns, "rows": rows, "sortTimestamp": True}
        return self.post("/index/inject", json=body, headers=headers)

    def rows(self, nql: str, **body: Any) -> list[dict[str, Any]]:
        """All rows of a query."""
        answer = self.post("/pipeline/run", json={"nql": nql, "waitTime": 30_000, **body})
        assert answer.status_code == 200, answer.text
        page = self.post(f"/pipeline/{answer.json['jobId']}/data", json={"offset": 0, "limit": 100_000})
        assert page.status_code == 200, page.text
        assert len(page.json["data"]) == answer.json["data"]["total"]
        found: list[dict[str, Any]] = page.json["data"]
        return found


class Npm:
    """An app with `alice` and `bob` of one level, and `root`, who has all permissions."""

    def __init__(self, data: Path) -> None:
        self.face: Face = make_face(data)
        self.services = self.face.services
        self.alice, self.bob = self.user("alice"), self.user("bob")
        self.root = Caller(self.face.client, self.face.token or "")

    def user(self, name: str, **kwargs: Any) -> Caller:
        return Caller(self.face.client.application.test_client(), self.face.user(name, **kwargs))


@pytest.fixture
def npm(tmp_path: Path) -> Iterator[Npm]:
    """An app of the test's own."""
    made = Npm(tmp_path / "data")
    yield made
    made.services.close()


@pytest.fixture(scope="session")
def shared_npm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Npm]:
    """An app that many tests share: what they make has names of their own."""
    made = Npm(tmp_path_factory.mktemp("npm") / "data")
    yield made
    made.services.close()


def check_error(answer: TestResponse, status: int, *words: str) -> str:
    """The status in the head and in the body, its word, and these in the message; returns the message."""
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/json"
    assert {"status", "code", "message"} <= set(answer.json)
    assert answer.json["status"] == status
    assert answer.json["code"] == {
        400: "BAD_REQUEST", 401: "UNAUTHORIZED", 403: "FORBIDDEN", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED",
        409: "CONFLICT", 413: "REQUEST_ENTITY_TOO_LARGE", 429: "TOO_MANY_REQUESTS", 503: "SERVICE_UNAVAILABLE",
    }[status]
    for word in words:
        assert word in answer.json["message"], answer.json
    return str(answer.json["message"])
