"""How many requests are worked on at the same time: users' and drones' do not take each other's threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from tapiary.telemetry import counter

if TYPE_CHECKING:
    from tapiary.config import Config

#: Requests of users that wait for their turn; more are told to come again.
WAITING = 256
#: Requests of drones beside those of `max_drones`: of connections that have shown no token yet.
STRANGERS = 128
#: What drones ask for.
DRONES = ("/socket.io", "/hive/")
_busy = counter("app", "busy_requests")


class Gate:
    """A WSGI application before the app.

    A drone holds a thread as long as it is connected, or two when it polls, and one more while it uploads. So there
    are threads for all of them, and requests of users go on `server.threads` at a time, as they would without drones.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]], config: Config) -> None:
        self._app = app
        self._users = threading.BoundedSemaphore(config.server.threads)
        self._waiting = threading.BoundedSemaphore(WAITING)
        self._drones = threading.BoundedSemaphore(_for_drones(config))

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Pass a request on when its turn has come."""
        if environ.get("PATH_INFO", "").startswith(DRONES):
            return self._pass_drone(environ, start_response)
        if not self._users.acquire(blocking=False):
            if not self._waiting.acquire(blocking=False):
                return _turn_away(start_response)
            try:
                self._users.acquire()
            finally:
                self._waiting.release()
        turn = _Turn(self._users)
        try:
            answer = self._app(environ, start_response)
        except BaseException:
            turn.end()
            raise
        file: Any = answer
        if isinstance(file, environ.get("wsgi.file_wrapper", ())):
            # The server knows files by their class, and sends them without reading them.
            turn.close_first = getattr(file, "close", None)
            file.close = turn.end
            return answer
        return _Answer(answer, turn)

    def _pass_drone(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """A drone's answers are small: they are ready when the app returns."""
        if not self._drones.acquire(blocking=False):
            return _turn_away(start_response)
        try:
            return self._app(environ, start_response)
        finally:
            self._drones.release()


class _Turn:
    """One place among the requests, given back once."""

    def __init__(self, places: threading.Semaphore) -> None:
        self._places = places
        self._lock = threading.Lock()
        self._ended = False
        self.close_first: Callable[[], None] | None = None

    def end(self) -> None:
        try:
            if self.close_first is not None:
                self.close_first()
        finally:
            with self._lock:
                ended, self._ended = self._ended, True
            if not ended:
                self._places.release()


class _Answer:
    """An answer that gives its place back when the server has sent it."""

    def __init__(self, answer: Iterable[bytes], turn: _Turn) -> None:
        self._answer = answer
        self._turn = turn
        turn.close_first = getattr(answer, "close", None)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._answer)

    def close(self) -> None:
        """Called by the server at the end, however that comes (PEP 3333)."""
        self._turn.end()


def threads_needed(config: Config) -> int:
    """The threads that the HTTP server may need; it makes them when they are."""
    return config.server.threads + WAITING + _for_drones(config)


def _for_drones(config: Config) -> int:
    return 3 * config.capture.max_drones + STRANGERS


def _turn_away(start_response: Callable[..., Any]) -> Iterable[bytes]:
    _busy.add()
    headers = [("Content-Type", "application/json"), ("Retry-After", "1")]
    start_response("503 Service Unavailable", headers)
    return [b'{"error": "busy", "status": 503, "code": 503, "message": "Too many requests at once; come again"}']
