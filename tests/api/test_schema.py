"""The OpenAPI document, and the routes under requests made from it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error

from tests.api.conftest import Face, make_face

#: Requests for each operation; more by TAPIARY_API_EXAMPLES.
EXAMPLES = int(os.environ.get("TAPIARY_API_EXAMPLES", "15"))


#: First parts of the Tractor dialect's paths; all others are TCI's.
TRACTOR = {"files", "file", "labels", "server"}


@pytest.fixture(scope="module")
def api(processed: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    data = tmp_path_factory.mktemp("schema") / "data"
    shutil.copytree(processed, data)
    face = make_face(data)
    schema = schemathesis.openapi.from_wsgi("/openapi/openapi.json", face.client.application)
    return schema, face.token


def test_document(reader: Face) -> None:
    document = reader.get("/openapi/openapi.json").json
    assert document["openapi"].startswith("3.1")
    operations = {
        f"{method.upper()} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    assert all(path.startswith("/api/v1/") for path in document["paths"])
    assert set(document["components"]["securitySchemes"]) == {"bearer", "basic"}
    unusual = {"GET /api/v1/token": [{"basic": []}], "GET /api/v1/jobs/file/{token}": []}
    for name, operation in operations.items():
        assert operation["summary"], name
        assert operation["security"] == unusual.get(name, [{"bearer": []}]), name
        error = "Error" if name.split("/")[3] in TRACTOR else "TciError"
        for status in ("400", "401", "403", "404", "500"):
            if (name, status) == ("POST /api/v1/token", "401"):
                continue  # the library's own form, as TCI has it
            schema = operation["responses"][status]["content"]["application/json"]["schema"]
            assert schema == {"$ref": f"#/components/schemas/{error}"}, name
    parameters = {p["name"] for p in document["paths"]["/api/v1/file/{job_id}/flows"]["get"]["parameters"]}
    assert {
        "label",
        "ip",
        "flow",
        "sort",
        "limit",
        "offset",
        "columns",
        "server_port",
        "client_ip",
        "bytes",
    } <= parameters


def integers(part: Any) -> Iterator[dict[str, Any]]:
    """Every schema of an integer within a part of the document."""
    if isinstance(part, dict):
        if part.get("type") == "integer":
            yield part
        for each in part.values():
            yield from integers(each)
    elif isinstance(part, list):
        for each in part:
            yield from integers(each)


def test_bounds_of_integers_are_integers(reader: Face) -> None:
    document = json.loads(reader.get("/openapi/openapi.json").text)
    names = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
    bounds = [schema[name] for schema in integers(document) for name in names if name in schema]
    assert {-(2**63), 2**63 - 1} <= set(bounds)
    assert {type(bound) for bound in bounds} == {int}


@schemathesis.serializer("application/offset+octet-stream")
def octets(_context: Any, value: Any) -> Any:
    return value


def operations() -> list[tuple[str, str]]:
    """Method and path of every documented operation, in a fixed order."""
    from flask_openapi3 import OpenAPI

    from tapiary.api import tractor

    app = OpenAPI("paths")
    tractor.register(app)
    return sorted((method.upper(), path) for path, item in app.api_doc["paths"].items() for method in item)


@pytest.mark.parametrize(("method", "path"), operations())
def test_no_request_breaks_the_server(api: tuple[Any, str], method: str, path: str) -> None:
    schema, token = api

    @given(case=schema[path][method].as_strategy())
    @settings(
        max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
    )
    def check(case: Any) -> None:
        response = case.call(headers={"Authorization": f"Bearer {token}"})
        case.validate_response(response, checks=[not_a_server_error])
        if response.status_code >= 400 and method != "HEAD":
            assert set(response.json()) == {"status", "code", "message"}, response.text
            assert response.json()["status"] == response.status_code

    check()
