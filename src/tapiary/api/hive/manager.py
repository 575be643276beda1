"""Socket.IO's list of connections, made safe for threads, and telling when one is complete."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from socketio import Manager


class LockedManager(Manager):  # type: ignore[misc]
    """python-socketio's manager changes shared dicts in several steps; 200 drones connect at the same moment.

    `on_open(sid, alive)` is called when the acceptance is on its way to the client: what is sent from then on follows
    it. `alive` is false when the client has gone meanwhile; then nothing else is told about that connection.
    """

    def __init__(self, on_open: Callable[[str, bool], None]) -> None:
        super().__init__()
        self._on_open = on_open
        self._lock = threading.RLock()

    def pre_connect(self, eio_sid: str, namespace: str) -> str | None:
        """Enter a connection that is not accepted yet."""
        with self._lock:
            sid: str | None = super().pre_connect(eio_sid, namespace)
        return sid

    def connect(self, sid: str, namespace: str) -> str:
        """Enter an accepted connection."""
        with self._lock:
            sid = super().connect(sid, namespace)
            eio_sid = self.eio_sid_from_sid(sid, namespace)
        # From here on a break is told to the namespace. One that came while the token was checked was not.
        transport = self.server.eio.sockets.get(eio_sid)
        alive = transport is not None and not transport.closing and not transport.closed
        if not alive:
            self.disconnect(sid, namespace)
        self._on_open(sid, alive)
        return sid

    def pre_disconnect(self, sid: str, namespace: str) -> Any:
        """Mark a connection as ending."""
        with self._lock:
            return super().pre_disconnect(sid, namespace)

    def disconnect(self, sid: str, namespace: str, **options: Any) -> Any:
        """Forget a connection."""
        with self._lock:
            return super().disconnect(sid, namespace, **options)

    def is_connected(self, sid: str, namespace: str) -> bool:
        """Whether a connection is accepted and not ending."""
        with self._lock:
            return bool(super().is_connected(sid, namespace))

    def is_pre_connected(self, sid: str, namespace: str) -> bool:
        """Whether a connection waits for its token to be checked."""
        with self._lock:
            return bool(super().is_pre_connected(sid, namespace))

    def sid_from_eio_sid(self, eio_sid: str, namespace: str) -> str | None:
        """The connection over a transport."""
        with self._lock:
            sid: str | None = super().sid_from_eio_sid(eio_sid, namespace)
        return sid
