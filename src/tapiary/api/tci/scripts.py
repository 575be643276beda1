"""/scripts: what may be run over captures."""

from __future__ import annotations

import base64
import binascii

from flask import Response
from flask_openapi3 import APIBlueprint, Tag

from tapiary.accounts import READ, Permission, Right
from tapiary.api.context import actor, services
from tapiary.api.tci import script_models as models
from tapiary.api.tci.answers import nothing, reply
from tapiary.errors import InvalidInput

SCRIPTS = Tag(name="scripts", description="What may be run over captures")

RIGHTS: dict[str, Right] = {
    "scripts_list": READ,
    "script_get": Right("read", Permission.SCRIPT_MASTER),
    "script_file": Right("read", Permission.SCRIPT_MASTER),
    "script_create": Right("write", Permission.SCRIPT_MASTER),
    "script_delete": Right("write", Permission.SCRIPT_MASTER),
}

#: A script below 1 MiB in base64, and what stands around it.
BODIES: dict[str, int | None] = {"script_create": 2 << 20}


def scripts_list() -> Response:
    """List the scripts that one may use"""
    found = services().scripts.list(actor())
    return reply(models.Scripts([_script(v.name, v.description, v.level, v.contents, v.filetype) for v in found]))


def script_get(path: models.ScriptPath) -> Response:
    """Get a script"""
    view = services().scripts.get(actor(), path.name)
    return reply(_script(view.name, view.description, view.level, view.contents, view.filetype))


def script_file(path: models.ScriptPath) -> Response:
    """Get what a script consists of"""
    view = services().scripts.get(actor(), path.name)
    return reply(models.ScriptFile(filetype=view.filetype, file=_base64(view.contents)))


def script_create(body: models.NewScript) -> Response:
    """Bring a script"""
    try:
        contents = base64.b64decode(body.file_contents, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput("file_contents: is not base64", field="file_contents") from None
    view = services().scripts.create(
        actor(),
        name=body.name,
        level=body.authorization_level,
        contents=contents,
        description=body.description,
    )
    return reply(_script(view.name, view.description, view.level, view.contents, view.filetype))


def script_delete(path: models.ScriptPath) -> Response:
    """Delete a script that no job speaks of"""
    services().scripts.delete(actor(), path.name)
    return nothing()


def _script(name: str, description: str | None, level: int, contents: bytes, filetype: str) -> models.Script:
    return models.Script(
        name=name,
        description=description,
        authorization_level=level,
        file_contents=_base64(contents),
        filetype=filetype,
    )


def _base64(contents: bytes) -> str:
    return base64.b64encode(contents).decode()


def add_routes(blueprint: APIBlueprint) -> None:
    """Add this module's routes."""
    blueprint.get("/scripts", tags=[SCRIPTS], responses={200: models.Scripts})(scripts_list)
    blueprint.post("/scripts", tags=[SCRIPTS], responses={200: models.Script})(script_create)
    blueprint.get("/scripts/<name>", tags=[SCRIPTS], responses={200: models.Script})(script_get)
    blueprint.get("/scripts/<name>/file", tags=[SCRIPTS], responses={200: models.ScriptFile})(script_file)
    blueprint.delete("/scripts/<name>", tags=[SCRIPTS], responses={204: None})(script_delete)
