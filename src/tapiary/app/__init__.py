"""The composition root: builds the rooms from the settings, starts and stops them, and runs the server."""

from __future__ import annotations

from tapiary.app.root import App, build
from tapiary.app.server import serve

__all__ = ["App", "build", "serve"]
