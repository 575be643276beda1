"""The thread beside the connections: it tells the hive who has gone, and ends connections that never showed a token."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tapiary.telemetry import counter, logger

if TYPE_CHECKING:
    from tapiary.api.hive.channel import Channel
    from tapiary.services import Services

log = logger("api")

#: Seconds after which a connection without a valid token is ended: it holds a thread.
SHOW_TOKEN_S = 15.0
#: Seconds between two looks at them.
LOOK_S = 3.0
#: Seconds that the hive may take to let a drone in.
LET_IN_S = 30.0
_ended = counter("api", "hive_connections_without_token")


class Housekeeping:
    """Started by the first connection.

    The end of a connection is noticed wherever it is used, also inside of a call of the hive's own, which may hold
    locks: so it is told here.
    """

    def __init__(self, services: Services, eio: Any, limit: int, owned: Callable[[str], bool]) -> None:
        self._services = services
        self._eio = eio
        self._limit = limit
        self._owned = owned
        self._gone: queue.SimpleQueue[Channel | None] = queue.SimpleQueue()
        self._since: dict[str, float] = {}
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._accept = eio.handlers["connect"]
        eio.on("connect", self._begin)

    def tell_end(self, channel: Channel) -> None:
        """Let the hive know soon that a connection has ended."""
        self._gone.put(channel)

    def stop(self) -> None:
        """Tell what is to be told, and end."""
        self._gone.put(None)
        if self._thread is not None:
            self._thread.join(LET_IN_S)

    def _begin(self, eio_sid: str, environ: dict[str, Any]) -> Any:
        """A new transport: refused when there are too many, else the server's own handler goes on."""
        if len(self._eio.sockets) > self._limit:
            return "too many connections"
        self._since[eio_sid] = time.monotonic()
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="hive-housekeeping", daemon=True)
                self._thread.start()
        return self._accept(eio_sid, environ)

    def _run(self) -> None:
        look = time.monotonic() + LOOK_S
        while True:
            try:
                channel = self._gone.get(timeout=max(look - time.monotonic(), 0.01))
                if channel is None:
                    return
                self._tell(channel)
            except queue.Empty:
                pass
            except Exception:
                log.exception("the end of a drone's connection was not told")
            if time.monotonic() >= look:
                look = time.monotonic() + LOOK_S
                self._end_strangers()

    def _tell(self, channel: Channel) -> None:
        if channel.announced.wait(LET_IN_S):
            self._services.hive.disconnected(channel.drone_id, channel)

    def _end_strangers(self) -> None:
        now = time.monotonic()
        for eio_sid, since in list(self._since.items()):
            transport = self._eio.sockets.get(eio_sid)
            if transport is None or self._owned(eio_sid):
                self._since.pop(eio_sid, None)
            elif now - since > SHOW_TOKEN_S:
                self._since.pop(eio_sid, None)
                _ended.add()
                try:
                    transport.close(wait=False, abort=True)
                except Exception:
                    log.exception("a connection without a token was not closed")
