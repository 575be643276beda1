"""The services behind the present request, and who sends it."""

from __future__ import annotations

from flask import current_app, g

from tapiary.accounts import Actor
from tapiary.services import Services


def services() -> Services:
    """The services that the app was made with."""
    found: Services = current_app.extensions["tapiary"]
    return found


def actor() -> Actor:
    """Who sends the present request; there is none where a route is open to everybody."""
    found: Actor = g.actor
    return found
