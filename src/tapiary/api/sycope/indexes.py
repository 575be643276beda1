"""config-element-index/user-index: custom indexes."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_openapi3 import APIBlueprint, Tag

from tapiary.accounts import READ, WRITE, Right
from tapiary.api.context import actor, services
from tapiary.api.sycope import element_models as models
from tapiary.api.sycope.answers import Created, Done, SycopeError, done, reply
from tapiary.api.sycope.bodies import json_object
from tapiary.api.sycope.elements import element_of
from tapiary.errors import InvalidInput

INDEXES = Tag(name="npm indexes", description="Custom indexes")
CATEGORY = "userIndex.index"

RIGHTS: dict[str, Right | None] = {
    "index_create": WRITE,
    "index_get": READ,
    "index_edit": WRITE,
    "index_delete": WRITE,
}


def index_create() -> Response:
    """Make a custom index, the caller's own and private

    The body is the index, or `{"category": "userIndex.index", "config": …}` around it.
    """
    return done(id=services().indexes.create(actor(), _config()).id)


def index_get(path: models.ElementPath) -> Response:
    """Get a custom index"""
    return reply(element_of(services().elements.get(actor(), path.element_id, category=CATEGORY)))


def index_edit(path: models.ElementPath) -> Response:
    """Change a custom index

    Takes the whole index. Fields may be added, and `description` and `displayName` may change; name, type and
    sortable of a field stay, and no field goes.
    """
    services().indexes.modify(actor(), path.element_id, _config())
    return done()


def index_delete(path: models.ElementPath) -> Response:
    """Delete a custom index with all its rows"""
    services().indexes.delete(actor(), path.element_id)
    return done()


def _config() -> dict[str, Any]:
    """The body's index, out of its wrapping where it has one."""
    body = json_object()
    if "config" not in body:
        return body
    if body.get("category", CATEGORY) != CATEGORY:
        raise InvalidInput(f"category: must be {CATEGORY} here", field="category")
    if not isinstance(config := body["config"], dict):
        raise InvalidInput("config: must be a JSON object", field="config")
    return config


def add_routes(blueprint: APIBlueprint) -> None:
    """Add this module's routes."""
    taken: dict[str | int, Any] = {409: SycopeError}
    body = {"requestBody": {"required": True, "content": {"application/json": {"schema": _schema()}}}}
    all_of_them, one = "/config-element-index/user-index", "/config-element-index/user-index/<element_id>"
    blueprint.post(all_of_them, tags=[INDEXES], responses={200: Created, **taken}, openapi_extensions=body)(
        index_create
    )
    blueprint.get(one, tags=[INDEXES], responses={200: models.Element})(index_get)
    blueprint.put(one, tags=[INDEXES], responses={200: Done, **taken}, openapi_extensions=body)(index_edit)
    blueprint.delete(one, tags=[INDEXES], responses={200: Done})(index_delete)


def _schema() -> dict[str, Any]:
    return models.IndexBody.model_json_schema(by_alias=True)
