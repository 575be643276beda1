"""The OpenAPI document; requests made from it are in tests/contract/test_schemathesis.py."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from tapiary.api.tci.shapes import Model, Parameters
from tests.api.conftest import Face

#: First parts of the Tractor dialect's paths; all others are TCI's.
TRACTOR = {"files", "file", "labels", "server"}


def test_document(reader: Face) -> None:
    document = reader.get("/openapi/openapi.json").json
    assert document["openapi"].startswith("3.1")
    operations = {
        f"{method.upper()} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    assert all(path.startswith(("/api/v1/", "/npm/api/v1/")) for path in document["paths"])
    assert set(document["components"]["securitySchemes"]) == {"bearer", "basic", "session"}
    unusual: dict[str, list[dict[str, list[str]]]] = {
        "GET /api/v1/token": [{"basic": []}], "GET /api/v1/jobs/file/{token}": [],
        "POST /npm/api/v1/login": [], "GET /npm/api/v1/logout": [],
    }
    for name, operation in operations.items():
        assert operation["summary"], name
        sycope = name.split("/")[1] == "npm"
        usual: list[dict[str, list[str]]] = [{"session": []}, {"bearer": []}] if sycope else [{"bearer": []}]
        assert operation["security"] == unusual.get(name, usual), name
        error = "SycopeError" if sycope else "Error" if name.split("/")[3] in TRACTOR else "TciError"
        for status in ("400", "401", "403", "404", "500"):
            if (name, status) == ("POST /api/v1/token", "401"):
                continue  # the library's own form, as TCI has it
            schema = operation["responses"][status]["content"]["application/json"]["schema"]
            if not sycope or schema != {"$ref": "#/components/schemas/Refused"}:   # which says more
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


def test_no_two_models_have_one_name() -> None:
    """The document has one place for each name: the second would describe the first one's answers."""
    models = [model for model in subclasses(BaseModel) if model.__module__.startswith("tapiary.api.")]
    names = Counter(model.__name__ for model in models if not issubclass(model, Parameters) or issubclass(model, Model))
    assert len(names) > 50
    assert [name for name, count in names.items() if count > 1 and name != "Model"] == []


def subclasses(model: type) -> Iterator[type]:
    """All classes below one."""
    for each in model.__subclasses__():
        yield each
        yield from subclasses(each)


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
