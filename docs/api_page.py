"""The page of the REST API, from the OpenAPI document that the server itself serves."""

from __future__ import annotations

import tempfile
import textwrap
from typing import Any

from docs.markdown import table
from tapiary.app import build
from tapiary.config import Config
from tapiary.schema import columns_by_name
from tapiary.services import filterable


def api_page() -> str:
    """Every route of the REST API, from the OpenAPI document that the server itself serves."""
    document = openapi()
    parts = ["# REST API\n", textwrap.dedent("""\
        A running server shows the same as a page to try things out, at `/docs`, without the internet.
        Every route wants a bearer token (`tapiary token create`), in the header `Authorization: Bearer …`.
        Errors are answered as [Error](#error).
        """)]
    for path, routes in document["paths"].items():
        for method, route in routes.items():
            if method not in ("get", "post", "put", "patch", "delete", "head"):
                continue
            parts.append(f"## {method.upper()} `{path}`\n")
            words = (route.get("summary"), route.get("description"))
            parts.append(". ".join(text.replace("<br/>", "").strip().rstrip(".") for text in words if text) + ".\n")
            if route.get("parameters"):
                parts.append(table(("parameter", "in", "type", "meaning"), parameter_rows(route["parameters"])))
            for kind, body in route.get("requestBody", {}).get("content", {}).items():
                parts.append(f"Body `{kind}`: {reference(body.get('schema', {}))}\n")
            answers = sorted(route["responses"].items())
            parts.append(table(("status", "answer"), (
                [status, f"{answer.get('description', '')}: {answer_type(answer)}".rstrip(": ")]
                for status, answer in answers if status < "400")))
            parts.append(f"Errors: {', '.join(status for status, _answer in answers if status >= '400')}.\n")
    parts.append("## Schemas\n")
    for name, model in sorted(document.get("components", {}).get("schemas", {}).items()):
        parts.append(f"### {name}\n")
        if model.get("description"):
            parts.append(model["description"].strip() + "\n")
        required = set(model.get("required", ()))
        if model.get("type") == "array":
            parts.append(reference(model).capitalize() + ".\n")
        if model.get("properties"):
            parts.append(table(("member", "type", "meaning"), (
                member_row(member, spec, member in required)
                for member, spec in model["properties"].items())))
    return "\n".join(parts)


def openapi() -> dict[str, Any]:
    """The OpenAPI document of the default application."""
    with tempfile.TemporaryDirectory() as folder:
        app = build(Config(data_dir=folder).resolve())
        answer = app.flask.test_client().get("/openapi/openapi.json")
        document: dict[str, Any] = answer.get_json()
    return document


def parameter_rows(parameters: list[dict[str, Any]]) -> list[list[str]]:
    """One row for each parameter of a route; those that every column has are one row together."""
    rows = [parameter_row(parameter) for parameter in parameters
            if parameter["in"] != "query" or parameter["name"] not in set(filterable()) - {"label", "ip"}]
    if len(rows) < len(parameters):
        rows.append(["*column* (optional)", "query", "string", "Any [column](columns.md), and any of "
                     + ", ".join(f"`{name}`" for name in filterable() if name not in (*columns_by_name(), "ip"))
                     + "; how, is said at `/file/{job_id}/flows`"])
    return rows


def parameter_row(parameter: dict[str, Any]) -> list[str]:
    """One row for one parameter of a route."""
    name = f"`{parameter['name']}`" + ("" if parameter.get("required") else " (optional)")
    return [name, parameter["in"], reference(parameter.get("schema", {})), parameter.get("description", "")]


def member_row(name: str, spec: dict[str, Any], required: bool) -> list[str]:
    """One row for one member of a JSON object."""
    return [f"`{name}`" + ("" if required else " (optional)"), reference(spec), spec.get("description", "")]


def reference(spec: dict[str, Any]) -> str:
    """A JSON schema in a few words, with a link to a named one."""
    if "$ref" in spec:
        name = spec["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in spec:
        return " or ".join(reference(option) for option in spec["anyOf"] if option.get("type") != "null")
    if spec.get("type") == "array":
        return f"list of {reference(spec.get('items', {}))}"
    if "enum" in spec:
        return " ".join(f"`{value}`" for value in spec["enum"])
    default = f", default `{spec['default']}`" if spec.get("default") not in (None, "") else ""
    return str(spec.get("type", "any")) + (f" ({spec['format']})" if "format" in spec else "") + default


def answer_type(answer: dict[str, Any]) -> str:
    """What a response holds."""
    return ", ".join(f"{kind}: {reference(body.get('schema', {}))}" if body.get("schema") else kind
                     for kind, body in answer.get("content", {}).items())
