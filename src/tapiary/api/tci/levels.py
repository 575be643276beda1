"""/authorizations: the levels of users, and what they permit."""

from __future__ import annotations

from typing import Annotated, Any

from flask import Response
from flask_openapi3 import APIBlueprint, Tag
from pydantic import Field, RootModel

from tapiary.accounts import READ, LevelView, Right
from tapiary.accounts import Permission as Bit
from tapiary.api.context import actor, services
from tapiary.api.tci.answers import nothing, reply
from tapiary.api.tci.shapes import Model, Parameters, Text
from tapiary.errors import InvalidInput

LEVELS = Tag(name="authorizations", description="Authorization levels: key, rank and role at once")

RIGHTS: dict[str, Right | None] = {
    "levels_list": READ,
    "level_get": READ,
    "permissions_list": READ,
    "level_create": Right("admin", Bit.MODIFY_AUTHORIZATIONS),
    "level_edit": Right("admin", Bit.MODIFY_AUTHORIZATIONS),
    "level_delete": Right("admin", Bit.MODIFY_AUTHORIZATIONS),
}

Number = Annotated[int, Field(ge=1, le=2**31 - 1, description="1 is the highest")]
Bits = Annotated[int, Field(ge=0, le=63, description="Sum of permissions; 63 is all of them, and needed for drones")]
Name = Annotated[Text, Field(max_length=100)]


class LevelPath(Parameters):
    """The level in the path."""

    level: Annotated[int, Field(ge=0, le=2**63 - 1)]


class Level(Model):
    """An authorization level."""

    name: str
    level: int
    permissions: int


class Levels(RootModel[list[Level]]):
    """Levels by number."""


class NewLevel(Model):
    """A level to be."""

    level: Number
    name: Name
    permissions: Bits


class LevelChange(Model):
    """What changes of a level; what is not given stays."""

    name: Name | None = None
    permissions: Bits | None = None
    level: Annotated[Any, Field(description="Not to be given: a level's number stays")] = None


class Permission(Model):
    """A permission and its bit."""

    name: str
    value: int


class Permissions(RootModel[list[Permission]]):
    """The permissions with bits of their own."""


def levels_list() -> Response:
    """List authorization levels"""
    return reply(Levels([_level(view) for view in services().accounts.levels.list()]))


def level_get(path: LevelPath) -> Response:
    """Get an authorization level"""
    return reply(_level(services().accounts.levels.get(path.level)))


def permissions_list() -> Response:
    """List permissions; ADMIN is all of them and is left out"""
    return reply(Permissions([Permission(name=str(bit.name), value=int(bit)) for bit in Bit if bit != Bit.ADMIN]))


def level_create(body: NewLevel) -> Response:
    """Make an authorization level"""
    view = services().accounts.levels.create(
        actor(), level=body.level, name=body.name, permissions=body.permissions
    )
    return reply(_level(view))


def level_edit(path: LevelPath, body: LevelChange) -> Response:
    """Change an authorization level; it holds for all its users at once"""
    if "level" in body.model_fields_set:
        raise InvalidInput("level: cannot be changed; make another level and move its users", field="level")
    view = services().accounts.levels.edit(actor(), path.level, name=body.name, permissions=body.permissions)
    return reply(_level(view))


def level_delete(path: LevelPath) -> Response:
    """Delete an authorization level that nothing uses"""
    services().accounts.levels.delete(actor(), path.level)
    return nothing()


def _level(view: LevelView) -> Level:
    return Level(name=view.name, level=view.level, permissions=int(view.permissions))


def add_routes(blueprint: APIBlueprint) -> None:
    """Add this module's routes."""
    one = "/authorizations/<int:level>"
    blueprint.get("/authorizations", tags=[LEVELS], responses={200: Levels})(levels_list)
    blueprint.post("/authorizations", tags=[LEVELS], responses={200: Level})(level_create)
    blueprint.get("/authorizations/permissions", tags=[LEVELS], responses={200: Permissions})(permissions_list)
    blueprint.get(one, tags=[LEVELS], responses={200: Level})(level_get)
    blueprint.put(one, tags=[LEVELS], responses={200: Level})(level_edit)
    blueprint.delete(one, tags=[LEVELS], responses={204: None})(level_delete)
