"""The hive's sockets: Socket.IO for TCI's drones and ours, and HTTP for the captures that drones of ours bring.

What arrives goes to `services.hive`, which decides; nothing is decided here. `register` adds both to the Flask app.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tapiary.api.hive.http import make_blueprint
from tapiary.api.hive.sockets import Sockets

if TYPE_CHECKING:
    from flask import Flask
    from flask_socketio import SocketIO

    from tapiary.services import Services

__all__ = ["BLUEPRINT", "EXTENSION", "Sockets", "register"]

#: The blueprint of the HTTP side; its routes do their own authentication.
BLUEPRINT = "hive"
#: Where the app keeps the `Sockets`, whose `stop` the server calls when it ends.
EXTENSION = "tapiary-hive"


def register(app: Flask, services: Services) -> SocketIO:
    """Let the app serve drones; the `Sockets` are in `app.extensions["tapiary-hive"]`."""
    sockets = Sockets(app, services)
    app.extensions[EXTENSION] = sockets
    app.register_blueprint(make_blueprint(BLUEPRINT, services))
    return sockets.socketio
