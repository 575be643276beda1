"""The connection to the hive: Socket.IO by websocket, else by polling, made anew for ever."""

from __future__ import annotations

import logging
import os
import random
import threading
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tapiary import telemetry
from tapiary.capture.drone.config import Settings
from tapiary.capture.messages import encode
from tapiary.errors import Unavailable

if TYPE_CHECKING:
    import requests

_log = telemetry.logger("drone")
#: The wait before a new connection, at random, so that drones do not come back all at once (as TCI's drone).
MOST_WAIT_S = 5.0
#: Orders of the hive; each has one JSON string, or nothing, as its argument.
EVENTS = ("start_job", "stop_job", "pause_job", "delete_job", "get_chunk", "update_info", "force_disconnect",
          "check_filter")
CONNECT_S = 10.0


def session(settings: Settings) -> requests.Session:
    """An HTTP session with the certificates of the settings. Raises Unavailable without the library."""
    try:
        import requests
        from requests.adapters import HTTPAdapter
    except ImportError:
        raise Unavailable("the drone's libraries are not installed: pip install 'tapiary[drone]'",
                          code="no_library") from None
    made = requests.Session()
    made.trust_env = False      # a proxy for the web is none for the hive
    tls = settings.tls
    made.verify = False if tls.insecure else tls.ca_cert or True
    if tls.cert:
        made.cert = (tls.cert, tls.key) if tls.key else tls.cert
    if tls.insecure:
        import urllib3

        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    made.mount("http://", HTTPAdapter())
    made.mount("https://", HTTPAdapter())
    return made


class Link:
    """Connects, hands events over, sends. `handle` answers an event with its acknowledgement (None: an empty one)."""

    def __init__(
        self, settings: Settings, *, handle: Callable[[str, Any], Any], connected: Callable[[], None],
        disconnected: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._handle, self._connected, self._disconnected = handle, connected, disconnected
        self._stopping = threading.Event()
        self._client: Any = None
        self._thread = threading.Thread(target=self._run, name="tapiary-drone-link", daemon=True)

    def start(self) -> None:
        """Start connecting. Raises Unavailable without the library."""
        try:
            import_module("socketio")
        except ImportError:
            raise Unavailable("the drone's libraries are not installed: pip install 'tapiary[drone]'",
                              code="no_library") from None
        self._thread.start()

    def stop(self) -> None:
        """Leave the hive for good."""
        self._stopping.set()
        self.leave()
        self._thread.join(5.0)

    def leave(self) -> None:
        """Drop the connection; a new one is made after a while."""
        client = self._client
        if client is not None:
            # Not in the calling thread: leaving waits for threads that may wait for the caller.
            threading.Thread(target=_quietly, args=(client.disconnect,), daemon=True).start()

    def send(self, event: str, message: Any | None, answered: Callable[..., None] | None = None) -> None:
        """Say something; lost without a connection. `answered` gets the acknowledgement's values."""
        client = self._client
        if client is None or not client.connected:
            return
        data = None if message is None else encode(message)
        try:
            client.emit(event, data, callback=answered)
        except Exception as error:  # noqa: BLE001 - the connection breaks while we speak: it is told as such
            _log.debug("%s is lost: %s", event, error)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._once()
            self._stopping.wait(random.uniform(0.0, MOST_WAIT_S))

    def _once(self) -> None:
        """One connection, from its making to its end."""
        socketio: Any = import_module("socketio")
        http = session(self._settings)
        quiet = logging.getLogger("tapiary.drone.socketio")     # what breaks is told here, in plain words
        quiet.setLevel(logging.CRITICAL)
        client = socketio.Client(reconnection=False, http_session=http, ssl_verify=not self._settings.tls.insecure,
                                 request_timeout=CONNECT_S, handle_sigint=False, logger=quiet, engineio_logger=quiet)
        for event in EVENTS:
            client.on(event, self._handler(event))
        gone = threading.Event()

        client.on("disconnect", lambda *_reason: gone.set())
        try:
            client.connect(self._settings.base_url, auth={"token": self._settings.hive.token},
                           transports=_transports(), wait_timeout=CONNECT_S)
        except Exception as error:  # noqa: BLE001 - whatever the reason: tell it, try again
            _log.warning("no connection to %s: %s", self._settings.base_url, " ".join(str(error).split()))
            _quietly(client.disconnect)
            return
        self._client = client
        _log.info("connected to %s by %s", self._settings.base_url, client.transport())
        try:
            self._connected()
            gone.wait()
        finally:
            self._client = None
            self._disconnected()
            _quietly(client.disconnect)
            if not self._stopping.is_set():
                _log.warning("the connection to %s is lost", self._settings.base_url)

    def _handler(self, event: str) -> Callable[..., Any]:
        def handler(*arguments: Any) -> Any:
            return self._handle(event, arguments[0] if arguments else None)

        return handler


def _transports() -> list[str] | None:
    """None: begin by polling and go over to websocket where that is offered (for tests: one of them)."""
    named = os.environ.get("TAPIARY_DRONE_TRANSPORT")
    return [named] if named else None


def _quietly(action: Callable[[], Any]) -> None:
    try:
        action()
    except Exception as error:  # noqa: BLE001 - it is gone already
        _log.debug("%s", error)
