"""One drone's connection as the hive sees it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from tapiary.capture import encode
from tapiary.telemetry import logger

if TYPE_CHECKING:
    from socketio import Server

log = logger("api")

#: Seconds that a drone that polls has to fetch what was sent before its connection was dropped.
FETCH_S = 2.0


class Channel:
    """Sends to one connection, and to no other.

    Sending only puts into the connection's queue, which its own thread empties, so the hive never waits for a drone.
    A connection that ends tells the hive from a thread of its own, never from inside of a call of the hive's.
    """

    def __init__(self, server: Server, sid: str, eio_sid: str, drone_id: int, address: str) -> None:
        self.sid = sid
        self.drone_id = drone_id
        self.address = address
        #: Set when `hive.connected` has returned, so that the end is never told before the beginning.
        self.announced = threading.Event()
        #: Set when the connection has ended.
        self.ended = threading.Event()
        #: The thread that works on an event of this drone.
        self.reader: int | None = None
        #: Set when it was dropped; what still comes in is ignored.
        self.closing = False
        self._server = server
        self._eio_sid = eio_sid
        self._waiters: list[threading.Event] = []

    def __repr__(self) -> str:
        return f"<Channel of drone {self.drone_id} from {self.address}>"

    def send(self, event: str, message: Any | None = None) -> None:
        """Send an event, with a message or without any; nothing happens when the connection has ended."""
        self._emit(event, message, None)

    def call(self, event: str, message: Any | None, timeout_s: float) -> Any:
        """Send an event and wait for the drone's acknowledgement: None, its one value, or a tuple of several.

        Raises TimeoutError when none comes in time, or the connection ends. Not to be used while an event of the same
        drone is handled: the acknowledgement comes after that event.
        """
        if self.reader == threading.get_ident():
            raise RuntimeError(f"{event}: the drone cannot answer while its own event is handled")
        done = threading.Event()
        answers: list[Any] = []

        def answered(*values: Any) -> None:
            answers.append(values[0] if len(values) == 1 else values or None)
            done.set()

        self._waiters.append(done)
        try:
            if not self._emit(event, message, answered) or self.ended.is_set():
                raise TimeoutError(f"{event}: the drone is not connected")
            done.wait(timeout_s)
        finally:
            self._waiters.remove(done)
        if not answers:
            raise TimeoutError(f"{event}: no answer")
        return answers[0]

    def close(self) -> None:
        """Drop the connection, after what was sent before.

        The transport is closed and nothing is said in Socket.IO's own words: told to disconnect, TCI's drone would give
        up its capture, while after a lost connection it goes on and comes back.
        """
        if self.closing:
            return
        self.closing = True
        transport = self._server.eio.sockets.get(self._eio_sid)
        if transport is None:
            return
        if transport.upgraded or transport.queue.empty():
            self._drop(transport)
        else:
            threading.Thread(target=self._drop_when_fetched, args=(transport,), daemon=True).start()

    def _drop_when_fetched(self, transport: Any) -> None:
        """A drone that polls comes for what was sent to it."""
        end = time.monotonic() + FETCH_S
        while not transport.queue.empty() and not self.ended.wait(0.05) and time.monotonic() < end:
            pass
        self._drop(transport)

    def _drop(self, transport: Any) -> None:
        transport.close(wait=False, abort=True, reason=self._server.reason.SERVER_DISCONNECT)

    def end(self) -> None:
        """Note the connection's end; whoever waits for an answer is told."""
        self.ended.set()
        for waiter in list(self._waiters):
            waiter.set()

    def _emit(self, event: str, message: Any | None, callback: Any) -> bool:
        data = message if message is None or isinstance(message, str) else encode(message)
        # Socket.IO sends to everybody when it is given no addressee.
        if not self.sid or self.ended.is_set():
            return False
        try:
            self._server.emit(event, data, to=self.sid, callback=callback)
        except Exception:
            # Typically the socket is closed but its end not yet told.
            log.debug("%s to %r was not sent", event, self, exc_info=True)
            return False
        return True
