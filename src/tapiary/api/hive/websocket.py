"""WebSockets for Engine.IO's threads, over the sockets of gunicorn and werkzeug.

In place of simple-websocket's server side, which takes a message of any size into memory before anybody has shown a
token, needs a thread more for each drone, waits for ever for a peer that has gone, and may write and read a TLS
connection at the same time.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Message, Ping, Request, TextMessage
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import ProtocolError

from tapiary.api.hive.wire import Wire
from tapiary.telemetry import counter

#: Bytes read at once.
READ_BYTES = 1 << 16
_oversized = counter("api", "hive_oversized_messages")


class WebSocket:
    """One connection, with the methods that engineio's `Socket` calls: an instance is its own WSGI application."""

    def __init__(self, handler: Callable[[WebSocket], Any], server: Any) -> None:
        self._handler = handler
        self._server = server
        self._limit: int = server.max_http_buffer_size
        # A peer that does not even answer pings has gone; some seconds are for the network.
        self._silence_s: float = server.ping_interval + server.ping_timeout + 5.0
        self._protocol = WSConnection(ConnectionType.SERVER)
        self._lock = threading.Lock()
        self._wire: Wire
        self._open = False
        self._ready: deque[str | bytes] = deque()
        self._parts: list[str | bytes | bytearray] = []
        self._size = 0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Answer the upgrade and run the handler until the connection ends."""
        server = "gunicorn" if "gunicorn.socket" in environ else "werkzeug"
        self._wire = Wire(environ[f"{server}.socket"], self._silence_s)
        with suppress(OSError):
            self._shake_hands(environ)
            try:
                self._handler(self)
            finally:
                self._open = False
                self._wire.cut()
                # engineio would do this after its own websockets, were it not for the exception below.
                self._server.sockets.pop(getattr(getattr(self._handler, "__self__", None), "sid", None), None)
        # Nothing may follow on this connection; each server has its own way to be told.
        raise StopIteration if server == "gunicorn" else ConnectionError

    def wait(self) -> str | bytes | None:
        """The next message; None when the connection has ended."""
        while not self._ready:
            if not self._open:
                return None
            try:
                data = self._wire.receive(READ_BYTES)
                answer = self._take(data)
                if answer:
                    self._wire.send(answer)
            except (OSError, ProtocolError):
                self._open = False
        return self._ready.popleft()

    def send(self, message: str | bytes) -> None:
        """Send a message. Raises OSError when the connection has ended."""
        if not self._open:
            raise OSError("the websocket is closed")
        with self._lock:
            try:
                whole: Any = message
                data = self._protocol.send(Message(data=whole))
            except ProtocolError as error:
                raise OSError(str(error)) from None
            self._wire.send(data)

    def close(self) -> None:
        """Say goodbye; a peer that does not answer is cut off."""
        if not self._open:
            return
        self._open = False
        with suppress(OSError, ProtocolError), self._lock:
            self._wire.send(self._protocol.send(CloseConnection(CloseReason.NORMAL_CLOSURE)))
        self._wire.finish()

    def _shake_hands(self, environ: dict[str, Any]) -> None:
        """Give wsproto the request that the HTTP server has read already, and send its answer. Raises OSError."""
        lines = ["GET / HTTP/1.1"]
        for key, value in environ.items():
            if key.startswith("HTTP_"):
                lines.append(f"{key[5:].replace('_', '-')}: {value}")
        self._open = True
        try:
            answer = self._take("\r\n".join([*lines, "", ""]).encode("latin-1", "replace"))
        except ProtocolError as error:
            self._wire.send(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            raise OSError(f"no websocket handshake: {error}") from None
        self._wire.send(answer)

    def _take(self, data: bytes) -> bytes:
        """Feed received bytes to the protocol; returns what must be sent for them. Raises ProtocolError."""
        answer = b""
        with self._lock:
            # No bytes mean that the peer has closed.
            self._protocol.receive_data(data or None)
            for event in self._protocol.events():
                if isinstance(event, Request):
                    answer += self._protocol.send(AcceptConnection())
                elif isinstance(event, Ping):
                    answer += self._protocol.send(event.response())
                elif isinstance(event, (TextMessage, BytesMessage)):
                    answer += self._add(event)
                elif isinstance(event, CloseConnection):
                    self._open = False
                    with suppress(ProtocolError):
                        answer += self._protocol.send(event.response())
                if not self._open:
                    break
        if not data:
            self._open = False
        return answer

    def _add(self, event: TextMessage | BytesMessage) -> bytes:
        self._size += len(event.data)
        if self._size > self._limit:
            _oversized.add()
            self._open = False
            return self._protocol.send(CloseConnection(CloseReason.MESSAGE_TOO_BIG))
        self._parts.append(event.data)
        if event.message_finished:
            empty: Any = "" if isinstance(event, TextMessage) else b""
            whole = empty.join(self._parts)
            self._ready.append(whole)
            self._parts, self._size = [], 0
        return b""
