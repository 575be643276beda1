"""The hive's sockets on a real server, before a hive that only notes what it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import socketio
from flask import Flask
from werkzeug.serving import make_server

from tapiary.api.hive import EXTENSION, Sockets, register
from tapiary.config import Config
from tests.api.hive.recording import RecordingHive, recording_services


@dataclass
class Hive:
    """A server of sockets and what it told."""

    address: str
    told: RecordingHive
    sockets: Sockets
    clients: list[socketio.Client] = field(default_factory=list)

    def client(self, token: Any = "tok-1", *, connect: bool = True, **options: Any) -> socketio.Client:
        """A real client, connected; `transports` as python-socketio has it."""
        transports = options.pop("transports", None)
        handlers: dict[str, Callable[..., Any]] = options.pop("handlers", {})
        client = socketio.Client(**({"reconnection": False} | options))
        for name, handler in handlers.items():
            client.on(name, handler)
        self.clients.append(client)
        if connect:
            client.connect(self.address, auth={"token": token}, transports=transports, wait_timeout=20)
        return client


@pytest.fixture
def hive(config: Config) -> Iterator[Hive]:
    """Sockets under werkzeug's threads on a free port."""
    services = recording_services(config)
    app = Flask("tapiary")
    register(app, services)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    sockets: Sockets = app.extensions[EXTENSION]
    hive = Hive(f"http://127.0.0.1:{server.server_port}", services.hive, sockets)
    yield hive
    for client in hive.clients:
        client.reconnection = False
    sockets.stop()
    server.shutdown()
    thread.join()
    server.server_close()


def text(message: Any) -> str:
    """An event's argument as drones send it."""
    return json.dumps(message)
