"""config-element-lookup: tables that queries look things up in."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from flask import Response
from flask_openapi3 import APIBlueprint, Tag
from pydantic import Field

from tapiary.accounts import READ, WRITE, Right
from tapiary.api.context import actor, services
from tapiary.api.sycope import element_models as models
from tapiary.api.sycope.answers import Created, Done, SycopeError, done, reply
from tapiary.api.sycope.bodies import json_object
from tapiary.api.sycope.elements import element_of
from tapiary.api.tci.shapes import Parameters

LOOKUPS = Tag(name="npm lookups", description="Tables that queries look things up in")

RIGHTS: dict[str, Right | None] = {
    "lookup_create": WRITE,
    "lookup_get": READ,
    "lookup_edit": WRITE,
    "lookup_delete": WRITE,
}


class LookupsPath(Parameters):
    """The kind of lookup in the path."""

    kind: Literal["csvFile", "subnet"]


class LookupPath(LookupsPath):
    """The lookup in the path."""

    element_id: Annotated[str, Field(max_length=64, description="`id` of a lookup")]


def lookup_create(path: LookupsPath) -> Response:
    """Make a lookup, the caller's own and private"""
    return done(id=services().lookups.create(actor(), path.kind, json_object()).id)


def lookup_get(path: LookupPath) -> Response:
    """Get a lookup with its rows"""
    view, file = services().lookups.get(actor(), path.kind, path.element_id)
    return reply({**element_of(view), "file": file})


def lookup_edit(path: LookupPath) -> Response:
    """Replace a lookup

    Takes what `GET` gives, changed; queries that begin afterwards see the new rows.
    """
    services().lookups.replace(actor(), path.kind, path.element_id, json_object())
    return done()


def lookup_delete(path: LookupPath) -> Response:
    """Delete a lookup"""
    services().lookups.delete(actor(), path.kind, path.element_id)
    return done()


def add_routes(blueprint: APIBlueprint) -> None:
    """Add this module's routes."""
    taken: dict[str | int, Any] = {409: SycopeError, 413: SycopeError}
    schema = models.LookupBody.model_json_schema(by_alias=True)
    body = {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
    all_of_them, one = "/config-element-lookup/<kind>", "/config-element-lookup/<kind>/<element_id>"
    blueprint.post(all_of_them, tags=[LOOKUPS], responses={200: Created, **taken}, openapi_extensions=body)(
        lookup_create
    )
    blueprint.get(one, tags=[LOOKUPS], responses={200: models.Lookup})(lookup_get)
    blueprint.put(one, tags=[LOOKUPS], responses={200: Done, **taken}, openapi_extensions=body)(lookup_edit)
    blueprint.delete(one, tags=[LOOKUPS], responses={200: Done})(lookup_delete)
