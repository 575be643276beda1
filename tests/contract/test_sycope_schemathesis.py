"""Every documented operation of Sycope's dialect under requests made from the OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from flask_openapi3 import OpenAPI

from tapiary.api import sycope
from tests.api.conftest import PASSWORD
from tests.contract.documented import check_answers
from tests.contract.npm import INDEX, PREFIX, TIMESTAMP, Npm
from tests.contract.test_sycope_injection import files

FILE = {"columns": ["ip", "name"], "rows": [["192.0.2.1", "router"]]}


def operations() -> list[tuple[str, str]]:
    """Method and path of every operation; those that delete come last, so that the others find something."""
    app = OpenAPI("paths")
    sycope.register(app)
    found = [(method.upper(), path) for path, item in app.api_doc["paths"].items() for method in item]
    return sorted(found, key=lambda operation: (operation[0] == "DELETE", operation[1], operation[0]))


class Subject:
    """An app with one of everything, and the document."""

    def __init__(self, data: Path) -> None:
        self.npm = npm = Npm(data)
        caller = npm.root
        fields = [TIMESTAMP, {"name": "ip", "type": "ip"}, {"name": "n", "type": "int"}]
        self._index = {"name": "mine", "fields": fields}
        self._count = count(1)
        index = caller.make(INDEX, self._index)
        self._lookup = caller.make("/config-element-lookup/csvFile", self._lookup_body())
        self._macro = caller.make("/config-element", self._macro_body())
        job = caller.post("/pipeline/run", json={"nql": 'src stream="testdata"'}).json["jobId"]
        #: What is there, by the beginning of a path; the longest that fits counts.
        self.parts: dict[str, dict[str, str]] = {
            "/config-element": {"element_id": self._macro},
            "/config-element-index": {"element_id": index},
            "/config-element-lookup": {"element_id": self._lookup, "kind": "csvFile"},
            "/permissions": {"element_id": index, "category": "userIndex.index"},
            "/index/inject": {"name": "mine"},
            "/inventory": {"device_id": "192.0.2.1"},
            "/pipeline": {"job_id": job},
        }
        self.schema = schemathesis.openapi.from_wsgi("/openapi/openapi.json", npm.face.client.application)

    def fill_in(self, case: Any) -> None:
        """Let a request speak of what is there, and call what it makes by a new name."""
        path = case.path.removeprefix(PREFIX)
        for known in sorted(self.parts, key=len):
            if path.startswith(known):
                values = self.parts[known]
                case.path_parameters.update({name: values[name] for name in set(case.path_parameters) & set(values)})
        case.query.pop("filter", None)
        body = self._body(case.method, path, case.media_type)
        if body is not None:
            case.body = body

    def _body(self, method: str, path: str, media_type: str | None) -> Any:
        """A body that is taken, None where the generated one is."""
        if path.startswith("/index/inject/"):
            return files()[media_type] if media_type else None
        bodies: dict[str, Any] = {
            "/login": {"username": "alice", "password": PASSWORD},
            "/index/inject": {"indexName": "mine", "columns": ["timestamp"], "rows": [[1]]},
            "/pipeline/run": {"nql": 'src stream="testdata"'},
            INDEX: {**self._index, "name": f"index {next(self._count)}"},
            f"{INDEX}/{{element_id}}": self._index,
        }
        if path.startswith("/config-element-lookup"):
            return self._lookup_body()
        if path.startswith("/config-element") and path not in bodies:
            return self._macro_body()
        return bodies.get(path) if method in ("POST", "PUT") else None

    def _lookup_body(self) -> dict[str, Any]:
        return {"config": {"name": f"lookup {next(self._count)}", "types": ["ip", "string"]}, "file": FILE}

    def _macro_body(self) -> dict[str, Any]:
        return {"category": "nql.macro", "config": {"name": f"M{next(self._count)}", "nql": "age > 1"}}


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    made = Subject(tmp_path_factory.mktemp("schemathesis") / "data")
    yield made
    made.npm.services.close()


@schemathesis.serializer(*files())
def octets(_context: Any, value: Any) -> Any:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def test_all_operations_of_the_document_are_tried(subject: Subject) -> None:
    document = subject.npm.face.get("/openapi/openapi.json").json
    there = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert {(method, path) for method, path in there if path.startswith(PREFIX)} == {
        (method, PREFIX + path.removeprefix(PREFIX)) for method, path in operations()
    }


@pytest.mark.parametrize(("method", "path"), operations())
def test_answers_are_as_documented(subject: Subject, method: str, path: str) -> None:
    check_answers(subject.schema[path][method], subject.npm.root.token, subject.fill_in, succeeds=True)
