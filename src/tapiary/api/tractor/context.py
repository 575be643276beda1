"""The services behind the present request, and the groups of routes in the documentation."""

from __future__ import annotations

from flask_openapi3 import Tag

from tapiary.api.context import actor, services

__all__ = ["FILE", "FILES", "LABELS", "SERVER", "actor", "services"]

FILES = Tag(name="files", description="The repository of captures")
FILE = Tag(name="file", description="One processed capture, by its job")
LABELS = Tag(name="labels", description="What flows may be called")
SERVER = Tag(name="server", description="The server itself")
