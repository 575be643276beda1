"""The page at `/`: what is there, who is logged in, and where to begin."""

from __future__ import annotations

import re

from flask import Blueprint, Response, request
from markupsafe import Markup, escape

from tapiary.api.context import services
from tapiary.api.pages.render import page


def root() -> Response:
    """The first page."""
    host = services().config.server.url.rstrip("/") or request.host_url.rstrip("/")
    return page("root", host=host, attribution=[_linked(text) for text in services().attribution()])


def _linked(text: str) -> Markup:
    """Escaped text with its addresses as links."""
    return Markup(re.sub(r"https?://[^\s,;()]+", r'<a href="\g<0>">\g<0></a>', str(escape(text))))


def add_routes(blueprint: Blueprint) -> None:
    """Add this module's pages."""
    blueprint.get("/")(root)
