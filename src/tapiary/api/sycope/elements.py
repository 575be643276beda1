"""config-elements, config-element and permissions: what is configured, of every category."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response
from flask_openapi3 import APIBlueprint, Tag

from tapiary.accounts import READ, WRITE, Right
from tapiary.api.context import actor, services
from tapiary.api.sycope import element_models as models
from tapiary.api.sycope.answers import Created, Done, SycopeError, done, reply
from tapiary.errors import InvalidInput

if TYPE_CHECKING:
    from tapiary.services import ElementView

ELEMENTS = Tag(name="npm elements", description="Indexes, lookups, macros and triggers as configured things")

RIGHTS: dict[str, Right | None] = {
    "elements_list": READ,
    "element_get": READ,
    "element_create": WRITE,
    "element_edit": WRITE,
    "element_delete": WRITE,
    "permissions_get": READ,
    "permissions_edit": WRITE,
}


def elements_list(query: models.ElementsQuery) -> Response:
    """List what is configured and may be seen, the oldest first"""
    total, found = services().elements.list(actor(), where=query.filter, offset=query.offset, limit=query.limit)
    return reply({"total": total, "data": [element_of(view) for view in found]})


def element_get(path: models.ElementPath) -> Response:
    """Get an element"""
    return reply(element_of(services().elements.get(actor(), path.element_id)))


def element_create(body: models.Macro) -> Response:
    """Make a macro, which may be a traffic profile as well

    Indexes and lookups have routes of their own.
    """
    name = _checked(body.config)
    return done(id=services().elements.create(actor(), body.category, name, body.config).id)


def element_edit(path: models.ElementPath, body: models.Macro) -> Response:
    """Change a macro"""
    values = {"name": _checked(body.config), "config": body.config}
    services().elements.edit(actor(), path.element_id, values, category=body.category)
    return done()


def element_delete(path: models.ElementPath) -> Response:
    """Delete an element with all that belongs to it, as the rows of an index"""
    services().elements.delete(actor(), path.element_id)
    return done()


def permissions_get(path: models.PermissionsPath) -> Response:
    """Get who may do what with an element"""
    found = services().elements.permissions(actor(), path.element_id, path.category)
    return reply({"objectId": path.element_id, "sidPerms": found})


def permissions_edit(path: models.PermissionsPath, body: models.Shares) -> Response:
    """Set who may do what with an element

    `[]` makes it private, `[{"sid": "ROLE_USER", "perms": ["VIEW"]}]` public.
    """
    wanted = body.model_dump()
    found = services().elements.set_permissions(actor(), path.element_id, wanted, path.category)
    return reply({"objectId": path.element_id, "sidPerms": found})


def element_of(view: ElementView) -> dict[str, Any]:
    """An element as Sycope shows it, member for member."""
    return {
        "id": view.id,
        "category": view.category,
        "module": None,
        "created": round(view.created_at * 1000),
        "createdBy": view.created_by,
        "modified": round(view.modified_at * 1000),
        "modifiedBy": view.modified_by,
        "annotations": None,
        "miscData": None,
        "attributes": view.attributes,
        "singleConfigurationInstance": None,
        "tags": view.tags,
        "config": view.config,
    }


def _checked(config: dict[str, Any]) -> str:
    """The name of a macro that can be used. Raises InvalidInput."""
    if not isinstance(config.get("nql"), str) or not config["nql"].strip():
        raise InvalidInput("config.nql: must be a text of NQL", field="config.nql")
    name = config.get("name")
    if not isinstance(name, str) or not name.isidentifier():
        raise InvalidInput(
            "config.name: must be a letter or _ and then letters, digits and _, as queries call it", field="config.name"
        )
    return name


def add_routes(blueprint: APIBlueprint) -> None:
    """Add this module's routes."""
    taken: dict[str | int, Any] = {409: SycopeError}
    blueprint.get("/config-elements", tags=[ELEMENTS], responses={200: models.Elements})(elements_list)
    blueprint.post("/config-element", tags=[ELEMENTS], responses={200: Created, **taken})(element_create)
    one = "/config-element/<element_id>"
    blueprint.get(one, tags=[ELEMENTS], responses={200: models.Element})(element_get)
    blueprint.put(one, tags=[ELEMENTS], responses={200: Done, **taken})(element_edit)
    blueprint.delete(one, tags=[ELEMENTS], responses={200: Done})(element_delete)
    permissions = "/permissions/CONFIGURATION.<category>/<element_id>"
    blueprint.get(permissions, tags=[ELEMENTS], responses={200: models.ElementPermissions})(permissions_get)
    blueprint.put(permissions, tags=[ELEMENTS], responses={200: models.ElementPermissions})(permissions_edit)
