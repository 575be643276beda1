"""/logs: the server's log files."""

from __future__ import annotations

from pathlib import Path

from flask import Response, send_file
from flask_openapi3 import APIBlueprint, Tag
from pydantic import RootModel

from tapiary.accounts import READ, Permission, Right
from tapiary.api.context import services
from tapiary.api.tci.answers import reply
from tapiary.api.tci.shapes import Model, Parameters
from tapiary.errors import NotFound

LOGS = Tag(name="logs", description="The server's log files")

RIGHTS: dict[str, Right | None] = {"logs_list": READ, "log_file": Right("read", Permission.VIEW_LOG)}


class LogPath(Parameters):
    """The log file in the path."""

    name: str


class Log(Model):
    """A log file."""

    name: str


class Logs(RootModel[list[Log]]):
    """Log files by name."""


def logs_list() -> Response:
    """List log files, the present one and former ones"""
    return reply(Logs([Log(name=name) for name in sorted(_files())]))


def log_file(path: LogPath) -> Response:
    """Download a log file"""
    # Only what the list has is there: a name never becomes a path.
    found = _files().get(path.name)
    if found is None:
        raise NotFound(f"name: there is no log file {path.name!r}", field="name")
    return send_file(found, "text/plain", as_attachment=True, download_name=path.name, max_age=0)


def _files() -> dict[str, Path]:
    """The log files by name; links are left out, since they may lead anywhere."""
    config = services().config
    try:
        return {
            entry.name: entry
            for entry in config.logs_path.iterdir()
            if config.log.name in entry.name and entry.is_file() and not entry.is_symlink()
        }
    except FileNotFoundError:
        return {}


def add_routes(blueprint: APIBlueprint) -> None:
    """Add this module's routes."""
    text = {"content": {"text/plain": {"schema": {"type": "string"}}}}
    blueprint.get("/logs", tags=[LOGS], responses={200: Logs})(logs_list)
    blueprint.get("/logs/<name>/file", tags=[LOGS], responses={200: text})(log_file)
