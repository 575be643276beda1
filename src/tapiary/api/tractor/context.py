"""The services behind the present request."""

from __future__ import annotations

from flask import current_app
from flask_openapi3 import Tag

from tapiary.services import Services

FILES = Tag(name="files", description="The repository of captures")
FILE = Tag(name="file", description="One processed capture, by its job")
LABELS = Tag(name="labels", description="What flows may be called")
SERVER = Tag(name="server", description="The server itself")


def services() -> Services:
    """The services that the app was made with."""
    found: Services = current_app.extensions["tapiary"]
    return found
